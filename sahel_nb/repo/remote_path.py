"""Where a remote's URL leads on this machine, by git's own rules: a path is a repository whose hooks run here.

git-config(1), `url.<base>.insteadOf`; gitremote-helpers(7) for `<transport>::<address>`; connect.c for what is a path.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

from sahel_nb.repo.worktree import Worktree

_FILE = "file://"


def rewritten(url: str, settings: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """What git makes of `url`, for reading and for writing. `settings` are all of git's, keys as git lists them."""
    found = {}
    for key in ("insteadof", "pushinsteadof"):
        fitting = [
            (len(value), -number, name)
            for number, (name, value) in enumerate(settings)
            if name.startswith("url.") and name.endswith(f".{key}") and url.startswith(value)
        ]
        if fitting:
            length, _, name = max(fitting)  # the longest, and of two the first
            found[key] = name[len("url.") : -len(key) - 1] + url[length:]
    reading = found.get("insteadof", url)
    return reading, found.get("pushinsteadof", reading)


def path_of(url: str, folder: Path) -> Path | None:
    """The path that git in `folder` would open for `url`, links resolved; None where it would speak to a host."""
    if url.startswith(_FILE):
        path = unquote(url[len(_FILE) :], errors="surrogateescape")
        path = path if path.startswith("/") else f"//{path}"
    elif ":" in url.partition("/")[0]:
        return None
    else:
        path = os.path.expanduser(url)  # noqa: PTH111  git's receive-pack does it as well
    return Path(os.path.realpath(folder / path))


def is_inside(worktree: Worktree, path: Path) -> bool:
    """Whether a checkout could write to `path`: it lies in a worktree of this repository, and not in git's folder.

    A worktree of a repository whose submodule this is counts as well: `.gitmodules` names remotes, too.
    """
    main = worktree.common_dir
    tops = [worktree.root, *_linked(main), *(one.parent for one in (main, *main.parents) if one.name == ".git")]
    ours = {_identity(top) for top in tops} - {None}
    for tried in (path, Path(f"{path}.git"), path / ".git"):  # as git does
        real = tried.resolve()
        for folder in (real, *real.parents):
            identity = _identity(folder)
            if identity is not None and identity == _identity(main):
                break
            if identity in ours:
                return True
    return False


def _linked(common_dir: Path) -> Iterator[Path]:
    """The tops of linked worktrees, see gitrepository-layout(5), worktrees/<id>/gitdir."""
    for file in common_dir.glob("worktrees/*/gitdir"):
        with contextlib.suppress(OSError):
            yield Path(os.fsdecode(file.read_bytes().rstrip(b"\n"))).parent


def _identity(folder: Path) -> tuple[int, int] | None:
    """Names differ by case where a file system does not tell them apart; this does not."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
