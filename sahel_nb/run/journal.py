"""What this clone is doing, written before it is done, so that a dead run is known to be dead.

One pair of files a run, below the repository's state folder: `<run id>.json`, and `<run id>.lock`, on which the process
holds a `flock` for as long as it lives. The kernel drops that lock with the process, whatever kills it: no pid is ever
guessed at, and a reused pid cannot look alive.

A `flock` that is free proves a death only where the living holder's would be seen: not in a copy of the clone, and not
on another machine that has the same folder by NFS. So an entry names the host, its boot, and the lock file's own path
and inode; where one of them is another, it proves nothing, and the lock's TTL decides.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from types import TracebackType

from sahel_nb.durable import make_folder, write_atomically
from sahel_nb.permissions import opener

MEMORY = 14 * 86400.0
"""Seconds for which a dead run is remembered. A session lives half a day, and nobody pushes for an older attempt."""


class Step(Enum):
    """How far a run had come; each is written before what it names is begun."""

    ARMING = "arming"
    PUSHING = "pushing"
    FOLLOWING = "following"
    COLLECTING = "collecting"
    RELEASING = "releasing"
    ENDED = "ended"


@dataclass(frozen=True)
class Entry:
    run_id: str
    nonce: str
    kernel: str
    commit: str
    step: str
    version: int = 0
    url: str = ""
    place: str = ""
    """Where the process is: see `_place`."""


class Journal:
    """One run's entry, as a context: inside it the process counts as alive."""

    def __init__(self, folder: Path, entry: Entry) -> None:
        self._path = folder / f"{entry.run_id}.json"
        self._lock_path = folder / f"{entry.run_id}.lock"
        self._entry = entry
        self._fd = -1

    def __enter__(self) -> Journal:
        make_folder(self._path.parent)
        self._fd = opener(str(self._lock_path), os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._entry = replace(self._entry, place=_place(self._lock_path))
        write_atomically(self._path, _dump(self._entry))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A run that ended, or that never got as far as Kaggle, needs no one to look after it.
        if self._entry.step == Step.ENDED.value:
            self._path.unlink(missing_ok=True)
            self._lock_path.unlink(missing_ok=True)
        os.close(self._fd)

    def at(self, step: Step, *, version: int | None = None, url: str | None = None) -> None:
        """Write that `step` begins now."""
        entry = replace(self._entry, step=step.value)
        if version is not None:
            entry = replace(entry, version=version, url=url or "")
        write_atomically(self._path, _dump(entry))
        self._entry = entry


def is_dead(folder: Path, nonce: str) -> bool:
    """True where the run with this nonce was begun in this very clone, on this boot of this host, and its process is
    gone. False where that cannot be proved."""
    for entry, path in _entries(folder):
        if entry.nonce == nonce:
            lock = path.with_suffix(".lock")
            return bool(entry.place) and entry.place == _place(lock) and not _locked(lock)
    return False


@contextmanager
def adopted(folder: Path, nonce: str) -> Iterator[None]:
    """Inside: this process finishes the run. Afterwards a dead entry of that run is forgotten."""
    yield
    for entry, path in list(_entries(folder)):
        if entry.nonce == nonce and not _locked(path.with_suffix(".lock")):
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


def sweep(folder: Path, older_than: float = MEMORY) -> None:
    """Forget dead runs of long ago: those that somebody else finished, and what another version of us left."""
    before = time.time() - older_than
    for path in sorted(folder.glob("*.json")) + sorted(folder.glob("*.lock")):
        try:
            old = path.stat().st_mtime < before and not _locked(path.with_suffix(".lock"))
        except FileNotFoundError:
            continue  # another process sweeps as well
        if old:
            path.unlink(missing_ok=True)


def _entries(folder: Path) -> Iterator[tuple[Entry, Path]]:
    for path in sorted(folder.glob("*.json")):
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            yield Entry(**raw), path
        except (OSError, ValueError, TypeError):
            continue  # written by another version of us; it is nobody's proof of anything


def _place(lock: Path) -> str:
    """Host, boot, and the lock file's path and inode: what must be the same for its `flock` to tell of a process.
    Empty where one of them is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        found = lock.stat()
    except OSError:
        return ""
    return f"{platform.node()} {boot} {lock.resolve()} {found.st_dev}:{found.st_ino}"


def _locked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared: two who look at the same time must not take each other for the run itself.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _dump(entry: Entry) -> bytes:
    return (json.dumps(asdict(entry), ensure_ascii=False, indent=1) + "\n").encode("utf-8")
