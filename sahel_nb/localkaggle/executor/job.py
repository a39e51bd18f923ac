"""What the executor is asked for, and what it answers. No imports that cost anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from sahel_nb.localkaggle.executor.api_access import ApiAccess
from sahel_nb.localkaggle.executor.resources import Resources
from sahel_nb.localkaggle.executor.spec import Interpreter


class Outcome(Enum):
    """How a run ended, in the words of the wire."""

    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    CANCELLED = "CANCEL_ACKNOWLEDGED"


@dataclass(frozen=True)
class Mount:
    """A folder of the service's that the kernel sees read-only.

    `targets` are below /kaggle and relative: `input/datasets/awa/fula-text`, `input/fula-text`; a utility script is
    `usr/lib/notebooks/awa/my_utils`. One mount may be visible in several places.
    """

    source: Path
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """One version of a kernel, ready to run.

    `folder` exists, is absolute and belongs to this version alone. The executor leaves in it `working/` (what
    /kaggle/working was), `log.jsonl`, `result.json`, and for a notebook `__notebook__.ipynb`, the executed copy.
    Kaggle shows that copy on the kernel's page and does not list it among the outputs, so it lies beside `working/`.
    """

    folder: Path
    source: bytes
    kernel_type: str
    language: str
    mounts: tuple[Mount, ...]
    environment: Mapping[str, str]
    time_limit: float
    internet: bool
    resources: Resources = field(default_factory=Resources.of_this_machine)
    interpreter: Interpreter | None = None
    """The Python to run in; None for the service's own."""
    api: ApiAccess | None = None
    """How its code reaches the service; None where it does not."""


@dataclass(frozen=True)
class Result:
    """How a run ended. Times are seconds since the epoch."""

    outcome: Outcome
    failure_message: str
    started: float
    ended: float
