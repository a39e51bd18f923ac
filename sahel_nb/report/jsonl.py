"""Events as JSON lines on stderr, for programs that drive `sahel-nb`."""

from __future__ import annotations

import json
from typing import Any, TextIO

from sahel_nb.errors import SahelError
from sahel_nb.report.events import Check, Level


class JsonLines:
    """One object a line: `{"event": "say"|"check"|"log"|"status"|"error", …}`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._status = ""
        self._gone = False

    def say(self, text: str, level: Level = Level.INFO) -> None:
        self._write(event="say", level=level.value, text=text)

    def check(self, check: Check) -> None:
        self._write(event="check", name=check.name, verdict=check.verdict.value, found=check.found, mend=check.mend)

    def log(self, stream: str, text: str) -> None:
        self._write(event="log", stream=stream, text=text)

    def status(self, text: str, ticking: str = "") -> None:
        # Only what changed: a program that reads this has a clock of its own.
        if text != self._status:
            self._status = text
            self._write(event="status", text=text, ticking=ticking)

    def error(self, error: SahelError) -> None:
        self._write(
            event="error",
            exit_code=error.exit_code,
            message=error.message,
            details=list(error.details),
            kaggle=error.kaggle,
            hints=list(error.hints),
        )

    def _write(self, **event: Any) -> None:
        if self._gone:
            return
        try:
            self._stream.write(json.dumps(event, ensure_ascii=False) + "\n")
            self._stream.flush()
        except OSError:
            self._gone = True  # whoever read this is not there any more; the work goes on
