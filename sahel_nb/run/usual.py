"""How long a kernel usually takes, by the runs that its team has finished, and whether the week's hours are enough.

The history is the lock's chain, which everybody shares. A run counts once, only where it is complete, and for as
long as it was seen to run or its log was written (`took` in `run.record`). Nobody's clock has a part in that: a wrong
one can neither make a run longer, so that another is refused, nor shorter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from statistics import median

from sahel_nb.lock.record import Record

RUNS = 10
"""The newest so many runs count: kernels change."""
RECORDS = 80
"""Records of a chain that are read for them; a run leaves about five."""
LONGEST = 12.5 * 3600
"""Seconds; no session takes longer, and whoever saw the end later than this came late."""


@dataclass(frozen=True)
class Usual:
    """Seconds that complete runs took."""

    runs: int
    shortest: float
    middle: float
    longest: float

    def __str__(self) -> str:
        runs = f"{self.runs} complete runs" if self.runs > 1 else "its one complete run"
        if hours(self.shortest) == hours(self.longest):
            return f"{hours(self.middle)} h by {runs}"
        return f"{hours(self.shortest)} to {hours(self.longest)} h, mostly {hours(self.middle)} h, by {runs}"


class Fit(Enum):
    FITS = "fits"
    TIGHT = "tight"
    """Some of the runs would not have ended in time."""
    CANNOT = "cannot"
    """None of them would have."""


def durations(records: Iterable[Record]) -> tuple[float, ...]:
    """Seconds of the complete runs that a chain tells of, in its order, each run once."""
    found: dict[str, float] = {}
    for record in records:
        outcome = record.outcome
        if outcome is None or outcome.status != "COMPLETE" or outcome.run_id in found:
            continue
        seconds = _between(outcome.started, outcome.ended)
        if seconds is not None and 0 < seconds <= LONGEST:
            found[outcome.run_id] = seconds
    return tuple(found.values())


def usual(seconds: tuple[float, ...]) -> Usual | None:
    """What the newest runs took, newest first in `seconds`; None without any."""
    newest = seconds[:RUNS]
    return Usual(len(newest), min(newest), median(newest), max(newest)) if newest else None


def fit(known: Usual | None, left: timedelta, limit: float | None = None) -> Fit:
    """Whether a run can be expected to end within `left`. A `limit` on the session, in seconds, caps its need."""
    have = left.total_seconds()
    if known is None:
        return Fit.FITS
    least, most = (min(need, limit or need) for need in (known.shortest, known.longest))
    if have < least:
        return Fit.CANNOT
    return Fit.TIGHT if have < most else Fit.FITS


def hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f}" if seconds >= 360 else f"{seconds / 3600:.2f}"


def _between(began: str, ended: str) -> float | None:
    try:
        start, end = (datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ") for text in (began, ended))  # noqa: DTZ007  both UTC
    except ValueError:
        return None
    return (end - start).total_seconds()
