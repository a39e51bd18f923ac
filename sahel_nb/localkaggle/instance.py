"""One service for each data folder: a lock that dies with its process, and a file that says where it answers."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote

from sahel_nb.errors import Refused

_PATIENCE = 0.5


@dataclass(frozen=True)
class Endpoint:
    """What a running service says of itself in its lock file. What earlier versions did not say has a default."""

    url: str
    pid: int
    knows_own_key: bool = False
    """It accepts the key of its data folder."""
    without: tuple[str, ...] = ()
    """What its runs have to do without, in sentences for people; empty where they have a sandbox."""
    open_network: str = ""
    """What kernels with internet can reach of this machine, in a sentence; empty where it is nothing."""
    to_close_network: str = ""
    """The command that installs what would close it."""
    python: str = ""
    """The interpreter that runs it."""
    runs_callers_python: bool = False
    """Each version runs in the Python that it was pushed from, and not in the service's own."""


class Instance:
    """The held lock. The file is never deleted: deleting a locked file lets two processes hold 'it'."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, lock: Path) -> Instance:
        """Raises `Refused`, naming the other service, where the folder is in use."""
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(descriptor):
            os.close(descriptor)
            other = _read(lock)
            who = f"process {other.pid} at {other.url}" if other else "a process that is just starting"
            raise Refused(
                f"Another service uses {lock.parent}: {who}.",
                hints=(
                    f"sahel-nb local stop --data {quote(str(lock.parent))}",
                    "sahel-nb local serve --data ANOTHER-FOLDER",
                ),
            )
        os.ftruncate(descriptor, 0)
        return cls(descriptor)

    def announce(self, endpoint: Endpoint) -> None:
        data = json.dumps(asdict(endpoint)).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, data, 0)

    def release(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def _locked(descriptor: int) -> bool:
    """Take the lock. Whoever only looks whether it is held has it for a moment, so one refusal means nothing."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def held(lock: Path) -> bool:
    """Whether a living process holds the folder."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not see each other
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def running(lock: Path) -> Endpoint | None:
    """The service that holds the folder and has said where it answers."""
    return _read(lock) if held(lock) else None


def _read(lock: Path) -> Endpoint | None:
    try:
        values = json.loads(lock.read_bytes())
        return Endpoint(
            str(values["url"]),
            int(values["pid"]),
            values.get("knows_own_key") is True,
            tuple(map(str, values.get("without", ()))),
            str(values.get("open_network", "")),
            str(values.get("to_close_network", "")),
            str(values.get("python", "")),
            values.get("runs_callers_python") is True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
