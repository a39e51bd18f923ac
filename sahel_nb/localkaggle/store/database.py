"""One SQLite file, one connection, one transaction at a time.

WAL with synchronous=FULL: a transaction is on the disk before `write` returns, so that what was acknowledged survives
kill -9 and a power cut. The service is small enough for readers to wait for that.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from sahel_nb.distribution import upgrade_command
from sahel_nb.errors import UsageError

OLDEST = 1
MIGRATIONS: tuple[str, ...] = ()
"""What brings a file from schema 1 to 2, from 2 to 3, …: appended to, and never changed. `_SCHEMA` stays the first one:
a new file goes the same way as an old one, so there is no second description of what it ends with."""

_SCHEMA = """
CREATE TABLE accounts (
  name TEXT PRIMARY KEY, salt BLOB NOT NULL, key_hash BLOB NOT NULL, created REAL NOT NULL);
CREATE TABLE tokens (
  token_hash BLOB PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts(name));
CREATE TABLE collaborators (
  owner TEXT NOT NULL, slug TEXT NOT NULL, account TEXT NOT NULL, PRIMARY KEY (owner, slug, account));
CREATE TABLE kernels (
  id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, slug TEXT NOT NULL, title TEXT NOT NULL,
  private INTEGER NOT NULL, created REAL NOT NULL, UNIQUE (owner, slug));
CREATE TABLE versions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kernel_id INTEGER NOT NULL REFERENCES kernels(id) ON DELETE CASCADE,
  number INTEGER NOT NULL, author TEXT NOT NULL, source TEXT NOT NULL, settings TEXT NOT NULL,
  accelerator TEXT NOT NULL, status TEXT NOT NULL, failure TEXT NOT NULL DEFAULT '', created REAL NOT NULL,
  started REAL, ended REAL, time_limit REAL NOT NULL, UNIQUE (kernel_id, number));
CREATE INDEX versions_by_status ON versions(status);
CREATE TABLE outputs (
  version_id INTEGER NOT NULL REFERENCES versions(id) ON DELETE CASCADE, name TEXT NOT NULL, size INTEGER NOT NULL,
  modified REAL NOT NULL, PRIMARY KEY (version_id, name)) WITHOUT ROWID;
CREATE TABLE usage (
  account TEXT NOT NULL, accelerator TEXT NOT NULL, started REAL NOT NULL, ended REAL NOT NULL);
CREATE TABLE uploads (
  token TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL,
  complete INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL);
CREATE TABLE datasets (
  id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, slug TEXT NOT NULL, title TEXT NOT NULL,
  subtitle TEXT NOT NULL, description TEXT NOT NULL, license TEXT NOT NULL, private INTEGER NOT NULL,
  keywords TEXT NOT NULL, created REAL NOT NULL, UNIQUE (owner, slug));
CREATE TABLE dataset_versions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
  number INTEGER NOT NULL, notes TEXT NOT NULL, created REAL NOT NULL, total_bytes INTEGER NOT NULL,
  UNIQUE (dataset_id, number));
CREATE TABLE dataset_files (
  version_id INTEGER NOT NULL REFERENCES dataset_versions(id) ON DELETE CASCADE, name TEXT NOT NULL,
  size INTEGER NOT NULL, PRIMARY KEY (version_id, name)) WITHOUT ROWID;
"""


def newest() -> int:
    """The schema that this version of sahel-nb works with."""
    return OLDEST + len(MIGRATIONS)


class Database:
    def __init__(self, path: Path) -> None:
        """Open or create, and bring a file of an earlier schema to the newest one.

        Raises `UsageError` for a file of a newer version, a damaged one, or one that is no store.
        """
        self._lock = threading.RLock()
        try:
            self._connection = _open(path)
        except sqlite3.Error as exc:
            raise UsageError(
                f"{path} cannot be used: {exc}.",
                hints=(
                    f"mv {quote(str(path.parent))} {quote(str(path.parent) + '.damaged')}",
                    "sahel-nb local serve --data ANOTHER-FOLDER",
                ),
            ) from exc

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction, committed to the disk at the end of the block, or undone by an exception."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite may have ended it already, where the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        _check(connection, path, found)
        path.chmod(0o600)
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")
        _bring_up(connection, path, found)
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_up(connection: sqlite3.Connection, path: Path, found: int) -> None:
    """All steps in one transaction: killed in the middle, the next start finds the file as it was and begins again.

    What an earlier version wrote stays beside it, for whoever goes back to that version.
    """
    if found == newest():
        return
    if found:
        kept = path.with_name(f"{path.name}.schema-{found}")
        if not kept.exists():
            draft = path.with_name(f"{kept.name}.new")
            draft.unlink(missing_ok=True)  # of a start that was killed
            connection.execute("VACUUM INTO ?", (str(draft),))
            draft.chmod(0o600)
            draft.replace(kept)
    steps = (_SCHEMA if not found else "", *MIGRATIONS[max(found - OLDEST, 0) :])
    connection.executescript(f"BEGIN IMMEDIATE;{';'.join(steps)};PRAGMA user_version={newest()};COMMIT;")


def _check(connection: sqlite3.Connection, path: Path, found: int) -> None:
    """Nothing is written to a file that is not ours, or not whole."""
    if found > newest():
        raise UsageError(
            f"{path} was written by a newer sahel-nb (schema {found}, this one knows up to {newest()})",
            hints=(upgrade_command(), "sahel-nb local serve --data ANOTHER-FOLDER"),
        )
    if found < 0:
        raise sqlite3.DatabaseError(f"it has the schema {found}, which no sahel-nb writes")
    if found == 0 and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        raise sqlite3.DatabaseError("it belongs to another program")
    damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise sqlite3.DatabaseError(f"it is damaged: {' '.join(str(damage).split())}")
