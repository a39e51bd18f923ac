"""What a kernel left in /kaggle/working, made safe for a server that will open and send it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

WORKING_LIMIT = 20 * 1024**3


def settle(working: Path, seen_as: str) -> list[str]:
    """Leave only folders and files that this user can read, and links that stay inside. Answers what was removed.

    `seen_as` is what the kernel called the folder: an absolute link below it is made relative and kept. Sockets, pipes
    and devices go, and so do links that lead out or nowhere: the server would follow them on the host.
    Call it when no process of the run is left.
    """
    links: list[Path] = []
    removed: list[str] = []
    for folder, folders, files in _walk(working):
        for name in (*folders, *files):
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                links.append(path)
            elif stat.S_ISREG(mode):
                if stat.S_IMODE(mode) & 0o600 != 0o600:
                    path.chmod(stat.S_IMODE(mode) | 0o600)
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
    for folder, _, files in _walk(working):
        for name in files:
            with contextlib.suppress(OSError):
                total += Path(folder, name).lstat().st_blocks * 512
    return total


def discard(folder: Path) -> None:
    """Remove a tree that a kernel could write to: modes are mended on the way, links are not followed."""
    if not folder.is_dir() or folder.is_symlink():
        with contextlib.suppress(OSError):
            folder.unlink()
        return
    for _ in _walk(folder):
        pass
    shutil.rmtree(folder, ignore_errors=True)


def _walk(top: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """os.walk that opens what the kernel closed: every folder gets its owner's rwx before it is listed."""
    stack = [str(top)]
    while stack:
        folder = stack.pop()
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(Path(folder).lstat().st_mode)
            if mode & 0o700 != 0o700:
                Path(folder).chmod(mode | 0o700)
            folders: list[str] = []
            files: list[str] = []
            with os.scandir(folder) as entries:
                for entry in entries:
                    (folders if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
            yield folder, folders, files
            stack.extend(f"{folder}/{name}" for name in folders)


def _make_relative(link: Path, working: Path, seen_as: str) -> None:
    to = str(link.readlink())
    for root in (seen_as, str(working)):
        if to.startswith(root + "/"):
            inside = working / to[len(root) + 1 :]
            link.unlink()
            link.symlink_to(os.path.relpath(inside, link.parent))
            return
