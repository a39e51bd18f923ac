"""What the lock needs to see of Kaggle: not the client, only its eyes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Phase(Enum):
    """How far one version is. UNKNOWN counts as busy: the lock never guesses that something has ended."""

    QUEUED = "queued"
    RUNNING = "running"
    SAVED = "saved, and not run"
    ENDED_COMPLETE = "complete"
    ENDED_ERROR = "error"
    ENDED_CANCELLED = "cancelled"
    ENDED_SOMEHOW = "ended; these credentials may not read how"
    UNKNOWN = "unknown"

    @property
    def ended(self) -> bool:
        return self.name.startswith("ENDED")


@dataclass(frozen=True)
class Newest:
    """The newest version of a kernel, and Kaggle's id of the kernel: a kernel that is made anew has another.

    `version` 0: these credentials see no such kernel. `id` 0: the service does not say.
    """

    version: int
    id: int = 0


class KaggleView(Protocol):
    """One kernel on Kaggle. What a method cannot find out it does not answer: it raises a `SahelError`."""

    def newest(self) -> Newest:
        """By one question: version and id belong together."""

    def gone(self) -> bool:
        """Of a kernel that is not seen: whether it certainly does not exist."""

    def phase(self, version: int) -> Phase:
        """How far this very version is: the newest one's state says nothing of the others, which run on."""

    def stamp(self, version: int) -> str | None:
        """The nonce in Kaggle's source of that version; None where there is none in it."""
