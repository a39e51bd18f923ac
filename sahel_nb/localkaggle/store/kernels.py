"""Kernels and their versions."""

from __future__ import annotations

from sqlite3 import Connection, Row

from sahel_nb.localkaggle.model import Kernel, Settings, Status, Version
from sahel_nb.localkaggle.names import Ref

_COLUMNS = "id, kernel_id, number, author, settings, status, failure, created, started, ended, time_limit"


def find(tx: Connection, ref: Ref) -> Kernel | None:
    row = tx.execute("SELECT * FROM kernels WHERE owner = ? AND slug = ?", (ref.owner, ref.slug)).fetchone()
    return None if row is None else _kernel(row)


def by_id(tx: Connection, kernel_id: int) -> Kernel | None:
    row = tx.execute("SELECT * FROM kernels WHERE id = ?", (kernel_id,)).fetchone()
    return None if row is None else _kernel(row)


def everything(tx: Connection) -> tuple[Kernel, ...]:
    return tuple(_kernel(row) for row in tx.execute("SELECT * FROM kernels ORDER BY id"))


def create(tx: Connection, ref: Ref, title: str, private: bool, now: float) -> Kernel:
    cursor = tx.execute(
        "INSERT INTO kernels (owner, slug, title, private, created) VALUES (?, ?, ?, ?, ?)",
        (ref.owner, ref.slug, title, private, now),
    )
    assert cursor.lastrowid is not None
    return Kernel(cursor.lastrowid, ref.owner, ref.slug, title, private, now)


def update(tx: Connection, kernel: Kernel, title: str, private: bool) -> None:
    tx.execute("UPDATE kernels SET title = ?, private = ? WHERE id = ?", (title, private, kernel.id))


def delete(tx: Connection, kernel: Kernel) -> tuple[int, ...]:
    """Forget a kernel; the ids of the versions that went with it."""
    ids = tuple(row["id"] for row in tx.execute("SELECT id FROM versions WHERE kernel_id = ?", (kernel.id,)))
    tx.execute("DELETE FROM kernels WHERE id = ?", (kernel.id,))
    return ids


def add_version(
    tx: Connection,
    kernel: Kernel,
    author: str,
    source: str,
    settings: Settings,
    status: Status,
    time_limit: float,
    now: float,
) -> Version:
    last = tx.execute("SELECT max(number) AS n FROM versions WHERE kernel_id = ?", (kernel.id,)).fetchone()["n"]
    number = (last or 0) + 1
    cursor = tx.execute(
        "INSERT INTO versions (kernel_id, number, author, source, settings, accelerator, status, created, time_limit) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            kernel.id,
            number,
            author,
            source,
            settings.to_json(),
            settings.accelerator.value,
            status.value,
            now,
            time_limit,
        ),
    )
    assert cursor.lastrowid is not None
    return Version(cursor.lastrowid, kernel.id, number, author, settings, status, "", now, None, None, time_limit)


def latest(tx: Connection, kernel: Kernel) -> Version | None:
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM versions WHERE kernel_id = ? ORDER BY number DESC LIMIT 1",  # noqa: S608 a constant
        (kernel.id,),
    ).fetchone()
    return None if row is None else _version(row)


def latest_complete(tx: Connection, kernel: Kernel) -> Version | None:
    """The version whose output other kernels see."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM versions WHERE kernel_id = ? AND status = 'COMPLETE' "  # noqa: S608 a constant
        "ORDER BY number DESC LIMIT 1",
        (kernel.id,),
    ).fetchone()
    return None if row is None else _version(row)


def version(tx: Connection, kernel: Kernel, number: int) -> Version | None:
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM versions WHERE kernel_id = ? AND number = ?",  # noqa: S608 a constant
        (kernel.id, number),
    ).fetchone()
    return None if row is None else _version(row)


def version_by_id(tx: Connection, version_id: int) -> Version | None:
    row = tx.execute(f"SELECT {_COLUMNS} FROM versions WHERE id = ?", (version_id,)).fetchone()  # noqa: S608 a constant
    return None if row is None else _version(row)


def versions(tx: Connection, kernel: Kernel) -> tuple[Version, ...]:
    """All of a kernel's versions, newest first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM versions WHERE kernel_id = ? ORDER BY number DESC",  # noqa: S608 a constant
        (kernel.id,),
    )
    return tuple(_version(row) for row in rows)


def source(tx: Connection, found: Version) -> str:
    return str(tx.execute("SELECT source FROM versions WHERE id = ?", (found.id,)).fetchone()["source"])


def version_ids(tx: Connection) -> frozenset[int]:
    return frozenset(row["id"] for row in tx.execute("SELECT id FROM versions"))


def _kernel(row: Row) -> Kernel:
    return Kernel(row["id"], row["owner"], row["slug"], row["title"], bool(row["private"]), row["created"])


def _version(row: Row) -> Version:
    return Version(
        row["id"],
        row["kernel_id"],
        row["number"],
        row["author"],
        Settings.from_json(row["settings"]),
        Status(row["status"]),
        row["failure"],
        row["created"],
        row["started"],
        row["ended"],
        row["time_limit"],
    )
