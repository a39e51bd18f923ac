"""Tokens by which the code of a run calls this service as the run's author, for as long as the run lasts.

They are kept in memory alone: none outlives its run, and none outlives the service.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_READING = ("Get", "List", "Download", "Introspect", "Hello")
_UPLOADING = frozenset(
    {
        "StartBlobUpload",
        "CreateDataset",
        "CreateDatasetVersion",
        "CreateDatasetVersionById",
        "CreateModel",
        "CreateModelInstance",
        "CreateModelInstanceVersion",
    }
)


@dataclass
class RunGrant:
    """What a token stands for."""

    version_id: int
    account: str
    allowance: int
    """Bytes that the run may still put into this service."""
    told: set[str] = field(default_factory=set)
    """Sources that are not there, of which the run's log has a word."""


class RunTokens:
    """The tokens of the runs that go on. Safe to share between threads."""

    def __init__(self) -> None:
        self._grants: dict[bytes, RunGrant] = {}
        self._lock = threading.Lock()

    @contextmanager
    def issue(self, version_id: int, account: str, allowance: int = 0) -> Iterator[str]:
        """A new token of `account`, good inside the block alone; `allowance` bytes may be uploaded with it."""
        token = f"KGAT_{secrets.token_hex(16)}"  # the shape of Kaggle's own: whatever looks for secrets knows it
        key = _digest(token)
        with self._lock:
            self._grants[key] = RunGrant(version_id, account, allowance)
        try:
            yield token
        finally:
            with self._lock:
                del self._grants[key]

    def find(self, token: str) -> RunGrant | None:
        """What a token stands for; None for one of a run that is over, and for anything else."""
        with self._lock:
            return self._grants.get(_digest(token))


def may_call(method: str) -> bool:
    """Whether the code of a run may call a method: it reads and uploads; it pushes, cancels and deletes nothing.

    A version that it pushed could name any Python to run in, and with it folders of this machine to see.
    """
    return method.startswith(_READING) or method in _UPLOADING


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
