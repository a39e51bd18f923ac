"""What Kaggle says about the versions that a lock has to answer for."""

from __future__ import annotations

from sahel_nb.lock.kaggle_view import KaggleView, Phase
from sahel_nb.lock.record import Record

LOOKBACK = 50
"""Versions looked at where the chain cannot say how far everything has ended; older ones are taken to have ended, since
a session lives twelve hours at most."""


class Survey:
    """Questions to Kaggle, each about *every* version since the last known end: the newest one's state hides others."""

    def __init__(self, kaggle: KaggleView) -> None:
        self._kaggle = kaggle

    def newest(self) -> int:
        return self._kaggle.current_version()

    def busy(self, done: int, newest: int) -> tuple[int, ...]:
        """The versions in (done, newest] that are not known to have ended."""
        return tuple(v for v in _span(done, newest) if not self._kaggle.phase(v).ended)

    def busy_beside(self, record: Record, newest: int) -> tuple[int, ...]:
        """The same for a RUNNING lock, its own version left out."""
        own = record.kaggle_version
        return tuple(v for v in _span(record.last_done, newest) if v != own and not self._kaggle.phase(v).ended)

    def phase(self, version: int) -> Phase:
        return self._kaggle.phase(version)

    def find(self, record: Record) -> int | None:
        """The version that carries the grant's stamp."""
        for version in range(record.base_version + 1, self._kaggle.current_version() + 1):
            if self._kaggle.stamp(version) == record.stamp:
                return version
        return None


def outsiders(record: Record, newest: int) -> tuple[str, ...]:
    """Alarms for what was pushed beside the run that the lock was held for, as far as they are not on record yet."""
    others = (v for v in range(record.last_done + 1, newest + 1) if v != record.kaggle_version)
    return tuple(text for text in map(outside, others) if text not in record.alarms)


def outside(first: int, last: int | None = None) -> str:
    names = f"v{first}" if last is None or last == first else f"v{first} to v{last}"
    return f"{names} was pushed outside the lock"


def _span(done: int, newest: int) -> range:
    return range(max(done, newest - LOOKBACK) + 1, newest + 1)
