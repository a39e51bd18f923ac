"""What a start puts in order: leftovers of steps that a kill interrupted, and uploads that nobody came back for."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from sahel_nb.localkaggle.folder import DataFolder
from sahel_nb.localkaggle.store import datasets, kernels, uploads
from sahel_nb.localkaggle.store.database import Database

# The client remembers an upload for six days; a day more is Google's own limit.
UPLOAD_LIFETIME = 7 * 24 * 3600


def clean(db: Database, folder: DataFolder) -> None:
    """Remove what no row names. Only for a process that holds the folder's lock."""
    with db.write() as tx:
        for token in uploads.older_than(tx, time.time() - UPLOAD_LIFETIME):
            uploads.delete(tx, token)
        tokens = {upload.token for upload in uploads.everything(tx)}
        known = {str(version_id) for version_id in datasets.version_ids(tx)}
        archives = {f"z{version_id}.zip" for version_id in datasets.version_ids(tx)}
        archives |= {f"o{version_id}.zip" for version_id in kernels.version_ids(tx)}
    for path in (folder.root / "uploads").iterdir():
        if path.name not in tokens:
            path.unlink(missing_ok=True)
    for path in (folder.root / "datasets").iterdir():
        if path.name not in known:
            _remove(path)
    for path in (folder.root / "archives").iterdir():
        if path.name not in archives:
            path.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
