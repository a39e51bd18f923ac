"""The nouns of Kaggle's kernels: a ref, a state, a log record, an output file, a quota."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sahel_nb.errors import UsageError

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
_REF = re.compile(rf"({_PART})/({_PART})")
_VERSION = re.compile(r"v?([1-9][0-9]*)")


@dataclass(frozen=True, order=True)
class KernelRef:
    """`owner/slug`, the permanent name of a kernel on Kaggle."""

    owner: str
    slug: str

    @classmethod
    def parse(cls, text: str) -> KernelRef:
        match = _REF.fullmatch(text)
        if match is None:
            raise UsageError(f"{text!r} is not a kernel: expected owner/slug, in letters, digits and dashes")
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"{self.owner}/{self.slug}"


def parse_version(text: str) -> int:
    """`v7` or `7` → 7. Raises `UsageError`."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a version: expected v1, v2, …")
    return int(match[1])


class RunState(Enum):
    """What Kaggle says of one version. UNKNOWN is ours: an answer we do not understand, and it means busy."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    NEW_SCRIPT = "NEW_SCRIPT"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCELLED = "CANCEL_ACKNOWLEDGED"
    UNKNOWN = "UNKNOWN"

    @property
    def ended(self) -> bool:
        """CANCEL_REQUESTED has not ended: the session still holds its machine."""
        return self in (RunState.COMPLETE, RunState.ERROR, RunState.CANCELLED)


@dataclass(frozen=True)
class RunStatus:
    state: RunState
    message: str = ""


@dataclass(frozen=True)
class LogRecord:
    """One write of the kernel: `stream` is stdout or stderr, `time` seconds since the session began."""

    stream: str
    time: float
    data: str


@dataclass(frozen=True)
class OutputFile:
    """A file below /kaggle/working. `name` is the server's word and not to be trusted as a path."""

    name: str
    url: str


@dataclass(frozen=True)
class KernelInfo:
    """What the service knows of a kernel and, where asked for one, of a version's source."""

    ref: str
    title: str
    current_version: int
    source: str
    id: int = 0
    """Kaggle's own: a kernel that was deleted and made anew has another. 0 where the service does not say."""


@dataclass(frozen=True)
class Pushed:
    """The answer to a push that started a version."""

    ref: str
    version: int
    url: str
    kernel_id: int = 0


@dataclass(frozen=True)
class Quota:
    """One accelerator's week; `refresh` is when it starts anew, where the service says."""

    used: timedelta
    reserved: timedelta
    allowed: timedelta
    refresh: datetime | None

    @property
    def left(self) -> timedelta:
        return max(self.allowed - self.used - self.reserved, timedelta())


@dataclass(frozen=True)
class Quotas:
    gpu: Quota | None
    tpu: Quota | None


@dataclass(frozen=True)
class Account:
    """Whose credentials are in use, and where they came from (never the secret itself)."""

    username: str
    method: str
