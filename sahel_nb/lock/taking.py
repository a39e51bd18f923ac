"""Steps 1 and 2: look whether the kernel is idle, and take its lock. For a run, or by hand."""

from __future__ import annotations

from sahel_nb.lock.backend import Tip
from sahel_nb.lock.chain import ROUNDS, Chain
from sahel_nb.lock.clock import Clock
from sahel_nb.lock.commands import Arm, Hold
from sahel_nb.lock.grants import Held, Intent
from sahel_nb.lock.record import Record, State, clean
from sahel_nb.lock.recovery import Undertaker
from sahel_nb.lock.refusals import KaggleBusy, Locked, NotConfirmed, NotShown, undecided
from sahel_nb.lock.survey import Sight, Survey
from sahel_nb.report.events import Level, Reporter


class Taker:
    """Takes the lock of one chain. `ttl` and `settle` as `LockClient` has them."""

    def __init__(
        self,
        chain: Chain,
        survey: Survey,
        undertaker: Undertaker,
        clock: Clock,
        reporter: Reporter,
        *,
        remote_id: str,
        ttl: float,
        settle: float,
    ) -> None:
        self._chain = chain
        self._survey = survey
        self._undertaker = undertaker
        self._clock = clock
        self._reporter = reporter
        self._remote_id = remote_id
        self._ttl = ttl
        self._settle = settle

    def take(self, intent: Intent, *, by_hand: bool = False, patient: bool = False) -> Held:
        """See `LockClient.acquire`. Where nobody moved the lock since this clone last saw it, that is one push.

        `patient` as `Undertaker.make_free` has it.
        """
        held = self._take_unseen(intent, by_hand=by_hand)
        if held is not None:
            return held
        for _ in range(ROUNDS):
            tip = self._chain.tip()
            self._chain.require_whole()
            if tip is not None and tip.record.stamp == clean(intent.nonce) and not tip.record.is_held:
                why = "the lock was taken for us, and given up by others, before the remote's answer reached us"
                raise NotConfirmed(self._chain.kernel, why)
            if tip is None or _is_ours_to_take(tip.record, intent):
                held = self._grant(tip, intent, by_hand=by_hand)
                if held is not None:
                    return held
                self._chain.pause(0.02, 0.2)
            elif tip.record.is_held and tip.record.stamp == intent.nonce and tip.record.state is not State.RUNNING:
                # Written by an attempt that never heard so. When, nobody knows: `confirm` will find it too old.
                return Held(tip, self._clock.boottime() - self._ttl)
            else:
                self._undertaker.make_free(tip, patient=patient)
        tip = self._chain.tip()
        if tip is not None and not _is_ours_to_take(tip.record, intent):
            raise Locked(tip.record)
        raise undecided(self._chain.kernel, (f"others were faster {ROUNDS} times in a row",))

    def _take_unseen(self, intent: Intent, *, by_hand: bool) -> Held | None:
        """With the tip that this clone saw last, where that was free: a lease that is stale loses."""
        known = self._chain.recall()
        if known is None or not _is_ours_to_take(known.record, intent) or known.record.stamp == clean(intent.nonce):
            return None
        try:
            return self._grant(known, intent, by_hand=by_hand)
        except KaggleBusy:
            return None  # perhaps under a lock that we have not seen yet

    def _grant(self, tip: Tip | None, intent: Intent, *, by_hand: bool) -> Held | None:
        sight, alarms = self._idle(tip.record if tip else None)
        alarms = (*self._chain.owed(), *alarms)
        command: Arm | Hold
        if by_hand:
            command = Hold(
                kernel=self._chain.kernel,
                lock_remote_id=self._remote_id,
                actor=clean(intent.actor),
                host=clean(intent.host),
                run_id=clean(intent.run_id),
                stamp=clean(intent.nonce),
                base_version=sight.newest,
                reason=clean(intent.reason),
                alarms=alarms,
                kernel_id=sight.kernel_id,
            )
        else:
            command = Arm(
                kernel=self._chain.kernel,
                lock_remote_id=self._remote_id,
                actor=clean(intent.actor),
                host=clean(intent.host),
                run_id=clean(intent.run_id),
                stamp=clean(intent.nonce),
                git_commit=clean(intent.git_commit),
                src_digest=clean(intent.src_digest),
                base_version=sight.newest,
                reason=clean(intent.reason),
                alarms=alarms,
                kernel_id=sight.kernel_id,
            )
        sent_at = self._clock.boottime()
        won = self._chain.write(tip, command)
        if won is None:
            return None
        if tip is not None and tip.record.lock_remote_id != self._remote_id:
            seen = f"the lock was last taken at {tip.record.lock_remote_id}, and you take it at {self._remote_id}"
            self._reporter.say(f"{self._chain.kernel}: {seen}: are these one repository?", Level.WARN)
        return Held(won, sent_at)

    def _idle(self, last: Record | None) -> tuple[Sight, tuple[str, ...]]:
        """Kaggle's newest version, once everything up to it has ended, and alarms for what ran outside the lock."""
        sight = self._survey.look(last)
        if sight.hidden:
            raise NotShown(self._chain.kernel, sight.newest)
        busy = self._survey.busy(sight)
        if busy:
            raise KaggleBusy(self._chain.kernel, {version: self._survey.phase(version) for version in busy})
        return sight, self._survey.before(sight) if last is not None else ()


def _is_ours_to_take(record: Record, intent: Intent) -> bool:
    return record.state is State.FREE or record.offered_to(clean(intent.nonce))
