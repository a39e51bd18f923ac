"""The halves of a pair as files: read, replaced, renamed and removed, each of it whole or not at all."""

from __future__ import annotations

import os

from sahel_nb.errors import Refused, UsageError
from sahel_nb.hooks.paths import shown
from sahel_nb.links import folder_opened, inside
from sahel_nb.permissions import regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Halves:
    """The files below `root`, by their paths in git. A link that leads out of it is neither read nor written through:
    all but `is_there` raise `LeadsOut` for it."""

    __slots__ = ("_real", "_root")

    def __init__(self, root: str) -> None:
        self._root = root
        self._real: dict[bytes, str] = {}

    def is_there(self, path: bytes) -> bool:
        return os.path.lexists(os.fsencode(self._root) + b"/" + path)

    def read(self, path: bytes, most: int = -1) -> bytes | None:
        """None where there is no such file. Raise `UsageError` for one that cannot be read."""
        try:
            with open(self._place(path), "rb", opener=regular) as file:
                return file.read(most)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as exc:
            raise UsageError(f"{shown(path)} cannot be read: {exc.strerror}") from exc

    def replace(self, path: bytes, data: bytes, instead_of: bytes | None = None) -> None:
        """A link stays one. Raise `Refused`; the old file then stands."""
        from sahel_nb.hooks.replacing import replace_file

        replace_file(f"{self._root}/{os.fsdecode(path)}", data, instead_of, shown(path), self._root)

    def move(self, old: bytes, new: bytes) -> None:
        """Rename a file, never over another one. Raise `Refused`."""

        def move() -> None:
            (here, name), (there, to) = self._parted(old), self._parted(new)
            with folder_opened(here) as source, folder_opened(there, make=True) as target:
                if self.is_there(new):
                    raise FileExistsError(17, "there is a file of that name already")
                os.rename(name, to, src_dir_fd=source, dst_dir_fd=target)

        self._change(move, f"{shown(old)} could not be renamed to {shown(new)}")

    def remove(self, path: bytes) -> None:
        def remove() -> None:
            folder, name = self._parted(path)
            with folder_opened(folder) as there:
                os.unlink(name, dir_fd=there)

        self._change(remove, f"{shown(path)} could not be removed")

    def _place(self, path: bytes) -> str:
        """Where a file is to be read."""
        folder, name = self._parted(path)
        place = f"{folder}/{name}"
        return inside(place, shown(path), self._root) if os.path.islink(place) else place  # noqa: PTH114  as above

    def _parted(self, path: bytes) -> tuple[str, str]:
        """Its folder, links followed, and its name."""
        folder, _, name = path.rpartition(b"/")
        if folder not in self._real:
            self._real[folder] = inside(f"{self._root}/{os.fsdecode(folder)}", shown(path), self._root)
        return self._real[folder], os.fsdecode(name)

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
