"""Changing a person's file: all of it or nothing, its mode kept, a link's target changed and not the link."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from sahel_nb.errors import Refused, UsageError
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.strip import StripOptions, has_something_to_strip, strip


def replace(path: Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary file in the same folder. Raise `Refused`; the old file then stands."""
    target = path.resolve()
    temporary = ""
    try:
        try:
            mode = stat.S_IMODE(target.stat().st_mode)
        except FileNotFoundError:
            mode = 0o666 & ~_umask()
            target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except OSError as exc:
        raise Refused(f"{path} could not be written: {exc.strerror}", details=("the file is as it was",)) from exc
    finally:
        if temporary:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()


def read(path: Path) -> bytes:
    """The file's bytes. Raise `UsageError` naming it."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc


def read_if_there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc


def strip_file(path: Path, options: StripOptions, *, dry_run: bool = False) -> bool:
    """Strip a notebook in place; True where there was something to strip. A file without is not touched."""
    data = read(path)
    try:
        if not has_something_to_strip(data, options):
            return False
        stripped = strip(data, options)
    except NotebookError as exc:
        raise NotebookError(f"{path}: {exc.message}", hints=exc.hints, details=exc.details) from exc
    if not dry_run:
        replace(path, stripped)
    return True


def _umask() -> int:
    # There is no way to ask but to set it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
