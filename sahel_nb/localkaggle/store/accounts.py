"""Accounts, API tokens, and who else may work on a kernel. Keys and tokens are kept as hashes only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from sqlite3 import Connection

from sahel_nb.localkaggle.names import Ref


def put(tx: Connection, name: str, key: str, now: float) -> None:
    """Create the account, or give it a new key."""
    salt = secrets.token_bytes(16)
    tx.execute(
        "INSERT INTO accounts (name, salt, key_hash, created) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET salt = excluded.salt, key_hash = excluded.key_hash",
        (name, salt, _hash(key, salt), now),
    )


def exists(tx: Connection, name: str) -> bool:
    return tx.execute("SELECT 1 FROM accounts WHERE name = ?", (name,)).fetchone() is not None


def check(tx: Connection, name: str, key: str) -> bool:
    row = tx.execute("SELECT salt, key_hash FROM accounts WHERE name = ?", (name,)).fetchone()
    return row is not None and hmac.compare_digest(bytes(row["key_hash"]), _hash(key, bytes(row["salt"])))


def put_token(tx: Connection, token: str, name: str, now: float) -> None:
    """Let a token stand for an account; one that is new gets a key that nobody knows."""
    if not exists(tx, name):
        put(tx, name, secrets.token_hex(32), now)
    tx.execute("INSERT OR REPLACE INTO tokens (token_hash, account) VALUES (?, ?)", (_hash(token, b""), name))


def by_token(tx: Connection, token: str) -> str | None:
    row = tx.execute("SELECT account FROM tokens WHERE token_hash = ?", (_hash(token, b""),)).fetchone()
    return None if row is None else str(row["account"])


def add_collaborator(tx: Connection, ref: Ref, name: str) -> None:
    tx.execute("INSERT OR IGNORE INTO collaborators VALUES (?, ?, ?)", (ref.owner, ref.slug, name))


def may_edit(tx: Connection, ref: Ref, name: str) -> bool:
    """The owner, and whom the owner named."""
    if ref.owner == name:
        return True
    row = tx.execute("SELECT 1 FROM collaborators WHERE owner = ? AND slug = ? AND account = ?", (*_key(ref), name))
    return row.fetchone() is not None


def names(tx: Connection) -> tuple[str, ...]:
    return tuple(row["name"] for row in tx.execute("SELECT name FROM accounts ORDER BY name"))


def _key(ref: Ref) -> tuple[str, str]:
    return ref.owner, ref.slug


def _hash(secret: str, salt: bytes) -> bytes:
    return hashlib.sha256(salt + secret.encode("utf-8")).digest()
