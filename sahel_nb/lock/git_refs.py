"""The chain of one lock as commits of the empty tree behind one ref of the shared remote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.backend import SwapResult, Tip, Verdict
from sahel_nb.lock.record import Record
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, make_commit
from sahel_nb.repo.swap_answer import Swap

_VERDICTS = {
    Swap.WON: Verdict.WON,
    Swap.ALREADY_MINE: Verdict.WON,
    Swap.LOST: Verdict.LOST,
    Swap.BUSY: Verdict.BUSY,
    Swap.AMBIGUOUS: Verdict.UNKNOWN,
}


@dataclass(frozen=True)
class GitRefs:
    """A `Backend` over the ref `ref`; see `names.lock_ref`."""

    refs: RemoteRefs
    ref: str

    def read(self) -> Tip | None:
        commit = self.refs.read(self.ref)
        return to_tip(commit) if commit else None

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        commit = make_commit(
            record.to_json(),
            parent=old.oid if old else None,
            name="sahel-nb",
            email="lock@sahel-nb.invalid",
            when=_seconds(record.at),
            algorithm=self.refs.algorithm,
        )
        answer = self.refs.swap(self.ref, RawCommit(old.oid, old.raw) if old else None, commit)
        if answer.swap is Swap.UNREACHABLE:
            raise NetworkError("the remote with the locks was not reached", details=answer.evidence)
        if answer.swap is Swap.REFUSED:
            raise Refused(
                f"the remote does not let us move {self.ref}",
                hints=("sahel-nb lock doctor",),
                details=answer.evidence,
            )
        return SwapResult(_VERDICTS[answer.swap], Tip(commit.oid, record, commit.body), answer.evidence)

    def history(self, limit: int) -> tuple[Tip, ...]:
        return tuple(to_tip(commit) for commit in self.refs.history(self.ref, limit))


def to_tip(commit: RawCommit) -> Tip:
    """Raises `CorruptRecord`."""
    return Tip(commit.oid, Record.from_json(commit.message), commit.body)


def _seconds(at: str) -> int:
    try:
        return int(datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return 0
