"""What all clients share (the ref, Kaggle, time, what may still go wrong), and what somebody above it all knows."""

from __future__ import annotations

from typing import NamedTuple

LONG = 3
"""Ticks of a TTL; a tick is a third of one. The oldest age that is told apart."""


class Version(NamedTuple):
    stamp: str
    """Empty for a push by somebody without the lock."""
    runs: bool


class Left(NamedTuple):
    """How often each thing may still happen."""

    crashes: int = 0
    faults: int = 0
    foreign: int = 0
    leaves: int = 0
    holds: int = 0
    breaks: int = 0
    compactions: int = 0
    remakes: int = 0
    rollbacks: int = 0


class Shared(NamedTuple):
    tip: int
    late: tuple[int, int] | None
    """A push that is under way: it lands on the first if the ref still points there."""
    versions: tuple[Version, ...]
    age: int
    """Ticks for which `(fence, hb)` of the tip has truly stood still."""
    left: Left
    overlaps: tuple[tuple[int, int], ...]
    """Pairs of versions that ran at once, at least one of them under a lock, and that no alarm has named yet."""
    named: frozenset[int]
    """Versions that alarms have named."""
    forced: frozenset[int] = frozenset()
    """Versions that somebody has decided not to wait for."""
    archived: frozenset[int] = frozenset()
    """Records that are kept, with all before them, whatever the ref points to."""

    kernel: int = 1
    """Kaggle's id of the kernel that `versions` are of: another one when it was deleted and made anew."""
    path: tuple[int, ...] = ()
    """The records behind the ref, the newest last; kept where clients remember, for then it matters."""

    def later(self, *, stands: bool) -> Shared:
        """A tick has passed; `stands`: the tip is one that may expire."""
        return self._replace(age=min(self.age + 1, LONG)) if stands else self


class Local(NamedTuple):
    """One client. `at` is the step it takes next."""

    who: str
    at: str = "idle"
    attempt: int = 0
    by_hand: bool = False
    queued: bool = False
    """It has had a place in the queue."""
    view: int = 0
    """The tip it believes in, and goes into the lease."""
    new: int = 0
    """The record that it tries to put there."""
    then: str = ""
    """What that record is for."""
    version: int = 0
    seen: tuple[int, ...] | None = None
    """What it has watched standing still, if it watches something."""
    ticks: int = 0
    """For how long: since `seen` was first seen, or since its grant was asked for."""
    kernel: int = 0
    """What Kaggle answered to its push: the id of the kernel that `version` is of."""
    known: int = 0
    """The newest record that its clone remembers; it outlives the process."""

    def idle(self) -> Local:
        """Its process is over; what remains is the clone."""
        return Local(self.who, attempt=self.attempt, known=self.known)

    @property
    def stamp(self) -> str:
        return f"{self.who}{self.attempt}"

    def later(self) -> Local:
        """A tick has passed: for what it watches, or since it asked for its grant."""
        counts = self.seen is not None or self.at in ("armed", "confirmed") or self.then == "granted"
        return self._replace(ticks=min(self.ticks + 1, LONG)) if counts else self
