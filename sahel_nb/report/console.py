"""Events on a terminal: stderr for people. Without a TTY every line is plain and stays where it was written."""

from __future__ import annotations

import os
import shutil
from typing import TextIO

from sahel_nb.errors import SahelError
from sahel_nb.report.events import Check, Level, Verdict
from sahel_nb.report.redact import redacted, without_user
from sahel_nb.report.terminal import LONGEST, command, last_frame, log_line, one_line, unfiltered, visible

_MARKS = {
    Verdict.OK: ("32", "ok"),
    Verdict.FAILED: ("31", "FAIL"),
    Verdict.WARNING: ("33", "warn"),
    Verdict.SKIPPED: ("2", "skip"),
    Verdict.UNKNOWN: ("31", "??"),
}


class Console:
    """Renders events to `stream`. A status line is redrawn in place on a TTY, and printed when it changes elsewhere.

    A stream that is gone (a terminal that was closed, a reader that had enough) ends the showing, never the work.
    Whatever it is given goes through `terminal`'s filter here, and past the filter of the stream: the colours around it
    are its own.
    """

    def __init__(self, stream: TextIO, *, tty: bool | None = None, color: bool | None = None) -> None:
        self._stream = unfiltered(stream)
        self._tty = stream.isatty() if tty is None else tty
        self._color = (self._tty and "NO_COLOR" not in os.environ) if color is None else color
        self._state = ""
        self._status = ""
        self._partial: dict[str, str] = {}
        self._gone = False

    def say(self, text: str, level: Level = Level.INFO) -> None:
        self._lines(self._paint("33", "warning: ") if level is Level.WARN else "", text)

    def check(self, check: Check) -> None:
        color, mark = _MARKS[check.verdict]
        self._line(f"  {self._paint(color, mark.rjust(4))}  {_row(check.name):<12} {_row(check.found)}")
        if check.mend and check.verdict not in (Verdict.OK, Verdict.SKIPPED):
            self._line(f"        {'':<12} $ {_command(check.mend)}")

    def log(self, stream: str, text: str) -> None:
        """Kernel output is shown by whole lines, so that a status line never lands in the middle of one."""
        text = self._partial.pop(stream, "") + text
        *lines, rest = text.split("\n")
        if rest:
            # A progress bar may draw all day without ending its line: what it has drawn over is gone.
            self._partial[stream] = last_frame(rest)[: LONGEST + 1] + "\r" * rest.endswith("\r")
        bar = self._paint("33" if stream == "stderr" else "36", "|")
        for line in map(last_frame, lines):
            more = "  … (the whole line is in the log)" if len(line) > LONGEST else ""
            self._line(f"  {bar} {log_line(line[:LONGEST], color=self._color)}{more}")

    def status(self, text: str, ticking: str = "") -> None:
        text, ticking = _row(text), _row(ticking)
        if not text:
            self._flush_partial()
        changed, self._state = text != self._state, text
        if self._tty:
            self._erase()
            self._status = f"{text}, {ticking}" if text and ticking else text
            self._draw()
        elif text and changed:
            self._write(text + "\n")

    def error(self, error: SahelError) -> None:
        """Two lines and their evidence: what happened, what it means for Kaggle, the next command to type."""
        self._flush_partial()
        self._erase()
        self._status = ""
        self._lines(self._paint("31", "error: "), error.message)
        for detail in error.details:
            self._lines("  ", detail)
        if error.kaggle:
            self._lines("  ", error.kaggle)
        for hint in error.hints:
            self._line(f"  $ {_command(hint)}")

    def _flush_partial(self) -> None:
        for stream in list(self._partial):
            self.log(stream, "\n")

    def _lines(self, head: str, text: str) -> None:
        """`text` after `head`. What follows its first newline stays indented: it cannot pass for a message of ours."""
        first, *others = visible(redacted(text)).split("\n")
        self._line(head + _cut(first))
        for line in others:
            self._line(f"  {_cut(line)}")

    def _line(self, text: str) -> None:
        self._erase()
        self._write(text + "\n")
        self._draw()

    def _erase(self) -> None:
        if self._tty and self._status:
            self._write("\r\x1b[K")

    def _draw(self) -> None:
        if self._tty and self._status:
            width = shutil.get_terminal_size().columns - 1
            self._write(self._paint("2", self._status[:width]))

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._gone = True

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


def _row(text: str) -> str:
    return one_line(redacted(text))


def _command(text: str) -> str:
    """A command to type is whole or it is none."""
    return command(redacted(without_user(text)))


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else line[:LONGEST] + "…"
