"""What the lock needs to see of Kaggle: not the client, only its eyes."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Phase(Enum):
    """How far one version is. UNKNOWN counts as busy: the lock never guesses that something has ended."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED_COMPLETE = "complete"
    ENDED_ERROR = "error"
    ENDED_CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def ended(self) -> bool:
        return self in (Phase.ENDED_COMPLETE, Phase.ENDED_ERROR, Phase.ENDED_CANCELLED)


class KaggleView(Protocol):
    """One kernel on Kaggle. What a method cannot find out it does not answer: it raises a `SahelError`."""

    def current_version(self) -> int:
        """The number of the newest version; 0 where the kernel does not exist."""

    def phase(self, version: int) -> Phase:
        """How far this very version is: the newest one's state says nothing of the others, which run on."""

    def stamp(self, version: int) -> str | None:
        """The nonce in Kaggle's source of that version; None where there is none in it."""
