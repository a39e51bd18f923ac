"""Lock files that a killed git process left in a repository that people share by its path.

git makes `<ref>.lock` before it moves a ref and renames it over the ref, see gitrepository-layout(5): it lives for
milliseconds. A process that was killed in between leaves it behind, and every later push of that ref is refused until
somebody removes it. Nothing tells such a file from one in use but that it stays, so it is looked at more than once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

_WHOLE = ("packed-refs.lock", "config.lock", "shallow.lock", "reftable/tables.list.lock")
LOOKS = 3


def stale_locks(folder: Path, prefix: str, pause: Callable[[], None]) -> tuple[Path, ...]:
    """The lock files of refs below `prefix`, and of the whole repository, that are the very same at every look."""
    seen = _now(folder, prefix)
    for _ in range(LOOKS - 1):
        if not seen:
            break
        pause()
        seen &= _now(folder, prefix)
    return tuple(sorted(path for path, _, _ in seen))


def _now(folder: Path, prefix: str) -> set[tuple[Path, int, int]]:
    return {(path, found.st_ino, found.st_mtime_ns) for path, found in _lock_files(folder, prefix)}


def _lock_files(folder: Path, prefix: str) -> Iterator[tuple[Path, os.stat_result]]:
    for path in (*(folder / name for name in _WHOLE), *(folder / prefix).rglob("*.lock")):
        try:
            yield path, path.lstat()
        except FileNotFoundError:
            continue
