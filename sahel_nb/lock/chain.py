"""Writing to a lock's chain: one transition at a time, and never an answer that is not certain."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.backend import Backend, Tip, Verdict
from sahel_nb.lock.clock import Clock
from sahel_nb.lock.commands import Alarm, Command, Writer
from sahel_nb.lock.names import check_kernel
from sahel_nb.lock.record import CorruptRecord, Record, clean
from sahel_nb.lock.refusals import undecided, wedged
from sahel_nb.lock.tip_memory import Forgetful, TipMemory
from sahel_nb.lock.transition import step

ATTEMPTS = 8  # of one compare-and-swap whose answer stays unknown, or whose ref stays busy
ROUNDS = 20  # of reading and trying again after a lost one


class Chain:
    """The chain of one kernel's lock, written to in the name of `by`. `memory` keeps the newest tip that was seen."""

    def __init__(
        self, backend: Backend, clock: Clock, *, kernel: str, by: str, memory: TipMemory | None = None
    ) -> None:
        self.kernel = check_kernel(kernel)
        self.by = by
        self._backend = backend
        self._clock = clock
        self._memory = memory or Forgetful()
        self._seen: Tip | None = None
        self.went_back = ""
        """How the remote has forgotten what it had once acknowledged; empty where it has not."""

    def recall(self) -> Tip | None:
        """The tip as it was when this clone last wrote or read it: a guess, fit for the lease of a swap only."""
        tip = self._seen or self._memory.recall()
        return tip if tip is not None and tip.record.kernel == self.kernel else None

    def tip(self) -> Tip | None:
        """The newest record, None where the kernel was never locked."""
        tip = self._backend.read()
        if tip is not None and tip.record.kernel != self.kernel:
            raise CorruptRecord(f"the record in the place of {self.kernel} is of {clean(tip.record.kernel)}")
        known = self.recall()
        if known is not None and (tip is None or tip.record.fence < known.record.fence):
            now = "is gone" if tip is None else f"ends with fence {tip.record.fence}"
            self.went_back = f"the remote went back: fence {known.record.fence} was written, and the chain {now}"
        if tip is not None and tip != known:
            self._keep(tip)
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
        record = step(old.record if old else None, command, self._writer())
        evidence: tuple[str, ...] = ()
        busy = False
        for attempt in range(ATTEMPTS):
            if attempt:
                self.pause(0.05 * 2**attempt, 0.1 * 2**attempt)
            result = self._backend.swap(old, record)
            if result.verdict is Verdict.WON:
                self._keep(result.tip)
                return result.tip
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
                self._keep(now)
                return now
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
        self._clock.sleep(secrets.SystemRandom().uniform(least, most))

    def _keep(self, tip: Tip) -> None:
        self._seen = tip
        self._memory.keep(tip)

    def now(self) -> str:
        """For showing: ISO, UTC."""
        return datetime.fromtimestamp(self._clock.wall(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _writer(self) -> Writer:
        return Writer(self.by, self.now(), secrets.token_hex(8))
