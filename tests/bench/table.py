"""Samples → a page of Markdown: medians with their span, and ratios that are taken pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from .bars import Bar
from .measure import Sample, Samples


@dataclass(frozen=True)
class Pair:
    """`name` measured against `against`: the two samples of one round are a pair."""

    name: str
    against: str


@dataclass(frozen=True)
class Section:
    """One thing measured: a heading, what was done, tables, and which of the bars that were set were reached."""

    title: str
    text: str
    tables: tuple[str, ...]
    bars: tuple[Bar, ...] = ()

    def __str__(self) -> str:
        return "\n\n".join((f"## {self.title}", self.text, *self.tables))


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A table whose first `left` columns are text."""
    rule = [":--" if column < left else "--:" for column in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def timings(samples: Samples, what: str) -> str:
    """Wall clock and CPU time of each case, in milliseconds."""
    return markdown(
        (what, "runs", "wall, ms", "CPU, ms"),
        ((name, str(len(got)), span(walls(got)), span(cpus(got))) for name, got in samples.items() if got),
    )


def ratios(samples: Samples, pairs: Iterable[Pair]) -> str:
    """How many times as long `name` takes as `against`, in the same round."""
    return markdown(
        ("this", "against", "pairs", "wall, ratio", "CPU, ratio"),
        (
            (
                pair.name,
                pair.against,
                str(len(both)),
                _ratio([a.wall / b.wall for a, b in both]),
                _ratio([a.cpu / b.cpu for a, b in both if b.cpu]),
            )
            for pair in pairs
            if (both := list(zip(samples[pair.name], samples[pair.against], strict=False)))
        ),
        left=2,
    )


def bars(reached: Iterable[Bar], *, judged: bool = True) -> str:
    """What was to be reached, what was measured, and whether that is so; a quick run judges nothing."""
    rows = ([bar.work, bar.bar, bar.measured, bar.verdict if judged else "–"] for bar in reached)
    return markdown(("work", "bar", "measured", "met"), rows)


def walls(samples: Iterable[Sample]) -> list[float]:
    return [sample.wall * 1000 for sample in samples]


def cpus(samples: Iterable[Sample]) -> list[float]:
    return [sample.cpu * 1000 for sample in samples]


def span(values: Sequence[float]) -> str:
    """`median (least–most)`."""
    return _span(values, _milliseconds)


def _ratio(values: Sequence[float]) -> str:
    return _span(values, lambda value: f"{value:.3g}" if value < 100 else f"{value:.0f}") if values else "–"


def _span(values: Sequence[float], show: Callable[[float], str]) -> str:
    if len(values) == 1:
        return f"**{show(values[0])}**"
    return f"**{show(median(values))}** ({show(min(values))}–{show(max(values))})"


def _milliseconds(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
