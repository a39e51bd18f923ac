"""Changing a person's file: all of it or nothing. A link's target is changed and not the link; what belongs to the file
but is not in it stays: mode, owner, group, access control list, extended attributes.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from sahel_nb.errors import Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sahel_nb.notebook.strip import StripOptions

_UNCHANGED = "the file is as it was"


def replace(path: Path, data: bytes, instead_of: bytes | None = None) -> None:
    """Write `data` to `path` through a temporary file in the same folder. Raise `Refused`; the old file then stands.

    So it does where it no longer holds `instead_of`. A file that no other can take the place of, since it is somebody
    else's or its folder may not be written, is written over: see overwrite.py.
    """
    target = path.resolve()
    try:
        old = _replaceable(path, target)
        if old is None:
            target.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary = _written(target, data, old)
            try:
                if instead_of is not None and target.read_bytes() != instead_of:
                    raise Refused(f"{path} has changed meanwhile", details=("it is as whoever changed it left it",))
                Path(temporary).replace(target)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    Path(temporary).unlink()
        except OSError as exc:
            from sahel_nb.hooks.overwrite import may_help, overwrite

            if old is None or not may_help(exc):
                raise
            overwrite(path, target, data, instead_of)
    except OSError as exc:
        raise Refused(f"{path} could not be written: {exc.strerror}", details=(_UNCHANGED,)) from exc


def _replaceable(path: Path, target: Path) -> os.stat_result | None:
    """The file as it is; None where there is none. Raise `Refused`."""
    try:
        old = target.stat()
    except FileNotFoundError:
        return None
    # A rename would take the place of a pipe or a device, and would not ask whether the file is protected.
    if not stat.S_ISREG(old.st_mode):
        raise Refused(f"{path} is no regular file", details=(_UNCHANGED,))
    if not os.access(target, os.W_OK):
        raise Refused(f"{path} may not be written", details=(_UNCHANGED,))
    return old


def _written(target: Path, data: bytes, old: os.stat_result | None) -> str:
    """The name of a temporary file beside `target`, on disk with all of `data`, that may take the place of `old`."""
    import tempfile  # nearly always a file is only read

    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{short(target.name)}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if old is None:
                os.fchmod(handle, 0o666 & ~_umask())
            else:
                _give(handle, target, old)
            os.fsync(handle)
    except BaseException:
        Path(temporary).unlink()
        raise
    return temporary


def short(name: str) -> str:
    """As much of it as leaves room: a name may have 255 bytes, and letters have up to four."""
    return os.fsencode(name)[:100].decode("utf-8", "ignore")


def _give(file: int, target: Path, old: os.stat_result) -> None:
    """Make the new file in all but its content what `target` is. Raise `OSError` where that is not allowed."""
    if hasattr(os, "listxattr"):  # on Linux, where access control lists are such attributes, too
        wanted, given = _attributes(target), _attributes(file)
        for name in given.keys() - wanted.keys():  # by the folder's default list
            os.removexattr(file, name)
        for name, value in wanted.items():
            if given.get(name) != value:
                os.setxattr(file, name, value)
    made = os.fstat(file)
    if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(file, old.st_uid, old.st_gid)
    os.fchmod(file, stat.S_IMODE(old.st_mode))


def _attributes(file: int | Path) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(file, name) for name in os.listxattr(file)}
    except OSError:
        return {}  # the file system has none


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
    from sahel_nb.notebook.document import NotebookError
    from sahel_nb.notebook.strip import has_something_to_strip, strip

    data = read(path)
    try:
        if not has_something_to_strip(data, options):
            return False
        stripped = strip(data, options)
    except NotebookError as exc:
        raise NotebookError(f"{path}: {exc.message}", hints=exc.hints, details=exc.details) from exc
    if not dry_run:
        replace(path, stripped, instead_of=data)
    return True


def _umask() -> int:
    # There is no way to ask but to set it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
