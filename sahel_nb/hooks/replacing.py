"""Replacing a file: all of it or nothing. What belongs to the file but is not in it stays: mode, owner, group, access
control list, extended attributes.

On the path of the hooks: neither pathlib nor tempfile, whose imports take longer than a file.
"""

from __future__ import annotations

import os
import stat

from sahel_nb.errors import Refused

_UNCHANGED = "the file is as it was"
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace_file(target: str, data: bytes, instead_of: bytes | None = None, named: str = "") -> None:
    """Write `data` to `target`, which is no link, through a temporary file in the same folder. Raise `Refused`, with
    the name that people know it by; the old file then stands.

    So it does where it no longer holds `instead_of`. A file that no other can take the place of, since it is somebody
    else's or its folder may not be written, is written over: see overwrite.py.
    """
    named = named or target
    try:
        old = _replaceable(named, target)
        if old is None:
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120  pathlib is slow to import
        try:
            temporary = _written(target, data, old)
            try:
                if instead_of is not None:
                    _refuse_unless(named, target, instead_of)
                os.rename(temporary, target)  # noqa: PTH104  as above
            except BaseException:
                os.unlink(temporary)  # noqa: PTH108  as above
                raise
        except OSError as exc:
            from sahel_nb.hooks.overwrite import may_help

            if old is None or not may_help(exc):
                raise
            from pathlib import Path

            from sahel_nb.hooks.overwrite import overwrite

            overwrite(Path(named), Path(target), data, instead_of)
    except OSError as exc:
        raise Refused(f"{named} could not be written: {exc.strerror}", details=(_UNCHANGED,)) from exc


def _replaceable(named: str, target: str) -> os.stat_result | None:
    """The file as it is; None where there is none. Raise `Refused`."""
    try:
        old = os.stat(target)  # noqa: PTH116  as above
    except FileNotFoundError:
        return None
    # A rename would take the place of a pipe or a device, and would not ask whether the file is protected.
    if not stat.S_ISREG(old.st_mode):
        raise Refused(f"{named} is no regular file", details=(_UNCHANGED,))
    if not os.access(target, os.W_OK):
        raise Refused(f"{named} may not be written", details=(_UNCHANGED,))
    return old


def _written(target: str, data: bytes, old: os.stat_result | None) -> str:
    """The name of a temporary file beside `target`, on disk with all of `data`, that may take the place of `old`."""
    handle, temporary = _temporary(target)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            if old is None:
                os.fchmod(handle, 0o666 & ~_umask())
            else:
                _give(handle, target, old)
            os.fsync(handle)
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108  as above
        raise
    return temporary


def _temporary(target: str) -> tuple[int, str]:
    folder, _, name = target.rpartition("/")
    number = 0
    while True:
        temporary = f"{folder}/.{short(name)}.{os.getpid()}-{number}.tmp"
        try:
            return os.open(temporary, _NEW, 0o600), temporary
        except FileExistsError:  # of one who was killed, and had our number
            number += 1


def _refuse_unless(named: str, target: str, content: bytes) -> None:
    with open(target, "rb") as file:
        if file.read() != content:
            raise Refused(f"{named} has changed meanwhile", details=("it is as whoever changed it left it",))


def short(name: str) -> str:
    """As much of it as leaves room: a name may have 255 bytes, and letters have up to four."""
    return os.fsencode(name)[:100].decode("utf-8", "ignore")


def _give(file: int, target: str, old: os.stat_result) -> None:
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


def _attributes(file: int | str) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(file, name) for name in os.listxattr(file)}
    except OSError:
        return {}  # the file system has none


def _umask() -> int:
    # There is no way to ask but to set it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
