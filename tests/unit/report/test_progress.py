"""Words about long work: none at first, then a count, and nothing of it is left."""

from __future__ import annotations

import io
import itertools

import pytest

from sahel_nb.report import progress
from sahel_nb.report.console import Console


def shown(monkeypatch: pytest.MonkeyPatch, *, tty: bool, pause: float) -> str:
    """What 9 items show that take `pause` seconds each."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: tty)
    monkeypatch.setattr("sys.stderr", stream)
    ticks = itertools.count()
    reporter = Console(stream, tty=tty, color=False)
    clock = lambda: progress._BEGAN + next(ticks) * pause  # noqa: E731  it has a state
    assert list(progress.counted("pairing", range(9), 9, clock=clock, reporter=reporter)) == list(range(9))
    return stream.getvalue()


def test_a_second_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, tty=True, pause=0.1) == ""
    assert shown(monkeypatch, tty=False, pause=0.5) == ""


def test_a_count_on_a_terminal_and_one_line_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_terminal = shown(monkeypatch, tty=True, pause=0.5)
    assert "pairing (9), 3 of 9" in on_a_terminal
    assert on_a_terminal.endswith("\r\x1b[K")
    assert shown(monkeypatch, tty=False, pause=2.0) == "pairing (9)\n"


def test_a_few_are_not_counted_and_a_failure_clears_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    items = [1, 2]
    assert progress.counted("pairing", items, 2) is items
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", stream)
    assert progress.counted("pairing", items, 2) is not items, "on a terminal a few large ones are counted, too"
    reporter = Console(stream, tty=True, color=False)
    monkeypatch.setattr(progress, "PATIENCE", {True: 0.0, False: 0.0})
    counted = progress.counted("pairing", range(9), 9, reporter=reporter)
    for _ in counted:
        break
    del counted
    assert stream.getvalue().endswith("\r\x1b[K")
