"""The halves of a pair as files: read, replaced, renamed and removed, each of it whole or not at all."""

from __future__ import annotations

import os

from sahel_nb.errors import Refused, UsageError
from sahel_nb.hooks.paths import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Halves:
    """The files below `root`, by their paths in git."""

    __slots__ = ("_real", "_root")

    def __init__(self, root: str) -> None:
        self._root = os.fsencode(root)
        self._real: dict[str, str] = {}

    def place(self, path: bytes) -> bytes:
        return self._root + b"/" + path

    def is_there(self, path: bytes) -> bool:
        return os.path.lexists(self.place(path))

    def read(self, path: bytes, most: int = -1) -> bytes | None:
        """None where there is no such file. Raise `UsageError` for one that cannot be read."""
        try:
            with open(self.place(path), "rb") as file:
                return file.read(most)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as exc:
            raise UsageError(f"{shown(path)} cannot be read: {exc.strerror}") from exc

    def replace(self, path: bytes, data: bytes, instead_of: bytes | None = None) -> None:
        """A link stays one. Raise `Refused`; the old file then stands."""
        from sahel_nb.hooks.replacing import replace_file

        place = os.fsdecode(self.place(path))
        folder, _, name = place.rpartition("/")
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        target = f"{self._real[folder]}/{name}"
        replace_file(os.path.realpath(target) if os.path.islink(target) else target, data, instead_of, shown(path))  # noqa: PTH114  pathlib is slow to import

    def move(self, old: bytes, new: bytes) -> None:
        """Rename a file, never over another one. Raise `Refused`."""

        def move() -> None:
            os.makedirs(self.place(new).rpartition(b"/")[0], exist_ok=True)  # noqa: PTH103  as above
            if self.is_there(new):
                raise FileExistsError(17, "there is a file of that name already")
            os.rename(self.place(old), self.place(new))  # noqa: PTH104  as above

        self._change(move, f"{shown(old)} could not be renamed to {shown(new)}")

    def remove(self, path: bytes) -> None:
        self._change(lambda: os.unlink(self.place(path)), f"{shown(path)} could not be removed")  # noqa: PTH108

    def _change(self, change: Callable[[], None], failed: str) -> None:
        try:
            change()
        except OSError as exc:
            raise Refused(f"{failed}: {exc.strerror}", details=(_AS_IT_WAS,)) from exc


_AS_IT_WAS = "the file is as it was"


def object_id(data: bytes, like: str) -> str:
    """The id that git gives to a blob, by the hash of the repository's other ids."""
    head = b"blob %d\0" % len(data)
    if len(like) != 40:
        import hashlib

        return hashlib.sha256(head + data).hexdigest()
    try:
        from _sha1 import sha1  # type: ignore[import-not-found]  # CPython's own; hashlib brings OpenSSL with it
    except ImportError:
        from hashlib import sha1
    return str(sha1(head + data, usedforsecurity=False).hexdigest())
