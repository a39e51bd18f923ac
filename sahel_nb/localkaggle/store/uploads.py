"""Uploads: promised names and sizes, and whether the bytes have all come. Kept across restarts, because the client
remembers an upload for six days and loses the file silently when the server does not."""

from __future__ import annotations

from sqlite3 import Connection, Row

from sahel_nb.localkaggle.model import Upload


def create(tx: Connection, token: str, account: str, name: str, size: int, now: float) -> Upload:
    tx.execute(
        "INSERT INTO uploads (token, account, name, size, created) VALUES (?, ?, ?, ?, ?)",
        (token, account, name, size, now),
    )
    return Upload(token, account, name, size, False)


def find(tx: Connection, token: str) -> Upload | None:
    row = tx.execute("SELECT * FROM uploads WHERE token = ?", (token,)).fetchone()
    return None if row is None else _upload(row)


def complete(tx: Connection, token: str) -> None:
    tx.execute("UPDATE uploads SET complete = 1 WHERE token = ?", (token,))


def everything(tx: Connection) -> tuple[Upload, ...]:
    return tuple(_upload(row) for row in tx.execute("SELECT * FROM uploads ORDER BY created"))


def delete(tx: Connection, token: str) -> None:
    tx.execute("DELETE FROM uploads WHERE token = ?", (token,))


def older_than(tx: Connection, moment: float) -> tuple[str, ...]:
    return tuple(row["token"] for row in tx.execute("SELECT token FROM uploads WHERE created < ?", (moment,)))


def _upload(row: Row) -> Upload:
    return Upload(row["token"], row["account"], row["name"], row["size"], bool(row["complete"]))
