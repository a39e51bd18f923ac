"""Writing over a file that no new one can take the place of.

It is somebody else's, and a new one would be ours; or its folder may not be written, or it is mounted by itself, as
containers do. Then its bytes are changed where they are, as nbstripout always does; but first a copy of the file is on
disk, and goes when the file is whole again. Killed in between, the file may be torn, and the copy has what it held.
"""

from __future__ import annotations

import errno
import os
import shlex
import tempfile
from pathlib import Path

from sahel_nb.errors import Refused
from sahel_nb.hooks.replacing import short

_FORBIDDEN = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EINVAL, errno.ENOTSUP),
    *(errno.EBUSY, errno.EXDEV, errno.ENAMETOOLONG),
)


def may_help(exc: OSError) -> bool:
    """Whether what stood in the way of a new file need not stand in the way of the old one. A full disk does."""
    return exc.errno in _FORBIDDEN


def overwrite(path: Path, target: Path, data: bytes, instead_of: bytes | None, folder: int) -> None:
    """Write over the file whose folder is open as `folder`; `target` is its path, which people know as `path`.

    Raise `OSError` or `Refused`: the file then is as it was, or the message says where its copy is.
    """
    with open(os.open(target.name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "r+b", 0) as file:
        old = file.readall()
        if instead_of is not None and old != instead_of:
            raise Refused(f"{path} has changed meanwhile", details=("it is as whoever changed it left it",))
        copy = _copied(target, old)
        try:
            _fill(file.fileno(), data)
        except BaseException as exc:
            try:
                _fill(file.fileno(), old)
            except OSError:
                said = f"{path} could be written only in part"
                back = shlex.join(("cp", str(copy), str(path)))
                raise Refused(said, hints=(back,), details=(f"what it held is in {copy}",)) from exc
            copy.unlink()
            raise
        copy.unlink()


def _copied(target: Path, old: bytes) -> Path:
    """Beside the file; where that is what is forbidden, in the folder for temporary files."""
    prefix = f".{short(target.name)}."
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=prefix, suffix=".tmp")
    except OSError:
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(old)
            file.flush()
            os.fsync(handle)
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


def _fill(file: int, data: bytes) -> None:
    """No room is given up before all is written: what was there can be put back even on a full disk."""
    rest, at = memoryview(data), 0
    while rest:
        size = os.pwrite(file, rest, at)
        rest, at = rest[size:], at + size
    os.ftruncate(file, len(data))
    os.fsync(file)
