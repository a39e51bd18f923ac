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
    """The items; meanwhile "<what>: 12 of 98" where the program has been at work for long. A few are not counted."""
    return items if total < few else _counted(what, items, total, clock, reporter)


def _counted(
    what: str, items: Iterable[T], total: int, clock: Callable[[], float], reporter: Reporter | None
) -> Iterator[T]:
    due = _BEGAN + PATIENCE[sys.stderr is not None and sys.stderr.isatty()]
    shown = False
    try:
        for number, item in enumerate(items):
            if clock() >= due:
                reporter = reporter or _reporter()
                reporter.status(f"{what} ({total})", f"{number + 1} of {total}")
                shown, due = True, clock() + _PAUSE
            yield item
    finally:
        if shown and reporter is not None:
            reporter.status("")


def _reporter() -> Reporter:
    import os

    if os.environ.get("SAHEL_NB_EVENTS") == "json":
        from sahel_nb.report.jsonl import JsonLines

        return JsonLines(sys.stderr)
    from sahel_nb.report.console import Console

    return Console(sys.stderr)
