"""Archives of what never changes any more: a finished version's outputs, a dataset version, a state of a folder.

Made once and kept, so that Content-Length, ETag and Last-Modified stay the same and a broken download can go on.
"""

from __future__ import annotations

import os
import secrets
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path


def zip_once(target: Path, members: Iterable[tuple[str, Path]]) -> None:
    """Make the archive unless it is there. Two callers at once make it twice; one of the two equal files stays."""

    def write(partial: Path) -> None:
        # strict_timestamps: files dated before 1980 or after 2107 have no place in a zip otherwise.
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
            for name, path in members:
                archive.write(path, name)

    _once(target, write)


def tar_once(target: Path, members: Iterable[tuple[str, Path]]) -> None:
    """The same as .tar.gz, which the client takes for models."""

    def write(partial: Path) -> None:
        with tarfile.open(partial, "w:gz", compresslevel=1) as archive:
            for name, path in members:
                archive.add(path, name)

    _once(target, write)


def _once(target: Path, write: Callable[[Path], None]) -> None:
    if target.exists():
        return
    partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
