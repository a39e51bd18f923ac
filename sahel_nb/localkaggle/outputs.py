"""What a run left in its working folder: which of it can be offered, and that it is on the disk."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.localkaggle import names
from sahel_nb.localkaggle.executor.trees import walk
from sahel_nb.localkaggle.model import Output


@dataclass(frozen=True)
class Scan:
    outputs: tuple[Output, ...]
    left_out: tuple[str, ...]
    """Shown names of what cannot be sent: links, sockets, names that are not UTF-8 or could leave a folder."""


def scan(working: Path) -> Scan:
    """Regular files below `working`, links never followed, each flushed to the disk."""
    found: list[Output] = []
    left_out: list[str] = []
    for folder, _, files in walk(working):
        inside = Path(folder).relative_to(working)
        for name in files:
            relative = (inside / name).as_posix()
            try:
                size, modified = _settle(Path(folder, name))
            except OSError:
                left_out.append(_shown(relative))
                continue
            if names.file_path(relative) is None:
                left_out.append(_shown(relative))
            else:
                found.append(Output(relative, size, modified))
    return Scan(tuple(sorted(found, key=lambda o: o.name)), tuple(sorted(left_out)))


def inside(root: Path, name: str) -> Path | None:
    """The regular file `name` below `root`, or None: also where a link is on the way, wherever it points."""
    if names.file_path(name) is None:
        return None
    path = root / name
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.resolve() != root.resolve() / name:
            return None
    except OSError:
        return None
    return path


def _settle(path: Path) -> tuple[int, float]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is not a regular file")
        os.fsync(descriptor)
        return found.st_size, found.st_mtime
    finally:
        os.close(descriptor)


def _shown(name: str) -> str:
    return ascii(name)[1:-1] if names.file_path(name) is None else name
