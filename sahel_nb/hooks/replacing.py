"""Replacing a file: all of it or nothing. What belongs to the file but is not in it stays: mode, owner, group, access
control list, extended attributes.

On the path of the hooks: neither pathlib nor tempfile, whose imports take longer than a file.
"""

from __future__ import annotations

import os
import stat

from sahel_nb.errors import Refused
from sahel_nb.links import folder_opened, inside

_UNCHANGED = "the file is as it was"
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def replace_file(target: str, data: bytes, instead_of: bytes | None = None, named: str = "", root: str = "") -> None:
    """Write `data` to `target`, or to what it is a link to, through a temporary file in the same folder. Raise
    `Refused`, with the name that people know it by; the old file then stands.

    So it does where it no longer holds `instead_of`, and where the path leads out of its repository or of `root`
    (links.py). A file that no other can take the place of, since it is somebody else's or its folder may not be
    written, is written over: see overwrite.py.
    """
    named = named or target
    real = inside(target, named, root)
    folder, _, name = real.rpartition("/")
    try:
        with folder_opened(folder, make=True) as there:
            _replace(there, name, data, instead_of, named, real)
    except OSError as exc:
        raise Refused(f"{named} could not be written: {exc.strerror}", details=(_UNCHANGED,)) from exc


def _replace(there: int, name: str, data: bytes, instead_of: bytes | None, named: str, real: str) -> None:
    """`name` in the folder that is open as `there`; `real` is its path. Raise `OSError`, `Refused`."""
    old = _replaceable(named, there, name)
    try:
        temporary = _written(there, name, data, old)
        try:
            if instead_of is not None:
                _refuse_unless(named, there, name, instead_of)
            os.rename(temporary, name, src_dir_fd=there, dst_dir_fd=there)
        except BaseException:
            os.unlink(temporary, dir_fd=there)
            raise
    except OSError as exc:
        from sahel_nb.hooks.overwrite import may_help

        if old is None or not may_help(exc):
            raise
        from pathlib import Path

        from sahel_nb.hooks.overwrite import overwrite

        overwrite(Path(named), Path(real), data, instead_of, there)


def _replaceable(named: str, there: int, name: str) -> os.stat_result | None:
    """The file as it is; None where there is none. Raise `Refused`."""
    try:
        old = os.stat(name, dir_fd=there, follow_symlinks=False)
    except FileNotFoundError:
        return None
    # A rename would take the place of a pipe or a device, and would not ask whether the file is protected.
    if not stat.S_ISREG(old.st_mode):
        raise Refused(f"{named} is no regular file", details=(_UNCHANGED,))
    if not os.access(name, os.W_OK, dir_fd=there):
        raise Refused(f"{named} may not be written", details=(_UNCHANGED,))
    return old


def _written(there: int, name: str, data: bytes, old: os.stat_result | None) -> str:
    """The name of a temporary file beside `name`, on disk with all of `data`, that may take the place of `old`."""
    handle, temporary = _temporary(there, name)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            if old is None:
                os.fchmod(handle, 0o666 & ~_umask())
            else:
                _give(handle, there, name, old)
            os.fsync(handle)
    except BaseException:
        os.unlink(temporary, dir_fd=there)
        raise
    return temporary


def _temporary(there: int, name: str) -> tuple[int, str]:
    number = 0
    while True:
        temporary = f".{short(name)}.{os.getpid()}-{number}.tmp"
        try:
            return os.open(temporary, _NEW, 0o600, dir_fd=there), temporary
        except FileExistsError:  # of one who was killed, and had our number
            number += 1


def _refuse_unless(named: str, there: int, name: str, content: bytes) -> None:
    with open(os.open(name, _READ, dir_fd=there), "rb") as file:
        if file.read() != content:
            raise Refused(f"{named} has changed meanwhile", details=("it is as whoever changed it left it",))


def short(name: str) -> str:
    """As much of it as leaves room: a name may have 255 bytes, and letters have up to four."""
    return os.fsencode(name)[:100].decode("utf-8", "ignore")


def _give(file: int, there: int, name: str, old: os.stat_result) -> None:
    """Make the new file in all but its content what `name` is. Raise `OSError` where that is not allowed."""
    if hasattr(os, "listxattr"):  # on Linux, where access control lists are such attributes, too
        handle = os.open(name, _READ, dir_fd=there)
        try:
            wanted, given = _attributes(handle), _attributes(file)
        finally:
            os.close(handle)
        for name in given.keys() - wanted.keys():  # by the folder's default list
            os.removexattr(file, name)
        for name, value in wanted.items():
            if given.get(name) != value:
                os.setxattr(file, name, value)
    made = os.fstat(file)
    if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(file, old.st_uid, old.st_gid)
    os.fchmod(file, stat.S_IMODE(old.st_mode))


def _attributes(file: int) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(file, name) for name in os.listxattr(file)}
    except OSError:
        return {}  # the file system has none


def _umask() -> int:
    # There is no way to ask but to set it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
