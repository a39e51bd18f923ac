"""The chain of one lock as commits of the empty tree behind one ref of the shared remote."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.backend import SwapResult, Tip, Verdict
from sahel_nb.lock.record import Record
from sahel_nb.lock.signing import Signing
from sahel_nb.repo.refs import RemoteRefs, try_again
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
    signing: Signing | None = None
    """Where records are signed: what is read must be believed first. None: whoever may push may write."""
    _seen: dict[str, Tip] = field(default_factory=dict, repr=False, compare=False)
    _made: dict[tuple[str, Record], RawCommit] = field(default_factory=dict, repr=False, compare=False)

    def read(self) -> Tip | None:
        """What was seen last is not fetched again, when the remote says that it is still there."""
        known = dict(self._seen)
        if known:
            oid = self.refs.where(self.ref)
            if oid is None or oid in known:
                return known[oid] if oid else None
        commit = self.refs.read(self.ref)
        if commit is None:
            return None
        tip = to_tip(commit)
        if self.signing is not None:
            self.signing.believe(tip)
        return self._keep(tip)

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        if self.signing is not None and old is not None and old.oid not in self._seen:
            self.signing.believe(old)
        before = RawCommit(old.oid, old.raw) if old else None
        commit = self._commit(before, record)
        answer = self.refs.swap(self.ref, before, commit)
        if answer.swap is Swap.UNREACHABLE:
            raise NetworkError(
                "the remote with the locks was not reached", details=answer.evidence, hints=try_again(self.refs.remote)
            )
        if answer.swap is Swap.REFUSED:
            raise Refused(
                f"the remote does not let us move {self.ref}",
                hints=("sahel-nb lock doctor",),
                details=answer.evidence,
            )
        tip, verdict = Tip(commit.oid, record, commit.body), _VERDICTS[answer.swap]
        if verdict is Verdict.WON:
            self._keep(tip)
        return SwapResult(verdict, tip, answer.evidence)

    def history(self, limit: int) -> tuple[Tip, ...]:
        return tuple(to_tip(commit) for commit in self.refs.history(self.ref, limit))

    def _commit(self, parent: RawCommit | None, record: Record) -> RawCommit:
        if self.signing is None:
            return make_commit(
                record.to_json(),
                parent=parent.oid if parent else None,
                name="sahel-nb",
                email="lock@sahel-nb.invalid",
                when=_seconds(record.at),
                algorithm=self.refs.algorithm,
            )
        # A signature may differ each time, and the same swap must be the same commit.
        key = (parent.oid if parent else "", record)
        if key not in self._made:
            self._made.clear()
            self._made[key] = self.signing.make(record.to_json(), parent, _seconds(record.at))
        return self._made[key]

    def _keep(self, tip: Tip) -> Tip:
        self._seen.clear()
        self._seen[tip.oid] = tip
        return tip


def to_tip(commit: RawCommit) -> Tip:
    """Raises `CorruptRecord`."""
    return Tip(commit.oid, Record.from_json(commit.message), commit.body)


def _seconds(at: str) -> int:
    try:
        return int(datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return 0
