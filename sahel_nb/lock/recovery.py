"""After a crash: a dead grant is brought to its next certain state, by whoever comes along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sahel_nb.errors import NetworkError
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.chain import Chain
from sahel_nb.lock.clock import Clock
from sahel_nb.lock.commands import Adopt, Pass, Reap
from sahel_nb.lock.expiry import READS, Observation
from sahel_nb.lock.grants import Held, Recovered, Recovery
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.record import Outcome, Record, State
from sahel_nb.lock.refusals import UNREADABLE, Locked, break_by_force, ways_on
from sahel_nb.lock.survey import Sight, Survey
from sahel_nb.report.events import Level, Reporter

_READ_FAILURES = 5
DELETED_PAUSE = 10.0
"""Seconds between two looks at a kernel that is not there any more."""
PATIENT = 6
"""How often who waits in line looks whether a run that has ended is recorded by its holder, before they do it."""


class Undertaker:
    """Decides what of a held lock may be adopted or reaped. `settle` is how long a dead process's push may be under way
    to Kaggle; `url_of` says where a version can be looked at."""

    def __init__(
        self,
        chain: Chain,
        survey: Survey,
        clock: Clock,
        reporter: Reporter,
        *,
        ttl: float,
        settle: float,
        is_dead: Callable[[Record], bool],
        url_of: Callable[[int], str],
    ) -> None:
        self._chain = chain
        self._survey = survey
        self._clock = clock
        self._reporter = reporter
        self._ttl = ttl
        self._settle = settle
        self._is_dead = is_dead
        self._url_of = url_of

    def make_free(self, tip: Tip, *, patient: bool = False) -> None:
        """Reap what Kaggle, or this clone's journal, shows to be over. Raises `Locked` when nothing does; returns when
        the chain is to be read again. A run is never adopted here: its owner would never see it end.

        `patient`: the holder of a run that has ended gets longer to record it, with what only they know.
        """
        record = tip.record
        if record.state is State.ARMED:
            if not self._is_dead(record):
                raise Locked(record, note=f"if they are gone: `attach` frees it after {self._ttl:g} s without a sign")
            self._clock.sleep(self._settle)
            found = self._survey.find(record, self._survey.look(record))
            if found is not None:
                raise Locked(record, note=f"its process has ended, and v{found} on Kaggle is its run")
            self._reap_intent(tip, "its process, of this very clone, has ended")
        elif record.state is State.RUNNING:
            self._reap_run(tip, PATIENT if patient else 1)
        elif record.state is State.OFFERED and self.is_gone(record.queue[0].nonce, record):
            self.pass_on(tip, "the process that waited, of this very clone, has ended")
        else:
            raise Locked(record)

    def is_gone(self, nonce: str, record: Record) -> bool:
        """Whether the process that waited with the ticket `nonce` was of this clone, and has ended."""
        return self._is_dead(replace(record, stamp=nonce))

    def pass_on(self, tip: Tip, why: str) -> None:
        """The one to whom the lock is offered does not come: it goes to the next."""
        first = tip.record.queue[0]
        reason = f"passed on by {self._chain.by}: {first.actor} on {first.host} did not take it: {why}"
        if self._chain.write(tip, Pass(first.nonce, reason)):
            self._say(reason)

    def recover(self, *, wait: bool) -> Recovered:
        """See `LockClient.recover`."""
        try:
            return self._recover(wait=wait)
        finally:
            self._reporter.status("")

    def _recover(self, *, wait: bool) -> Recovered:
        interval = min(15.0, self._ttl / 5)
        observation = Observation(self._ttl, patience=4 * interval + 60)
        failures = 0
        while True:
            try:
                tip = self._chain.tip()
            except NetworkError:
                failures += 1
                if not wait or failures > _READ_FAILURES:
                    raise
                self._clock.sleep(interval)
                continue
            failures = 0
            if tip is None or not tip.record.is_held:
                return Recovered(Recovery.FREE, tip.record if tip else None)
            if tip.record.state is State.HELD:
                raise Locked(tip.record)
            if tip.record.state is State.RUNNING:
                if self._reap_deleted(tip, self._survey.look(tip.record)):
                    continue
                return Recovered(Recovery.RUNNING, tip.record, Held(tip, self._clock.boottime()))
            expired = observation.see(tip.record.observed, self._clock.boottime())
            recovered = self.settle_intent(tip, expired=expired)
            if recovered is not None:
                return recovered
            if not expired and not wait:
                return Recovered(Recovery.ARMED, tip.record, expires_in=observation.remaining)
            if not expired:
                left = observation.remaining
                who = f"{tip.record.actor} on {tip.record.host}"
                self._reporter.status(f"waiting {left:.0f} s for a sign of {who}, about to run {tip.record.kernel}")
                self._clock.sleep(max(0.01, min(interval, left)))

    def settle_intent(self, tip: Tip, *, expired: bool) -> Recovered | None:
        """Adopt the run of an ARMED lock, or reap it when it is dead or `expired`. None where there is nothing to do
        yet, or somebody else was faster."""
        record = tip.record
        dead = self._is_dead(record)
        sight = self._survey.look(record)
        found = self._survey.find(record, sight)
        if found is None and dead and not expired:
            self._clock.sleep(self._settle)
            sight = self._survey.look(record)
            found = self._survey.find(record, sight)
        if found is not None:
            reason = f"adopted by {self._chain.by}: v{found} carries this run's stamp"
            won = self._chain.write(tip, Adopt(found, self._url_of(found), reason, sight.kernel_id))
            if won is None:
                return None
            self._say(reason)
            return Recovered(Recovery.RUNNING, won.record, Held(won, self._clock.boottime()), adopted=True)
        if not (dead or expired):
            return None
        why = "its process, of this very clone, has ended" if dead else f"there was no sign of it for {self._ttl:g} s"
        freed = self._reap_intent(tip, why)
        return Recovered(Recovery.FREE, freed) if freed else None

    def _reap_intent(self, tip: Tip, why: str) -> Record | None:
        reason = f"reaped by {self._chain.by}: {why}, and nothing of it is on Kaggle"
        won = self._chain.write(tip, Reap(tip.record.last_done, reason))
        if won is not None:
            self._say(reason)
        return won.record if won else None

    def _reap_run(self, tip: Tip, looks: int) -> None:
        record = tip.record
        own = record.kaggle_version or 0
        sight = self._survey.look(record)
        if self._reap_deleted(tip, sight):
            return
        phase = self._survey.phase(own)
        if phase is Phase.UNKNOWN:
            raise Locked(record, note=f"v{own}: {UNREADABLE}", hints=ways_on(record, break_by_force(record)))
        if not phase.ended or self._survey.busy_beside(record, sight):
            raise Locked(record)
        if not self._is_dead(record):
            # Its holder may be fetching the outputs, and knows more than we do.
            self._reporter.status(f"v{own} has ended; giving {record.actor} {looks * self._settle:g} s to record it")
            for _ in range(looks):
                self._clock.sleep(self._settle)
                now = self._chain.tip()
                if now is None or not now.record.same_grant(record) or now.record.state is not State.RUNNING:
                    self._reporter.status("")
                    return
                tip, record = now, now.record
            self._reporter.status("")
        status = "UNKNOWN" if phase is Phase.ENDED_SOMEHOW else phase.value.upper()
        outcome = record.outcome or replace(_outcome(record), status=status)
        reason = f"reaped by {self._chain.by}: Kaggle says of v{own}: {phase.value}; nobody had recorded its end"
        if self._chain.write(tip, Reap(sight.newest, reason, outcome, self._survey.outsiders(record, sight))):
            self._say(reason)

    def _reap_deleted(self, tip: Tip, sight: Sight) -> bool:
        """End a run whose kernel was deleted: nobody will see it end. True where the chain is to be read again.

        That a kernel is there no more is looked at for a while: a new one may not be shown for a moment.
        """
        record = tip.record
        looks = 1
        while sight.other and sight.newest == 0 and looks < READS:
            self._reporter.status(f"{record.kernel} is not on Kaggle; looking once more")
            self._clock.sleep(DELETED_PAUSE)
            sight, looks = self._survey.look(record), looks + 1
        if not sight.other:
            return looks > 1
        own = record.kaggle_version or 0
        outcome = record.outcome or replace(_outcome(record), status="UNKNOWN")
        reason = f"reaped by {self._chain.by}: v{own} cannot be followed: {sight.other}"
        if self._chain.write(tip, Reap(max(record.last_done, own), reason, outcome, (sight.other,))):
            self._say(reason)
        return True

    def _say(self, text: str, level: Level = Level.INFO) -> None:
        self._reporter.say(f"{self._chain.kernel}: {text}", level)


def _outcome(record: Record) -> Outcome:
    """What the record of a run says of its outcome."""
    return Outcome(
        run_id=record.run_id,
        version=record.kaggle_version or 0,
        status="",
        commit=record.git_commit,
        actor=record.actor,
        started=record.since,
        ended="",
        outputs_digest="",
        url=record.url,
    )
