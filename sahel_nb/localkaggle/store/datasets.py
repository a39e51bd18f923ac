"""Datasets, their versions, and the files of each version."""

from __future__ import annotations

import json
from collections.abc import Iterable
from sqlite3 import Connection, Row

from sahel_nb.localkaggle.model import Dataset, DatasetVersion
from sahel_nb.localkaggle.names import Ref


def find(tx: Connection, ref: Ref) -> Dataset | None:
    row = tx.execute("SELECT * FROM datasets WHERE owner = ? AND slug = ?", (ref.owner, ref.slug)).fetchone()
    return None if row is None else _dataset(row)


def by_id(tx: Connection, dataset_id: int) -> Dataset | None:
    row = tx.execute("SELECT * FROM datasets WHERE id = ?", (dataset_id,)).fetchone()
    return None if row is None else _dataset(row)


def everything(tx: Connection) -> tuple[Dataset, ...]:
    return tuple(_dataset(row) for row in tx.execute("SELECT * FROM datasets ORDER BY id"))


def create(
    tx: Connection,
    ref: Ref,
    *,
    title: str,
    subtitle: str,
    description: str,
    license_name: str,
    private: bool,
    keywords: tuple[str, ...],
    now: float,
) -> Dataset:
    words = json.dumps(keywords, ensure_ascii=False)
    cursor = tx.execute(
        "INSERT INTO datasets (owner, slug, title, subtitle, description, license, private, keywords, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (ref.owner, ref.slug, title, subtitle, description, license_name, private, words, now),
    )
    assert cursor.lastrowid is not None
    return Dataset(
        cursor.lastrowid, ref.owner, ref.slug, title, subtitle, description, license_name, private, keywords, now
    )


def describe(tx: Connection, dataset: Dataset) -> None:
    """Write what people say about a dataset: everything but its files."""
    tx.execute(
        "UPDATE datasets SET title = ?, subtitle = ?, description = ?, license = ?, private = ?, keywords = ? "
        "WHERE id = ?",
        (
            dataset.title,
            dataset.subtitle,
            dataset.description,
            dataset.license,
            dataset.private,
            json.dumps(dataset.keywords, ensure_ascii=False),
            dataset.id,
        ),
    )


def add_version(
    tx: Connection, dataset: Dataset, notes: str, files: Iterable[tuple[str, int]], now: float
) -> DatasetVersion:
    listed = tuple(files)
    total = sum(size for _, size in listed)
    row = tx.execute("SELECT max(number) AS n FROM dataset_versions WHERE dataset_id = ?", (dataset.id,)).fetchone()
    number = (row["n"] or 0) + 1
    cursor = tx.execute(
        "INSERT INTO dataset_versions (dataset_id, number, notes, created, total_bytes) VALUES (?, ?, ?, ?, ?)",
        (dataset.id, number, notes, now, total),
    )
    assert cursor.lastrowid is not None
    tx.executemany("INSERT INTO dataset_files VALUES (?, ?, ?)", [(cursor.lastrowid, *file) for file in listed])
    return DatasetVersion(cursor.lastrowid, dataset.id, number, notes, now, total)


def latest(tx: Connection, dataset: Dataset) -> DatasetVersion | None:
    row = tx.execute(
        "SELECT * FROM dataset_versions WHERE dataset_id = ? ORDER BY number DESC LIMIT 1", (dataset.id,)
    ).fetchone()
    return None if row is None else _version(row)


def version(tx: Connection, dataset: Dataset, number: int) -> DatasetVersion | None:
    row = tx.execute(
        "SELECT * FROM dataset_versions WHERE dataset_id = ? AND number = ?", (dataset.id, number)
    ).fetchone()
    return None if row is None else _version(row)


def versions(tx: Connection, dataset: Dataset) -> tuple[DatasetVersion, ...]:
    rows = tx.execute("SELECT * FROM dataset_versions WHERE dataset_id = ? ORDER BY number DESC", (dataset.id,))
    return tuple(_version(row) for row in rows)


def files(tx: Connection, found: DatasetVersion) -> tuple[tuple[str, int], ...]:
    rows = tx.execute("SELECT name, size FROM dataset_files WHERE version_id = ? ORDER BY name", (found.id,))
    return tuple((row["name"], row["size"]) for row in rows)


def delete(tx: Connection, dataset: Dataset) -> tuple[int, ...]:
    ids = tuple(found.id for found in versions(tx, dataset))
    tx.execute("DELETE FROM datasets WHERE id = ?", (dataset.id,))
    return ids


def delete_before(tx: Connection, dataset: Dataset, number: int) -> tuple[int, ...]:
    """Forget the versions older than `number`."""
    ids = tuple(found.id for found in versions(tx, dataset) if found.number < number)
    tx.execute("DELETE FROM dataset_versions WHERE dataset_id = ? AND number < ?", (dataset.id, number))
    return ids


def version_ids(tx: Connection) -> frozenset[int]:
    return frozenset(row["id"] for row in tx.execute("SELECT id FROM dataset_versions"))


def _dataset(row: Row) -> Dataset:
    return Dataset(
        row["id"],
        row["owner"],
        row["slug"],
        row["title"],
        row["subtitle"],
        row["description"],
        row["license"],
        bool(row["private"]),
        tuple(json.loads(row["keywords"])),
        row["created"],
    )


def _version(row: Row) -> DatasetVersion:
    return DatasetVersion(row["id"], row["dataset_id"], row["number"], row["notes"], row["created"], row["total_bytes"])
