"""How the records of one chain are made, and which of them are believed: what signed and unsigned chains share."""

from __future__ import annotations

from typing import Protocol

from sahel_nb.errors import Refused
from sahel_nb.lock.backend import Tip
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, make_commit


class Untrusted(Refused):
    """The newest record is not one that this clone believes, or goes on from."""


class Rules(Protocol):
    def make(self, message: bytes, parent: RawCommit | None, when: int) -> RawCommit:
        """The record as a commit. Raises `Refused` where it cannot be made, or must not be."""

    @property
    def looks_back(self) -> bool:
        """Whether `judge` wants to see what the newest record follows on."""

    def believe(self, tip: Tip) -> None:
        """Raises `Untrusted`."""

    def judge(self, before: Tip | None, tip: Tip) -> None:
        """The same of the newest record, just read, and the one that it follows on; None where it is the first."""

    def won(self, tip: Tip) -> None:
        """Our own record is what the chain ends with."""


def is_signed(body: bytes) -> bool:
    """Whether a commit carries a signature, of whomever: see gitformat-signature(5)."""
    return any(line.startswith(b"gpgsig") for line in body.partition(b"\n\n")[0].split(b"\n"))


def plain_commit(refs: RemoteRefs, message: bytes, parent: RawCommit | None, when: int) -> RawCommit:
    """The record as a commit that nobody signed. The same arguments make the same commit."""
    return make_commit(
        message,
        parent=parent.oid if parent else None,
        name="sahel-nb",
        email="lock@sahel-nb.invalid",
        when=when,
        algorithm=refs.algorithm,
    )
