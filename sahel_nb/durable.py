"""Files that are whole or not there: the one way in which we write what must survive."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from sahel_nb import permissions


def make_folder(path: Path) -> None:
    """Make a folder of ours, and those above it that are missing, for its owner alone or as the one above it says."""
    permissions.make_folder(os.fspath(path))


def write_atomically(path: Path, data: bytes, mode: int | None = None) -> None:
    """All of it or none of it, also when the machine stops: temporary file, fsync, rename, fsync of the folder.

    A file that was there keeps its mode and its group. A new one has `mode`, else it is as `permissions` says.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            _admit(file.fileno(), path, mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the names that were given or taken in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _admit(file: int, path: Path, mode: int | None) -> None:
    try:
        old = path.stat()
    except OSError:
        os.fchmod(file, permissions.file_mode(os.fspath(path.parent)) if mode is None else mode)
        return
    if old.st_gid != os.fstat(file).st_gid:
        with contextlib.suppress(PermissionError):  # of a group that we are not in
            os.fchown(file, -1, old.st_gid)
    os.fchmod(file, stat.S_IMODE(old.st_mode))
