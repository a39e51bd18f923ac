"""A Kaggle in memory that remembers which versions ran beside which, and a clock under which everything ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.kaggle_view import Newest, Phase


@dataclass
class ModelKaggle:
    """Versions that run until they are ended, and the overlaps that a lock is there to prevent."""

    stamps: list[str | None] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    seen_overlaps: list[tuple[int, int]] = field(default_factory=list)
    """The version that ran, and the one that was pushed beside it."""
    unpreventable: set[int] = field(default_factory=set)
    """Pushed by somebody without the lock, or by a client that had paused after its last look."""
    outsiders: int = 0
    lag: list[Phase] = field(default_factory=list)
    """What the next looks at a version that has ended are told."""

    def push(self, stamp: str | None) -> int:
        version = len(self.stamps) + 1
        self.seen_overlaps += [(other, version) for other in range(1, version) if not self.phases[other - 1].ended]
        self.stamps.append(stamp)
        self.phases.append(Phase.RUNNING)
        return version

    def end(self, version: int, phase: Phase = Phase.ENDED_COMPLETE) -> None:
        self.phases[version - 1] = phase

    def end_all(self) -> None:
        self.phases = [phase if phase.ended else Phase.ENDED_ERROR for phase in self.phases]

    def current_version(self) -> int:
        return len(self.stamps)

    def newest(self) -> Newest:
        return Newest(len(self.stamps))

    def gone(self) -> bool:
        return True

    def phase(self, version: int) -> Phase:
        if self.lag and self.phases[version - 1].ended:
            return self.lag.pop()
        return self.phases[version - 1]

    def running(self) -> list[int]:
        return [v for v, phase in enumerate(self.phases, 1) if not phase.ended]

    def stamp(self, version: int) -> str | None:
        return self.stamps[version - 1]


class EverythingEnds(FakeClock):
    """Who waits long enough sees what runs on Kaggle end."""

    def __init__(self, kaggle: ModelKaggle, ttl: float) -> None:
        super().__init__()
        self._kaggle = kaggle
        self._ttl = ttl
        self._waited = 0.0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._waited += seconds if seconds >= 1 else 0
        if self._waited > 3 * self._ttl:
            self._kaggle.end_all()
            self._waited = 0
