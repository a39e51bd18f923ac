"""The life of a version's session: each step is one transaction, and none is taken twice.

QUEUED → RUNNING → COMPLETE | ERROR | CANCEL_ACKNOWLEDGED
   └────────┴────→ CANCEL_REQUESTED → CANCEL_ACKNOWLEDGED
"""

from __future__ import annotations

from collections.abc import Iterable
from sqlite3 import Connection

from sahel_nb.localkaggle.model import ACTIVE, Accelerator, Output, Status

_ACTIVE = ", ".join(f"'{word}'" for word in ACTIVE)


def begin(tx: Connection, version_id: int, now: float) -> bool:
    """QUEUED → RUNNING. False where it was cancelled or deleted in the meantime."""
    cursor = tx.execute(
        "UPDATE versions SET status = 'RUNNING', started = ? WHERE id = ? AND status = 'QUEUED'", (now, version_id)
    )
    return cursor.rowcount == 1


def finish(
    tx: Connection, version_id: int, status: Status, failure: str, ended: float, outputs: Iterable[Output] = ()
) -> bool:
    """The end of a session, together with its outputs. False where the version is gone or has ended already."""
    row = tx.execute(
        f"SELECT author, accelerator, started FROM versions WHERE id = ? AND status IN ({_ACTIVE})",  # noqa: S608 a constant
        (version_id,),
    ).fetchone()
    if row is None:
        return False
    tx.execute(
        "UPDATE versions SET status = ?, failure = ?, ended = ? WHERE id = ?",
        (status.value, failure, ended, version_id),
    )
    tx.executemany(
        "INSERT INTO outputs VALUES (?, ?, ?, ?)", [(version_id, o.name, o.size, o.modified) for o in outputs]
    )
    if row["started"] is not None:
        _use(tx, row["author"], row["accelerator"], row["started"], ended)
    return True


def request_cancel(tx: Connection, version_id: int, now: float) -> Status:
    """What became of the request: acknowledged at once while queued, requested while running."""
    if tx.execute(
        "UPDATE versions SET status = 'CANCEL_ACKNOWLEDGED', ended = ? WHERE id = ? AND status = 'QUEUED'",
        (now, version_id),
    ).rowcount:
        return Status.CANCEL_ACKNOWLEDGED
    if tx.execute(
        "UPDATE versions SET status = 'CANCEL_REQUESTED' WHERE id = ? AND status IN ('RUNNING', 'CANCEL_REQUESTED')",
        (version_id,),
    ).rowcount:
        return Status.CANCEL_REQUESTED
    row = tx.execute("SELECT status FROM versions WHERE id = ?", (version_id,)).fetchone()
    return Status.UNKNOWN if row is None else Status(row["status"])


def charge(tx: Connection, version_id: int, now: float) -> None:
    """A version is deleted while it runs: its hours count all the same."""
    row = tx.execute(
        "SELECT author, accelerator, started FROM versions WHERE id = ? AND started IS NOT NULL AND ended IS NULL",
        (version_id,),
    ).fetchone()
    if row is not None:
        _use(tx, row["author"], row["accelerator"], row["started"], now)


def active(tx: Connection) -> tuple[tuple[int, Status], ...]:
    """Sessions that a service left behind or has under way, oldest first."""
    rows = tx.execute(f"SELECT id, status FROM versions WHERE status IN ({_ACTIVE}) ORDER BY id")  # noqa: S608 a constant
    return tuple((row["id"], Status(row["status"])) for row in rows)


def count_active(tx: Connection, account: str, accelerator: Accelerator) -> int:
    row = tx.execute(
        f"SELECT count(*) AS n FROM versions WHERE author = ? AND accelerator = ? AND status IN ({_ACTIVE})",  # noqa: S608 a constant
        (account, accelerator.value),
    ).fetchone()
    return int(row["n"])


def used_seconds(tx: Connection, account: str, accelerator: Accelerator, since: float, now: float) -> float:
    """Real session time since a moment, running sessions included."""
    spans = tx.execute(
        "SELECT started, ended FROM usage WHERE account = :account AND accelerator = :machine AND ended > :since "
        "UNION ALL SELECT started, :now FROM versions WHERE author = :account AND accelerator = :machine "
        "AND started IS NOT NULL AND ended IS NULL",
        {"account": account, "machine": accelerator.value, "since": since, "now": now},
    )
    return float(sum(max(0.0, ended - max(started, since)) for started, ended in spans))


def outputs(tx: Connection, version_id: int) -> tuple[Output, ...]:
    rows = tx.execute("SELECT name, size, modified FROM outputs WHERE version_id = ? ORDER BY name", (version_id,))
    return tuple(Output(row["name"], row["size"], row["modified"]) for row in rows)


def _use(tx: Connection, account: str, accelerator: str, started: float, ended: float) -> None:
    tx.execute("INSERT INTO usage VALUES (?, ?, ?, ?)", (account, accelerator, started, ended))
