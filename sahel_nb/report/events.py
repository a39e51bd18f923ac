"""What core code can say to a person while it works."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Level(Enum):
    INFO = "info"
    WARN = "warn"


class Verdict(Enum):
    """The outcome of one check. UNKNOWN is honest: it could not be looked at."""

    OK = "ok"
    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One row of a preflight or of `doctor`: what was looked at, what was found, the command that mends it."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""
    more: tuple[str, ...] = field(default=(), kw_only=True)
    """Other commands that mend it, for the refusal at the end."""

    @property
    def blocks(self) -> bool:
        return self.verdict in (Verdict.FAILED, Verdict.UNKNOWN)


class Reporter(Protocol):
    """Where events go. Calls come from one thread at a time."""

    def say(self, text: str, level: Level = Level.INFO) -> None:
        """A step begins or has ended."""

    def check(self, check: Check) -> None:
        """One row of a table of checks."""

    def log(self, stream: str, text: str) -> None:
        """Text that a kernel wrote, whole lines or parts of lines; `stream` is stdout or stderr."""

    def status(self, text: str, ticking: str = "") -> None:
        """The current state in one line; replaces the last one where the terminal can. Empty clears it.

        `ticking` is the part that changes all the time (a clock, a count): it is left out where lines stay.
        """


class Silent:
    """A Reporter that says nothing."""

    def say(self, text: str, level: Level = Level.INFO) -> None: ...
    def check(self, check: Check) -> None: ...
    def log(self, stream: str, text: str) -> None: ...
    def status(self, text: str, ticking: str = "") -> None: ...
