"""A chain in memory, with the faults of real remotes on request: for tests of everything above it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from sahel_nb.errors import NetworkError
from sahel_nb.lock.backend import SwapResult, Tip, Verdict
from sahel_nb.lock.record import Op, Record
from sahel_nb.lock.refusals import ArchiveMissing


class Fault(Enum):
    """What happens to the next swap, or to the next read."""

    APPLIED_UNANSWERED = "applied, and the answer is lost"
    DROPPED_UNANSWERED = "never applied, and nobody says so"
    DELAYED = "unanswered, and applied before the remote is looked at the time after next"
    BUSY = "the server's lock file is in the way"
    UNREACHABLE = "the remote is not reached"


@dataclass
class _Late:
    old: Tip | None
    tip: Tip
    looks: int


class MemoryRemote:
    """What several clients share: one chain each ref."""

    def __init__(self) -> None:
        self.chain: list[Tip] = []
        self.archives: dict[str, tuple[Tip, ...]] = {}
        self._late: list[_Late] = []
        self._lock = threading.Lock()

    def tip(self) -> Tip | None:
        return self.chain[-1] if self.chain else None

    def look(self) -> None:
        """Time passes for what is under way."""
        for late in list(self._late):
            late.looks -= 1
            if late.looks < 0:
                self._late.remove(late)
                self.apply(late.old, late.tip)

    def delay(self, old: Tip | None, tip: Tip) -> None:
        self._late.append(_Late(old, tip, 1))

    def apply(self, old: Tip | None, tip: Tip) -> bool:
        with self._lock:
            now = self.tip()
            if now is not None and now.oid == tip.oid:
                return True
            if (now.oid if now else None) != (old.oid if old else None):
                return False
            if tip.record.op is Op.COMPACT:
                self.chain = []
            self.chain.append(tip)
            return True

    def keep(self, tip: Tip) -> bool:
        """The chain as far as `tip`, under its id; what is kept already stays as it is."""
        with self._lock:
            ids = [known.oid for known in self.chain]
            if tip.oid in ids:
                self.archives.setdefault(tip.oid, tuple(self.chain[: ids.index(tip.oid) + 1]))
            return tip.oid in self.archives


class Memory:
    """A `Backend` over a `MemoryRemote`. `faults` are used up from the front, one a swap; None is none."""

    def __init__(self, remote: MemoryRemote | None = None) -> None:
        self.remote = remote or MemoryRemote()
        self.faults: list[Fault | None] = []
        self.read_faults: list[Fault | None] = []

    def descends(self, tip: Tip, known: Tip) -> bool:
        return any(older.oid == known.oid for older in self.history(2**31))

    def read(self, since: Tip | None = None) -> Tip | None:
        if self.read_faults and self.read_faults.pop(0) is not None:
            raise NetworkError("the remote with the locks was not reached")
        self.remote.look()
        return self.remote.tip()

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        raw = (old.oid if old and record.op is not Op.COMPACT else "").encode("ascii") + b"\n" + record.to_json()
        tip = Tip(hashlib.sha256(raw).hexdigest(), record, raw)
        return self._push(tip, lambda: self.remote.apply(old, tip), lambda: self.remote.delay(old, tip))

    def archive(self, tip: Tip) -> SwapResult:
        return self._push(tip, lambda: self.remote.keep(tip), lambda: None)

    def history(self, limit: int) -> tuple[Tip, ...]:
        found = self.remote.chain[::-1]
        while found and len(found) < limit and (oid := found[-1].record.archive):
            if oid not in self.remote.archives:
                raise ArchiveMissing(found[-1].record.kernel, oid, "memory")
            found += self.remote.archives[oid][::-1]
        return tuple(found[:limit])

    def _push(self, tip: Tip, apply: Callable[[], bool], delay: Callable[[], None]) -> SwapResult:
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.UNREACHABLE:
            raise NetworkError("the remote with the locks was not reached")
        if fault is Fault.BUSY:
            return SwapResult(Verdict.BUSY, tip)
        self.remote.look()
        if fault is Fault.DROPPED_UNANSWERED:
            return SwapResult(Verdict.UNKNOWN, tip)
        if fault is Fault.DELAYED:
            delay()
            return SwapResult(Verdict.UNKNOWN, tip)
        won = apply()
        if fault is Fault.APPLIED_UNANSWERED:
            return SwapResult(Verdict.UNKNOWN, tip)
        return SwapResult(Verdict.WON if won else Verdict.LOST, tip)
