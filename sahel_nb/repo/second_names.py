"""Second names for the notebooks of a worktree: hard links that outlive what git does to the first one.

    .git/sahel-nb/vault/live/<worktree>/<checksums of the path>

`git restore FILE`, `git checkout -- FILE` and `git reset --hard` do not ask the clean filter about a changed file. They
unlink it, and only then ask smudge for the new content: what was executed since the last `git add` would be gone. But
Jupyter, like most editors, saves in place, so a second name of the file that git last looked at still has those bytes.

A new link changes a file's ctime, by which git would take it for modified: there are second names only where the folder
`live` is, and `install` makes that together with core.trustctime=false. Where there can be no hard links (another file
system) there are none either, and nothing else changes.

On the path of every `git add`: it imports almost nothing.
"""

from __future__ import annotations

import posix  # what os is made of, and there already; to import os costs as much as all of this program
from binascii import crc32

FOLDER = "live"


class SecondNames:
    """The second names of one worktree, in which we stand. Nothing here raises `OSError`."""

    def __init__(self, vault: str, worktree: str) -> None:
        self._folder = f"{vault}/{FOLDER}/{worktree}"
        self._possible = True

    def hold(self, path: bytes) -> None:
        """Let the file that now has this path be found again after git has unlinked it."""
        if not self._possible:
            return
        name = self._name(path)
        try:
            posix.link(path, name)
        except FileExistsError:
            self._replace(path, name)
        except FileNotFoundError:
            self._begin(path, name)
        except OSError:
            self._possible = False

    def overwritten(self, path: bytes) -> bytes | None:
        """What was in the file that git has just unlinked from this path; None where that cannot be known."""
        try:
            with open(self._name(path), "rb") as file:
                return file.read() if is_gone(path) else None
        except OSError:
            return None

    def forget(self, path: bytes) -> None:
        try:  # noqa: SIM105  contextlib is not imported on this path
            posix.unlink(self._name(path))
        except OSError:
            pass

    def _name(self, path: bytes) -> str:
        return f"{self._folder}/{second_name(path)}"

    def _replace(self, path: bytes, name: str) -> None:
        try:
            now, before = posix.stat(path), posix.stat(name)
            if (now.st_ino, now.st_dev) != (before.st_ino, before.st_dev):
                posix.unlink(name)
                posix.link(path, name)
        except OSError:
            pass  # the file is gone, or another git does the same

    def _begin(self, path: bytes, name: str) -> None:
        if not is_there(path):
            return
        from sahel_nb.permissions import make_one_folder

        try:
            make_one_folder(self._folder)
            posix.link(path, name)
        except OSError:
            self._possible = False


def second_name(path: bytes) -> str:
    return f"{crc32(path):08x}{crc32(path[::-1]):08x}"


def is_there(path: bytes | str) -> bool:
    """Whether anything has this path, be it a link that leads nowhere."""
    try:
        posix.lstat(path)
    except OSError:
        return False
    return True


def is_gone(path: bytes) -> bool:
    """Whether git is about to write a new file here: a checkout unlinks the old one first, `git apply` makes it empty.

    A file that stands is only looked at: by `git archive`, `git cat-file --filters`, a diff or merge tool.
    """
    try:
        return posix.lstat(path).st_size == 0
    except OSError:
        return True
