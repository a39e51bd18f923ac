"""What a holder is given, and what a recovery finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sahel_nb.lock.backend import Tip
from sahel_nb.lock.commands import Grant
from sahel_nb.lock.record import Record


@dataclass(frozen=True)
class Intent:
    """What its holder is about to do. `nonce` is what is written into the pushed source, and good for one grant."""

    run_id: str
    nonce: str
    actor: str
    host: str
    git_commit: str
    src_digest: str
    reason: str = ""


@dataclass(frozen=True)
class Held:
    """The lock, as its holder knows it. `sent_at` is when the compare-and-swap was sent, on CLOCK_BOOTTIME."""

    tip: Tip
    sent_at: float

    @property
    def record(self) -> Record:
        return self.tip.record

    @property
    def grant(self) -> Grant:
        return Grant(self.record.fence, self.record.stamp)


class Recovery(Enum):
    FREE = "free"
    """Nobody has it, or it is somebody's turn; `record` is the last word, None where the kernel was never locked."""
    RUNNING = "running"
    """A run to follow; `held` lets anyone finish its bookkeeping."""
    ARMED = "armed"
    """Somebody may be about to push; `expires_in` seconds of silence would show that they are gone."""


@dataclass(frozen=True)
class Recovered:
    state: Recovery
    record: Record | None
    held: Held | None = None
    expires_in: float = 0.0
    adopted: bool = False
    """The run was found on Kaggle and recorded by this very call."""
