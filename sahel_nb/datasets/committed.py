"""Datasets whose folder is committed beside the kernels: found in a commit, laid out as they would be uploaded."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sahel_nb.errors import Refused
from sahel_nb.repo import objects
from sahel_nb.repo.worktree import Worktree

FILE_NAME = "dataset-metadata.json"


@dataclass(frozen=True)
class CommittedDataset:
    """A folder of a commit with a dataset-metadata.json; `ref` is its `owner/slug`."""

    ref: str
    folder: str


def find(worktree: Worktree, commit: str) -> tuple[CommittedDataset, ...]:
    """Every dataset folder of the commit; one whose metadata cannot be read is not a dataset."""
    found = []
    for entry in objects.list_tree(worktree, commit):
        path = PurePosixPath(os.fsdecode(entry.path))
        if path.name != FILE_NAME or not entry.mode.startswith("100"):
            continue
        data = objects.read_blob(worktree, commit, str(path)) or b""
        try:
            ref = json.loads(data)["id"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(ref, str):
            found.append(CommittedDataset(ref, "" if str(path.parent) == "." else str(path.parent)))
    return tuple(found)


def lay_out(worktree: Worktree, commit: str, dataset: CommittedDataset, target: Path) -> None:
    """Write the dataset's files, as the commit has them, into `target`; symbolic links are left out.

    Raise `Refused` where they cannot lie beside each other: two of one name, or a file with files below it.
    """
    prefix = f"{dataset.folder}/" if dataset.folder else ""
    entries = [
        entry
        for entry in objects.list_tree(worktree, commit, dataset.folder)
        if entry.mode.startswith("100") and entry.path.startswith(os.fsencode(prefix))
    ]
    contents = objects.blobs(worktree, [entry.oid for entry in entries])
    for entry in entries:
        path = target / os.fsdecode(entry.path[len(os.fsencode(prefix)) :])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(contents[entry.oid])
        except (FileExistsError, NotADirectoryError) as exc:
            name = entry.path.decode("utf-8", "backslashreplace")
            raise Refused(f"commit {commit[:12]} has two files that would lie at {name}") from exc
