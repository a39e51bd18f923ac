"""Folders that a kernel could write to: walked and removed however deep they are, whatever modes they have.

`os.walk` and `shutil.rmtree` recurse, and give up at a thousand folders; no path longer than 4096 bytes can be opened.
Call these when no process of the run is left.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path


def walk(top: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """os.walk that opens what the kernel closed: every folder gets its owner's rwx before it is listed.

    Links are files here. What lies too deep for a path is passed over.
    """
    stack = [str(top)]
    while stack:
        folder = stack.pop()
        with contextlib.suppress(OSError):
            folders: list[str] = []
            files: list[str] = []
            for entry in _entries(folder):
                (folders if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
            yield folder, folders, files
            stack.extend(f"{folder}/{name}" for name in folders)


def discard(top: Path) -> None:
    """Remove a tree, a link or a file. What the system does not let go is left, beside it and under a hidden name.

    Every folder is moved up before it is emptied, so that paths stay short.
    """
    if top.is_symlink() or not top.is_dir():
        with contextlib.suppress(OSError):
            top.unlink()
        return
    heap = top.with_name(f".gone-{secrets.token_hex(8)}")
    with contextlib.suppress(OSError):
        heap.mkdir(mode=0o700)
        _move(str(top), f"{heap}/0")
        waiting, count = [f"{heap}/0"], 0
        while waiting:
            folder = waiting.pop()
            with contextlib.suppress(OSError):
                for entry in _entries(folder):
                    if entry.is_dir(follow_symlinks=False):
                        count += 1
                        _move(entry.path, f"{heap}/{count}")
                        waiting.append(f"{heap}/{count}")
                    else:
                        Path(entry.path).unlink()
                Path(folder).rmdir()
        heap.rmdir()


def _entries(folder: str) -> list[os.DirEntry[str]]:
    mode = stat.S_IMODE(Path(folder).lstat().st_mode)
    if mode & 0o700 != 0o700:
        Path(folder).chmod(mode | 0o700)
    with os.scandir(folder) as entries:
        return list(entries)


def _move(folder: str, to: str) -> None:
    Path(folder).chmod(0o700)  # a folder's own `..` is written when it moves
    Path(folder).rename(to)
