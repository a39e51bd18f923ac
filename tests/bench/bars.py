"""What was to be reached, what was measured, and whether that is so: computed, never written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from .measure import Sample, Samples

Part = Callable[[Sample], float]


def wall(sample: Sample) -> float:
    return sample.wall


def cpu(sample: Sample) -> float:
    return sample.cpu


@dataclass(frozen=True)
class Bar:
    """`short` says by how much it was missed, and is empty where it was met; None: it could not be measured here."""

    work: str
    bar: str
    measured: str
    short: str | None

    @property
    def verdict(self) -> str:
        if self.short is None:
            return "not available"
        return f"**no**: {self.short}" if self.short else "yes"


def times(samples: Samples, slow: str, fast: str, part: Part = wall) -> float | None:
    """How many times `slow` takes as long as `fast`: the median over pairs of a round.

    Where one of them had fewer runs than the other, the ratio of their medians: one sample has no pair to trust.
    """
    left, right = ([part(sample) for sample in samples.get(name, [])] for name in (slow, fast))
    if not left or not right:
        return None
    if len(left) == len(right):
        return median(a / b for a, b in zip(left, right, strict=True))
    return median(left) / median(right)


def at_least(work: str, bar: float, value: float | None, note: str = "") -> Bar:
    """A ratio that must be as large as `bar`."""
    short = None if value is None else "" if value >= bar else f"{value / bar:.2f} of it"
    return Bar(work, f"≥ {bar:g}×", _shown(value, "×") + note, short)


def at_most(work: str, bar: float, value: float | None, unit: str, note: str = "", asked: str = "") -> Bar:
    """A ratio, milliseconds or MiB that must be no more than `bar`."""
    short = None if value is None else "" if value <= bar else f"{value / bar:.2f} times it"
    return Bar(work, asked or f"≤ {bar:g}{unit}", _shown(value, unit) + note, short)


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}{unit}" if abs(value) >= 100 else f"{value:.3g}{unit}"
