"""How the records of one chain are made, and which of them are believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sahel_nb.errors import NOTHING_STARTED, Refused
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.record import Record
from sahel_nb.lock.replay import Forbidden, check_runner
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, make_commit
from sahel_nb.repo.signature import is_signed

ADVISORY = "off: whoever may push can write a record in any name, so the lock is advisory"


class Untrusted(Refused):
    """The newest record is not one that this clone believes, or goes on from."""


class Rules(Protocol):
    def make(self, message: bytes, parent: RawCommit | None, when: int) -> RawCommit:
        """The record as a commit. Raises `Refused` where it cannot be made."""

    @property
    def looks_back(self) -> int:
        """How many records `judge` wants to see, where nothing was seen yet."""

    def approve(self, before: Tip | None, tip: Tip) -> None:
        """What was made, before it is pushed. Raises `Untrusted` where the others would not believe it."""

    def believe(self, tip: Tip) -> None:
        """Raises `Untrusted`."""

    def judge(self, line: Sequence[Tip], *, whole: bool) -> None:
        """The same of the newest records, just read, the newest first; `whole`: down to the chain's first."""

    def won(self, tip: Tip) -> None:
        """Our own record is what the chain ends with."""


@dataclass(frozen=True)
class Unsigned:
    """The rules where no clone enforces anything: a record is what it says.

    Somebody signs, though, when this clone may be behind its team: `ask` then looks, and raises `Refused` if so. A
    signature alone says nothing, for anybody can make one.
    """

    refs: RemoteRefs
    ask: Callable[[], None]
    runners: tuple[str, ...] = ()

    def make(self, message: bytes, parent: RawCommit | None, when: int) -> RawCommit:
        return plain_commit(self.refs, message, parent, when)

    @property
    def looks_back(self) -> int:
        return 1

    def approve(self, before: Tip | None, tip: Tip) -> None:
        require_runner(tip.record, self.runners)

    def believe(self, tip: Tip) -> None:
        if is_signed(tip.raw):
            self.ask()

    def judge(self, line: Sequence[Tip], *, whole: bool) -> None:
        self.believe(line[0])

    def won(self, tip: Tip) -> None:
        """There is nothing to remember of a record that anybody could have written."""


def require_runner(record: Record, runners: Sequence[str]) -> None:
    """Raises `Refused` where the team has named others for the kernel."""
    try:
        check_runner(record, runners)
    except Forbidden as exc:
        raise Refused(str(exc), hints=(f"sahel-nb run {record.kernel} --dev",), kaggle=NOTHING_STARTED) from exc


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
