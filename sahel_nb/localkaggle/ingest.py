"""Uploads become the files of a dataset version: collected in a hidden folder, unpacked, then given their place.

The uploads stay: a client whose answer got lost asks again with the same tokens. Plain files are hard links to them,
which is safe because a complete upload is never written again.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from sahel_nb.localkaggle import archives, names, outputs
from sahel_nb.localkaggle.archives import ArchiveRefused, Budget
from sahel_nb.localkaggle.folder import DataFolder
from sahel_nb.localkaggle.model import Upload
from sahel_nb.localkaggle.store import uploads
from sahel_nb.localkaggle.wire import ApiError, Fields

_DEPTH = 64


@dataclass(frozen=True)
class Item:
    """An upload and the folder inside the dataset that it goes to, empty for the top."""

    folder: str
    upload: Upload


@dataclass(frozen=True)
class Staged:
    path: Path
    files: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        return sum(size for _, size in self.files)

    def settle(self, place: Path) -> None:
        """The last step before the commit: from there on the files belong to a version.

        A commit that failed, on a full disk, has left its files in the place and given the number back.
        """
        shutil.rmtree(place, ignore_errors=True)
        self.path.rename(place)


def items(tx: Connection, account: str, fields: Fields) -> tuple[Item, ...]:
    """The uploads that `files` and `directories` name. 400 for tokens that are unknown, unfinished or another's."""
    found = tuple(_walk(tx, account, fields, "", 0))
    if not found:
        raise ApiError(400, "A dataset needs at least one file")
    return found


@contextmanager
def staged(folder: DataFolder, wanted: tuple[Item, ...], limit: int | None = None) -> Iterator[Staged]:
    """The files in a hidden folder, on the disk. Whatever was not settled is removed at the end.

    400 where archives unpack to more than `limit` bytes, or than is good for anybody.
    """
    path = folder.root / "datasets" / f".{secrets.token_hex(8)}"
    budget = Budget.for_upload(sum(item.upload.size for item in wanted))
    if limit is not None:
        budget = Budget(min(budget.bytes, limit))
    with archives.scratch(path):
        try:
            for item in wanted:
                _place(folder, path, item, budget)
        except ArchiveRefused as exc:
            raise ApiError(400, str(exc)) from exc
        scan = outputs.scan(path)
        if scan.left_out:
            raise ApiError(400, f"The dataset has files that cannot be offered: {', '.join(scan.left_out[:5])}")
        yield Staged(path, tuple((o.name, o.size) for o in scan.outputs))


def _walk(tx: Connection, account: str, fields: Fields, folder: str, depth: int) -> Iterator[Item]:
    if depth > _DEPTH:
        raise ApiError(400, "Directories are nested too deeply")
    for file in fields.objects("files"):
        upload = uploads.find(tx, file.text("token"))
        if upload is None or upload.account != account or not upload.complete:
            raise ApiError(400, "A file's upload is not known or not complete; upload it again")
        yield Item(folder, upload)
    for directory in fields.objects("directories"):
        name = names.file_name(directory.text("name"))
        if name is None:
            raise ApiError(400, "A directory's name is not valid")
        yield from _walk(tx, account, directory, f"{folder}{name}/", depth + 1)


def _place(folder: DataFolder, staging: Path, item: Item, budget: Budget) -> None:
    target = staging / item.folder
    try:
        target.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ApiError(400, f"A file and a directory are both named {item.folder.rstrip('/')}") from None
    except OSError as exc:
        if exc.errno != errno.ENAMETOOLONG:
            raise
        raise ApiError(400, "A directory's name is too long") from None
    source = folder.upload(item.upload.token)
    bare = archives.stem(item.upload.name)
    if bare is not None:
        whole = bare == archives.WHOLE and not item.folder
        if not whole and (target / bare).exists():
            raise ArchiveRefused(f"{item.upload.name} unpacks over another file")
        if archives.unpack(source, target if whole else target / bare, budget):
            return
    budget.count()
    try:
        os.link(source, target / item.upload.name)
    except FileExistsError:
        raise ApiError(400, f"Two files are named {item.folder}{item.upload.name}") from None
