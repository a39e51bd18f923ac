"""Writing to a lock's chain: one transition at a time, and never an answer that is not certain."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from functools import cached_property

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.alarms import acknowledgement, unacknowledged
from sahel_nb.lock.backend import Backend, Tip, Verdict
from sahel_nb.lock.clock import Clock
from sahel_nb.lock.commands import Alarm, Arm, Command, Compact, Enqueue, Hold, Writer
from sahel_nb.lock.names import check_kernel
from sahel_nb.lock.record import CorruptRecord, Record, clean
from sahel_nb.lock.refusals import WentBack, undecided, wedged
from sahel_nb.lock.tip_memory import Forgetful, TipMemory
from sahel_nb.lock.transition import TooLarge, step
from sahel_nb.report.events import Level, Reporter

ATTEMPTS = 8  # of one compare-and-swap whose answer stays unknown, or whose ref stays busy
ROUNDS = 20  # of reading and trying again after a lost one
_BEGINS = (Arm, Hold, Enqueue, Compact)


class Chain:
    """The chain of one kernel's lock, written to in the name of `by`. `memory` keeps the newest tip that was seen.

    Every alarm that is read or written here, and that nobody has acknowledged, is said, once.
    """

    def __init__(
        self, backend: Backend, clock: Clock, reporter: Reporter, *, kernel: str, by: str,
        memory: TipMemory | None = None,
    ) -> None:  # fmt: skip
        self.kernel = check_kernel(kernel)
        self.by = by
        self._backend = backend
        self._clock = clock
        self._reporter = reporter
        self._memory = memory or Forgetful()
        self._told: set[str] = set()
        self.went_back = ""
        """The alarm that the remote has lost what it had acknowledged to this clone; empty where it has not."""

    @cached_property
    def _remembered(self) -> Tip | None:
        """The newest tip that this clone has seen, and that what comes later must follow on."""
        tip = self._memory.recall()
        return tip if tip is not None and tip.record.kernel == self.kernel else None

    def recall(self) -> Tip | None:
        """The tip as it was when this clone last wrote or read it: a guess, fit for the lease of a swap only."""
        return self._remembered

    def tip(self) -> Tip | None:
        """The newest record, None where the kernel was never locked. Sets `went_back`."""
        known = self._remembered
        reset = f"sahel-nb lock reset {self.kernel} --reason TEXT  # a lead, who has looked"
        try:
            tip = self._backend.read(known)
        except CorruptRecord as exc:
            upgrade = exc.hints != ("sahel-nb lock doctor",)  # it is of a later format, and in order
            exc.message, exc.hints = f"{self.kernel}: {exc.message}", exc.hints if upgrade else (reset, *exc.hints)
            raise
        if tip is not None and tip.record.kernel != self.kernel:
            why = f"the record in the place of {self.kernel} is of {clean(tip.record.kernel)}"
            raise CorruptRecord(why, hints=(reset,))
        self.went_back = went_back(self._backend, known, tip)
        if tip is not None:
            self._tell(tip.record.alarms)
            if tip != known and not self.went_back:
                self._keep(tip)
        if self.went_back:
            self._tell((self.went_back,))
        return tip

    def history(self, limit: int) -> list[Record]:
        """At most `limit` records, newest first, archived ones with them."""
        return [tip.record for tip in self._backend.history(limit)]

    def write(self, old: Tip | None, command: Command) -> Tip | None:
        """Let `command` follow on `old`. None when somebody else was faster: the chain must be read again.

        An answer that is not certain is read back, and the very same commit pushed again: should the first attempt be
        applied late, the second finds itself there. Raises `NetworkError` when it stays uncertain, `Illegal` for what
        may not follow on `old`.
        """
        if self.went_back and not self._may_go_on(old, command):
            return None
        return self._swap(old, command)

    def owed(self) -> tuple[str, ...]:
        """What the next grant must tell: the alarm of a chain that is gone, and was so to somebody's knowledge."""
        owed = self._memory.owed()
        return (owed,) if owed else ()

    def note_going_back(self) -> None:
        """Put on the chain that it has lost what this clone remembers. Nothing where it has not, or says so."""
        for _ in range(ROUNDS):
            tip = self.tip()
            if not self.went_back or tip is None or self.went_back in tip.record.alarms:
                return
            if self._swap(tip, Alarm(self.went_back)) is not None:
                return
            self.pause(0.05, 0.4)

    def require_whole(self) -> None:
        """Raises `WentBack` where the chain has lost what this clone remembers, once that is on it."""
        if self.went_back:
            self.note_going_back()
        if self.went_back:
            raise WentBack(self.kernel, self.went_back)

    def acknowledge(self, reason: str) -> tuple[str, ...] | None:
        """Somebody has looked into the alarms, and takes the chain as it is. Returns those that were acknowledged; None
        where there was nothing to acknowledge."""
        for _ in range(ROUNDS):
            tip = self.tip()
            if self.went_back and tip is None:
                self._memory.forget(f"{self.went_back}; {acknowledgement(self.by, self.now(), clean(reason))}")
                return (self.went_back,)
            if self.went_back and tip is not None and self.went_back not in tip.record.alarms:
                self._swap(tip, Alarm(self.went_back))
                continue
            alarms = unacknowledged(tip.record.alarms) if tip is not None else ()
            if tip is not None and not alarms and self.went_back:  # somebody else has, and this clone goes along
                self._accept(tip)
                return (self.went_back,)
            if tip is None or not alarms:
                return None
            won = self._swap(tip, Alarm(acknowledgement(self.by, self.now(), clean(reason))))
            if won is not None:
                self._accept(won)
                return alarms
            self.pause(0.05, 0.4)
        raise undecided(self.kernel, ("the lock's record kept changing",))

    def _may_go_on(self, old: Tip | None, command: Command) -> bool:
        """On a remote that went back what is on is brought to its end, and nothing is begun before somebody has looked.

        False where the chain is to be read again. Raises `WentBack`.
        """
        if isinstance(command, _BEGINS):
            self.require_whole()
        else:
            self.note_going_back()
        if not self.went_back:
            return False
        return old is not None and self.went_back in old.record.alarms

    def _accept(self, tip: Tip) -> None:
        known, self.went_back = self._memory.recall(), ""
        self._memory.keep(tip, known)
        self._remembered = tip

    def _tell(self, alarms: tuple[str, ...]) -> None:
        new = [text for text in unacknowledged(alarms) if text not in self._told]
        self._told.update(new)
        for text in new:
            self._reporter.say(f"{self.kernel}: {text}", Level.WARN)
        if new:
            self._reporter.say(f"when you have looked into it: $ sahel-nb lock ack {self.kernel} --reason TEXT")

    def _swap(self, old: Tip | None, command: Command) -> Tip | None:
        try:
            record = step(old.record if old else None, command, self.writer())
        except TooLarge as exc:
            raise Refused(f"{self.kernel}: {exc}", hints=(f"sahel-nb lock show {self.kernel}",)) from exc
        evidence: tuple[str, ...] = ()
        busy = False
        for attempt in range(ATTEMPTS):
            if attempt:
                self.pause(0.05 * 2**attempt, 0.1 * 2**attempt)
            result = self._backend.swap(old, record)
            if result.verdict is Verdict.WON:
                return self._won(result.tip)
            if result.verdict is Verdict.LOST:
                return None
            evidence, busy = result.evidence, result.verdict is Verdict.BUSY
            if busy:
                continue
            try:
                now = self._backend.read()
            except NetworkError as exc:
                evidence = exc.details or evidence
                continue
            if now is not None and now.oid == result.tip.oid:
                return self._won(now)
            if (now.oid if now else None) != (old.oid if old else None):
                return None
        raise wedged(self.kernel, evidence) if busy else undecided(self.kernel, evidence)

    def archive(self, tip: Tip) -> None:
        """Keep the chain up to `tip` where nothing moves it any more. Returns when that is certain; raises
        `NetworkError` when it stays uncertain, `Refused` when the remote does not let us."""
        evidence: tuple[str, ...] = ()
        busy = False
        for attempt in range(ATTEMPTS):
            if attempt:
                self.pause(0.05 * 2**attempt, 0.1 * 2**attempt)
            result = self._backend.archive(tip)
            if result.verdict is Verdict.WON:
                return
            if result.verdict is Verdict.LOST and attempt:  # once: somebody made the very same one beside us
                raise Refused(f"{self.kernel}: something else lies in the archive's place", details=result.evidence)
            evidence, busy = result.evidence, result.verdict is Verdict.BUSY
        raise wedged(self.kernel, evidence) if busy else undecided(self.kernel, evidence)

    def alarm(self, text: str) -> Tip | None:
        """Put a line on whatever the chain ends with now; None where there is no chain, or it never stands still."""
        for _ in range(ROUNDS):
            tip = self.tip()
            if tip is None:
                return None
            won = self.write(tip, Alarm(clean(text)))
            if won is not None:
                return won
            self.pause(0.05, 0.4)
        return None

    def pause(self, least: float, most: float) -> None:
        """Wait for a while that nobody else waits for."""
        self._clock.sleep(self._clock.between(least, most))

    def _won(self, tip: Tip) -> Tip:
        self._tell(tip.record.alarms)
        if not self.went_back:
            self._keep(tip)
        return tip

    def _keep(self, tip: Tip) -> None:
        self._memory.keep(tip, self._remembered)
        self._remembered = tip

    def now(self) -> str:
        """For showing: ISO, UTC."""
        return datetime.fromtimestamp(self._clock.wall(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def writer(self) -> Writer:
        return Writer(self.by, self.now(), secrets.token_hex(8))


def went_back(backend: Backend, known: Tip | None, tip: Tip | None) -> str:
    """The alarm that the chain which ends with `tip` has lost `known`, which it once ended with; empty where it has
    not. What is compared are the commits: a fence says nothing of the records within one grant."""
    if known is None or (tip is not None and (tip.oid == known.oid or backend.descends(tip, known))):
        return ""
    what = f"record {known.oid[:9]} ({known.record.op.value}, fence {known.record.fence}, by {known.record.by})"
    return f"the remote went back: {what} was on the chain, and is there no more"
