"""Archives in datasets: unpacked as Kaggle does, nested ones too, and never trusted.

`images.zip` becomes the folder `images/`; `archive.zip`, which kagglehub makes of more than fifty files, is the
dataset itself. A member may not leave its folder, replace another, or be a link or a device. What is written is
counted as it is written, because an archive's own headers can lie about its size.
"""

from __future__ import annotations

import errno
import lzma
import secrets
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sahel_nb.localkaggle import names

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
WHOLE = "archive"

_PIECE = 1 << 20


class ArchiveRefused(Exception):
    """An archive that may not be unpacked; the message says why."""


@dataclass
class Budget:
    """What is left to be written. Small archives may not become huge, large ones not endless."""

    bytes: int = 20 << 30
    members: int = 100_000
    depth: int = 5

    @classmethod
    def for_upload(cls, packed: int) -> Budget:
        return cls(bytes=min(20 << 30, (256 << 20) + 200 * packed))

    def spend(self, size: int) -> None:
        self.bytes -= size
        if self.bytes < 0:
            raise ArchiveRefused("The archive unpacks to more than is allowed")

    def count(self) -> None:
        self.members -= 1
        if self.members < 0:
            raise ArchiveRefused("The archive has more members than are allowed")


def stem(name: str) -> str | None:
    """The name without its archive suffix; None for what is no archive."""
    lower = name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if lower.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return None


def unpack(archive: Path, target: Path, budget: Budget, depth: int = 0) -> bool:
    """Unpack into `target`, and the archives in it. False where the file only looks like an archive.

    Raises `ArchiveRefused`; what was written until then is for the caller to remove.
    """
    if depth >= budget.depth:
        raise ArchiveRefused("Archives are nested too deeply")
    with _refusals():
        if zipfile.is_zipfile(archive):
            written = [_store(target, name, opened, budget) for name, opened in _zip_members(archive)]
        elif tarfile.is_tarfile(archive):
            written = [_store(target, name, opened, budget) for name, opened in _tar_members(archive)]
        else:
            return False
    for path in written:
        unpack_in_place(path, budget, depth + 1)
    return True


def unpack_in_place(path: Path, budget: Budget, depth: int) -> None:
    """Replace an archive by the folder of its name; leave everything else alone."""
    bare = stem(path.name)
    if bare is None:
        return
    target = path.with_name(bare)
    if target.exists() or names.file_name(bare) is None:
        raise ArchiveRefused(f"{path.name} unpacks over another file")
    hidden = path.with_name(f".unpacking-{secrets.token_hex(8)}")
    path.rename(hidden)
    if unpack(hidden, target, budget, depth):
        target.mkdir(exist_ok=True)  # an empty archive
        hidden.unlink()
    else:
        hidden.rename(path)


@contextmanager
def _refusals() -> Iterator[None]:
    """What a damaged or strange archive makes the libraries raise is the archive's fault; a full disk is not."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        RuntimeError,
        ValueError,
    ) as exc:
        # RuntimeError: zipfile of an encrypted member, and as NotImplementedError of an unknown compression.
        raise ArchiveRefused(f"The archive cannot be unpacked: {exc}") from exc
    except OSError as exc:
        # gzip and bz2 have no other word for damage, and then there is no errno.
        if exc.errno not in (None, errno.ENAMETOOLONG):
            raise
        raise ArchiveRefused(f"The archive cannot be unpacked: {exc.strerror or exc}") from exc


def _store(target: Path, name: str, opened: IO[bytes], budget: Budget) -> Path:
    budget.count()
    if names.file_path(name) is None:
        raise ArchiveRefused(f"The archive has a member with an unsafe name: {ascii(name)[:120]}")
    path = target / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened, path.open("xb") as out:
            while piece := opened.read(_PIECE):
                budget.spend(len(piece))
                out.write(piece)
    except (FileExistsError, NotADirectoryError):
        raise ArchiveRefused(f"The archive has two members for {name}") from None
    return path


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            kind = info.external_attr >> 28
            if info.is_dir():
                continue
            if kind not in (0, 0o10):  # 0: made where there are no modes; 0o10: a regular file
                raise ArchiveRefused(f"The archive has a member that is not a regular file: {info.filename!a}")
            yield info.filename, opened.open(info)


def _tar_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.isdir():
                continue
            content = opened.extractfile(member) if member.isreg() else None
            if content is None:
                raise ArchiveRefused(f"The archive has a member that is not a regular file: {member.name!a}")
            yield member.name.removeprefix("./"), content


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A new folder that does not survive a failure."""
    folder.mkdir()
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
