"""What is being done, where it takes long: on a terminal after a second, elsewhere one line after five.

On the path of the hooks: nothing is imported before there is something to show.
"""

from __future__ import annotations

import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from sahel_nb.report.events import Reporter

    T = TypeVar("T")

PATIENCE = {True: 1.0, False: 5.0}
"""Seconds of silence, by whether stderr is a terminal. git may have been told to be quiet, and tells no hook."""
_PAUSE = 0.2
_BEGAN = monotonic()


def counted(
    what: str,
    items: Iterable[T],
    total: int,
    *,
    few: int = 5,
    clock: Callable[[], float] = monotonic,
    reporter: Reporter | None = None,
) -> Iterable[T]:
    """The items; meanwhile "<what>: 12 of 98" where the program has been at work for long.

    A few are counted on a terminal alone.
    """
    return items if total < few and not _on_a_terminal() else _counted(Count(what, total, clock, reporter), items)


def _counted(count: Count, items: Iterable[T]) -> Iterator[T]:
    try:
        for item in items:
            count.step()
            yield item
    finally:
        count.end()


class Count:
    """What is being done, and how much of it has begun; `total` 0 where nobody knows how much there is."""

    def __init__(
        self,
        what: str,
        total: int = 0,
        clock: Callable[[], float] = monotonic,
        reporter: Reporter | None = None,
        *,
        begun: int = 0,
    ) -> None:
        self._what = f"{what} ({total})" if total else what
        self._of = f" of {total}" if total else ""
        self._clock, self._reporter = clock, reporter
        self._due = _BEGAN + patience()
        self._begun = begun
        self._shown = False

    def step(self) -> None:
        """One more begins."""
        self._begun += 1
        if self._clock() >= self._due:
            self._reporter = self._reporter or _reporter()
            self._reporter.status(self._what, f"{self._begun}{self._of}")
            self._shown, self._due = True, self._clock() + _PAUSE

    def end(self) -> None:
        if self._shown and self._reporter is not None:
            self._reporter.status("")


def patience() -> float:
    """Seconds of silence. As for git's own progress, GIT_PROGRESS_DELAY says how many where somebody looks."""
    import os

    on_a_terminal = _on_a_terminal()
    said = os.environ.get("GIT_PROGRESS_DELAY", "")
    return float(said) if on_a_terminal and said.isascii() and said.isdigit() else PATIENCE[on_a_terminal]


def _on_a_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _reporter() -> Reporter:
    import os

    if os.environ.get("SAHEL_NB_EVENTS") == "json":
        from sahel_nb.report.jsonl import JsonLines

        return JsonLines(sys.stderr)
    from sahel_nb.report.console import Console

    return Console(sys.stderr)
