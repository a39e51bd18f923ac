"""A chain in memory, with the faults of real remotes on request: for tests of everything above it."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from enum import Enum

from sahel_nb.errors import NetworkError
from sahel_nb.lock.backend import SwapResult, Tip, Verdict
from sahel_nb.lock.record import Record


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
            self.chain.append(tip)
            return True


class Memory:
    """A `Backend` over a `MemoryRemote`. `faults` are used up from the front, one a swap; None is none."""

    def __init__(self, remote: MemoryRemote | None = None) -> None:
        self.remote = remote or MemoryRemote()
        self.faults: list[Fault | None] = []
        self.read_faults: list[Fault | None] = []

    def read(self) -> Tip | None:
        if self.read_faults and self.read_faults.pop(0) is not None:
            raise NetworkError("the remote with the locks was not reached")
        self.remote.look()
        return self.remote.tip()

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        raw = (old.oid if old else "").encode("ascii") + b"\n" + record.to_json()
        tip = Tip(hashlib.sha256(raw).hexdigest(), record, raw)
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.UNREACHABLE:
            raise NetworkError("the remote with the locks was not reached")
        if fault is Fault.BUSY:
            return SwapResult(Verdict.BUSY, tip)
        self.remote.look()
        if fault is Fault.DROPPED_UNANSWERED:
            return SwapResult(Verdict.UNKNOWN, tip)
        if fault is Fault.DELAYED:
            self.remote.delay(old, tip)
            return SwapResult(Verdict.UNKNOWN, tip)
        won = self.remote.apply(old, tip)
        if fault is Fault.APPLIED_UNANSWERED:
            return SwapResult(Verdict.UNKNOWN, tip)
        return SwapResult(Verdict.WON if won else Verdict.LOST, tip)

    def history(self, limit: int) -> tuple[Tip, ...]:
        return tuple(reversed(self.remote.chain[-limit:]))
