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

from sahel_nb.errors import UsageError

SCHEMA_VERSION = 1

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


class Database:
    def __init__(self, path: Path) -> None:
        """Open or create. Raises `UsageError` for a file that a newer version of this program wrote."""
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            self._connection.execute(f"PRAGMA {pragma}")
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            # One transaction: killed in the middle, the next start finds an empty file and begins again.
            self._connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
        elif found != SCHEMA_VERSION:
            self._connection.close()
            raise UsageError(
                f"{path} was written by another version of sahel-nb (schema {found}, this one knows {SCHEMA_VERSION}).",
                hints=("pip install --upgrade 'sahel-nb[local]'",),
            )

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction, committed to the disk at the end of the block, or undone by an exception."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()
