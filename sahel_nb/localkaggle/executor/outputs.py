"""What a kernel left in /kaggle/working, made safe for a server that will open and send it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from sahel_nb.git_names import is_git_folder, is_head, makes_bare
from sahel_nb.localkaggle.executor.trees import discard, walk

# Names that can be sent are shorter; deeper folders would break whoever recurses into them.
_LONGEST = 3000
_DEEPEST = 200


def settle(working: Path, seen_as: str) -> list[str]:
    """Leave only folders and files that this user can read, and links that stay inside. Answers what was removed.

    `seen_as` is what the kernel called the folder: an absolute link below it is made relative and kept. Sockets, pipes
    and devices go, and so do links that lead out or nowhere: the server would follow them on the host.
    A folder is no repository to git without its HEAD: that goes, for git there would run what its settings name.
    Call it when no process of the run is left.
    """
    links: list[Path] = []
    removed = [f"{name[:80]}…: too deep" for name in _cut(working)]
    for folder, folders, files in walk(working):
        of_git = is_git_folder(os.fsencode(folder).rpartition(b"/")[2]) or makes_bare([*folders, *files])
        for name in (*folders, *files):
            path = Path(folder, name)
            if of_git and is_head(os.fsencode(name)):
                discard(path)
                removed.append(f"{path.relative_to(working)}: git would take the folder for a repository")
                continue
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                links.append(path)
            elif stat.S_ISREG(mode):
                if mode & 0o7600 != 0o600:
                    path.chmod(mode & 0o777 | 0o600)
            elif not stat.S_ISDIR(mode):
                path.unlink()
                removed.append(f"{path.relative_to(working)}: not a regular file")
    for link in links:
        _make_relative(link, working, seen_as)
    inside = Path(os.path.realpath(working))
    going = True
    while going:  # a link to a link that went
        going = False
        for link in list(links):
            end = Path(os.path.realpath(link))
            if not end.exists() or not end.is_relative_to(inside):
                link.unlink()
                links.remove(link)
                removed.append(f"{link.relative_to(working)}: a link that leads out of the folder, or nowhere")
                going = True
    return removed


def size(working: Path) -> int:
    """Bytes on disk below `working`; a sparse file counts as what it takes."""
    total = 0
    for folder, _, files in walk(working):
        for name in files:
            with contextlib.suppress(OSError):
                total += Path(folder, name).lstat().st_blocks * 512
    return total


def _cut(working: Path) -> list[str]:
    """Remove what lies too deep; the names of what went."""
    base = len(os.fsencode(working)) + 1
    gone = []
    for folder, folders, _ in walk(working):
        for name in folders:
            path = f"{folder}/{name}"
            if len(os.fsencode(path)) - base > _LONGEST or path.count("/") - str(working).count("/") > _DEEPEST:
                discard(Path(path))
                gone.append(path[len(str(working)) + 1 :])
    return gone


def _make_relative(link: Path, working: Path, seen_as: str) -> None:
    to = str(link.readlink())
    for root in (seen_as, str(working)):
        if to.startswith(root + "/"):
            inside = working / to[len(root) + 1 :]
            link.unlink()
            link.symlink_to(os.path.relpath(inside, link.parent))
            return
