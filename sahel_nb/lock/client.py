"""One clone's dealings with the lock of one kernel: the seven steps of docs/lock-protocol.md.

Every method may be interrupted at any point, by kill -9 too: what is then on the remote and on Kaggle is enough for
`recover` to bring things to an end, from this clone or from any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sahel_nb.errors import NOTHING_STARTED
from sahel_nb.lock import by_hand, compaction, release
from sahel_nb.lock.backend import Backend, Tip
from sahel_nb.lock.chain import ROUNDS, Chain
from sahel_nb.lock.clock import Clock
from sahel_nb.lock.commands import Start
from sahel_nb.lock.expiry import OFFER_TTL
from sahel_nb.lock.grants import Held, Intent, Recovered
from sahel_nb.lock.kaggle_view import KaggleView, Phase
from sahel_nb.lock.record import Outcome, Record, State, clean
from sahel_nb.lock.recovery import Undertaker
from sahel_nb.lock.refusals import FencedOut, NotConfirmed, WentBack
from sahel_nb.lock.survey import Sight, Survey
from sahel_nb.lock.taking import Taker
from sahel_nb.lock.tip_memory import TipMemory
from sahel_nb.lock.waiting import Poll, Waiter
from sahel_nb.report.events import Reporter

_POLL = Poll()


def _no_url(_version: int) -> str:
    return ""


class LockClient:
    """The lock of `kernel`, on the remote that `lock_remote_id` names for everyone alike.

    `is_dead` says of a record: it was written by a process of this very clone, and that process is gone. `actor` and
    `host` sign what is written for others (a reap, an adoption). `url_of` says where a version can be looked at.
    `settle` is how many seconds a killed process's push to Kaggle may still be under way. `memory` keeps the newest tip
    seen, `offer_ttl` is how long somebody's turn waits for them, `poll` how often who waits looks.
    """

    def __init__(
        self,
        backend: Backend,
        kaggle: KaggleView,
        clock: Clock,
        reporter: Reporter,
        *,
        kernel: str,
        lock_remote_id: str,
        ttl: float,
        is_dead: Callable[[Record], bool],
        actor: str = "",
        host: str = "",
        url_of: Callable[[int], str] = _no_url,
        settle: float = 5.0,
        memory: TipMemory | None = None,
        offer_ttl: float = OFFER_TTL,
        poll: Poll = _POLL,
    ) -> None:
        self._clock = clock
        self._reporter = reporter
        self._ttl = ttl
        self._offer_ttl = offer_ttl
        self._poll = poll
        self._chain = Chain(backend, clock, reporter, kernel=kernel, by=_signature(actor, host), memory=memory)
        self._survey = Survey(kaggle, clock, lambda: self._chain.history(release.HISTORY))
        self._undertaker = Undertaker(
            self._chain, self._survey, clock, reporter, ttl=ttl, settle=settle, is_dead=is_dead, url_of=url_of
        )
        self._taker = Taker(
            self._chain, self._survey, self._undertaker, clock, reporter,
            remote_id=clean(lock_remote_id), ttl=ttl, settle=settle,
        )  # fmt: skip

    # -- looking

    def show(self) -> Tip | None:
        """The newest record, None where the kernel was never locked. That the chain `went_back` is put on it."""
        tip = self._chain.tip()
        if self._chain.went_back:
            self._chain.note_going_back()
            tip = self._chain.tip()
        return tip

    @property
    def went_back(self) -> WentBack | None:
        """Why nothing may begin on what was last seen of the chain, until somebody has acknowledged it."""
        return WentBack(self._chain.kernel, self._chain.went_back) if self._chain.went_back else None

    def idle(self, record: Record | None) -> tuple[Sight, dict[int, Phase]]:
        """What Kaggle has now, held against the newest record, and the versions that are not known to have ended, but
        for the run that the record itself is of."""
        sight = self._survey.look(record)
        running = record is not None and record.state is State.RUNNING
        busy = self._survey.busy_beside(record, sight) if record and running else self._survey.busy(sight)
        return sight, {version: self._survey.phase(version) for version in busy}

    def phase(self, version: int) -> Phase:
        """How far a version is."""
        return self._survey.phase(version)

    def acknowledge(self, reason: str) -> tuple[str, ...] | None:
        """Somebody has looked into the alarms, and into what the remote has lost: on record, with the reason. Returns
        what was acknowledged; None where there was nothing."""
        return self._chain.acknowledge(reason)

    def log(self, limit: int) -> list[Record]:
        """At most `limit` records, newest first."""
        return self._chain.history(limit)

    # -- steps 1 and 2

    def acquire(self, intent: Intent) -> Held:
        """Take the lock, or raise `Locked` or `KaggleBusy`. What is over, with nobody having said so, is reaped first.

        The holder must `confirm` before it pushes, and then call `started`, or `disarm` when it does not push.
        """
        self._chain.by = _signature(intent.actor, intent.host)
        return self._taker.take(intent)

    def acquire_in_turn(self, intent: Intent, patience: float) -> Held:
        """The same, and where the lock is taken wait for it, in the order in which people came, for `patience` seconds.

        What `acquire` raises is raised at the end of that time. However it ends, nobody waits in our name afterwards;
        if this process dies, our turn passes to the next after the offer's TTL.
        """
        return self._wait(intent, patience, by_hand=False)

    # -- by hand

    def hold(self, intent: Intent, patience: float = 0.0) -> Held:
        """Take the lock for maintenance, with a reason; nothing is pushed under it. It never expires."""
        return self._wait(intent, patience, by_hand=True)

    def release(self, actor: str, reason: str) -> Record | None:
        """Give back what `actor` holds by hand; None where nobody held anything. Raises `Refused` for others' locks."""
        return by_hand.give_back(self._chain, actor, reason)

    def break_lock(self, *, fence: int, reason: str, force: bool) -> Record:
        """End the grant `fence`, by decision; on record for ever. Raises `Refused` while Kaggle says that a run is on,
        unless forced."""
        return by_hand.break_lock(self._chain, self._survey, fence=fence, reason=reason, force=force)

    def compact(self) -> Tip | None:
        """Archive the chain as a whole, and let it begin anew; its first record. None where there is nothing to do.

        Only while nobody holds the lock or waits. Safe to repeat after a crash at any point.
        """
        return compaction.compact(self._chain)

    def _wait(self, intent: Intent, patience: float, *, by_hand: bool) -> Held:
        self._chain.by = _signature(intent.actor, intent.host)
        waiter = Waiter(
            self._chain, self._survey, self._taker, self._undertaker, self._clock, self._reporter,
            ttl=self._ttl, offer_ttl=self._offer_ttl, poll=self._poll,
        )  # fmt: skip
        return waiter.wait(intent, patience, by_hand=by_hand)

    # -- step 3

    def confirm(self, held: Held) -> Held:
        """The last look before a push: still ours, nobody pushed, hardly any time gone by.

        Otherwise the lock is given back and `NotConfirmed` raised, or `FencedOut` when it is ours no more.
        """
        tip = self._chain.tip()
        if tip is None or not tip.record.same_grant(held.record) or tip.record.state is not State.ARMED:
            now = tip.record if tip else None
            raise FencedOut(self._chain.kernel, now, "the lock was taken from us", kaggle=NOTHING_STARTED)
        held = replace(held, tip=tip)
        sight, base = self._survey.look(tip.record), tip.record.base_version
        newest = sight.newest
        if sight.other:
            why = sight.other
        elif newest != base:
            why = f"v{newest} is on Kaggle, and the lock was taken at v{base}"
        elif self._clock.boottime() - held.sent_at >= self._ttl / 3:
            why = f"more than {self._ttl / 3:g} s have passed since the lock was taken; was this machine asleep?"
        else:
            return held
        self.disarm(held, why)
        raise NotConfirmed(self._chain.kernel, why)

    # -- step 5

    def started(self, held: Held, version: int, url: str, kernel_id: int = 0) -> Held:
        """Record that Kaggle made `version` of the push, in the kernel `kernel_id` (0: it did not say).

        Alarms on the record say when that shows an overlap.

        Raises `FencedOut` when the grant was ended meanwhile: the overlap is then written where everyone sees it.
        """
        tip: Tip | None = held.tip
        for _ in range(ROUNDS):
            if tip is None or not tip.record.same_grant(held.record):
                break
            if tip.record.state is State.ARMED:
                won = self._chain.write(tip, Start(held.grant, version, clean(url), kernel_id))
                if won is not None:
                    return replace(held, tip=won)
            elif tip.record.kaggle_version == version:
                return replace(held, tip=tip)  # somebody adopted it for us, or an earlier attempt of ours had landed
            else:
                break
            tip = self._chain.tip()
        who, fence = held.record.actor, held.record.fence
        now = self._chain.alarm(f"overlap: v{version} was pushed by {who} under fence {fence}, which had ended")
        raise FencedOut(
            self._chain.kernel,
            now.record if now else None,
            f"v{version} was pushed after the lock had been taken from us",
            kaggle=f"v{version} is on Kaggle, without the lock's protection: {url}",
        )

    # -- steps 6 and 7

    def finish(self, held: Held, outcome: Outcome, alarms: tuple[str, ...] = ()) -> Record:
        """Release with the outcome, once *every* version since the last known end has ended; returns the FREE record.

        `alarms` is what everybody should know of the run. Versions that somebody pushed meanwhile are recorded as
        alarms, too, and waited for. Safe to repeat after a crash,
        an ambiguous answer, or when somebody else has reaped the run: what ended the grant is returned then.
        """
        return release.finish(self._chain, self._survey, self._reporter, held, outcome, alarms)

    def disarm(self, held: Held, reason: str) -> None:
        """Give the lock back before anything was pushed. Nothing happens when it is no longer ours."""
        release.disarm(self._chain, held, reason)

    # -- after a crash

    def recover(self, *, wait: bool) -> Recovered:
        """Find out where things stand, and bring a dead grant to its next certain state. Anyone may call this.

        ARMED with its stamp on Kaggle is adopted; ARMED by a dead process of this clone is reaped; any other ARMED must
        stand still for the TTL before it is reaped, which `wait` stays for. RUNNING is returned, to be followed and
        finished.
        """
        return self._undertaker.recover(wait=wait)


def _signature(actor: str, host: str) -> str:
    return clean(f"{actor or 'unknown'} on {host or 'unknown'}")
