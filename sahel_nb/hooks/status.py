"""What differs between HEAD, the index and the disk, by one `git status`: most of the time nothing does.

    1 .M N... 100644 100644 100644 <id in HEAD> <id in index> <path> NUL      changed
    u UU N... 100644 100644 100644 100644 <base> <ours> <theirs> <path> NUL   in conflict
    ? <path> NUL                                                              not tracked

https://git-scm.com/docs/git-status#_porcelain_format_version_2. On the path of a hook that has nothing to do.
"""

from __future__ import annotations

import os

from sahel_nb.repo.cmd import git, told_to_hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_ASKED = ("status", "--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all")


class Entry:
    """One path that differs. `head` and `index` are object ids, "" where it is not there.

    `disk` is "." where the disk has what the index has, "D" where the file is gone, else "M".
    """

    __slots__ = ("disk", "head", "index")

    def __init__(self, head: str, index: str, disk: str) -> None:
        self.head = head
        self.index = index
        self.disk = disk


def nothing_differs() -> bool:
    """Whether git sees no change in the repository of the current folder, and no new file. False where it fails."""
    start = os.getcwd()  # noqa: PTH109  pathlib is not imported on this path
    answer = git(*_ASKED, cwd=start, env=told_to_hooks(os.environ), check=False)
    return answer.returncode == 0 and not answer.stdout


def status(root: str, env: Mapping[str, str]) -> dict[bytes, Entry]:
    """Every path that differs, from the root of the repository. Raise `GitFailed`."""
    return parse(git(*_ASKED, cwd=root, env=env).stdout)


def parse(output: bytes) -> dict[bytes, Entry]:
    found = {}
    for line in output.split(b"\0"):
        kind = line[:1]
        if kind == b"1":
            _, xy, _, _, _, _, head, index, path = line.split(b" ", 8)
            found[path] = Entry(_id(head), _id(index), _disk(xy[1:]))
        elif kind == b"u":
            path = line.split(b" ", 10)[10]
            ours = line.split(b" ", 10)[8]
            found[path] = Entry(_id(ours), "", "M")
        elif kind == b"?":
            found[line[2:]] = Entry("", "", "M")
    return found


def _id(text: bytes) -> str:
    return text.decode("ascii") if text.strip(b"0") else ""


def _disk(code: bytes) -> str:
    return code.decode("ascii") if code in (b".", b"D") else "M"
