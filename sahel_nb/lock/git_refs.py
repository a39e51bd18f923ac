"""The chain of one lock as commits of the empty tree behind one ref of the shared remote."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.backend import SwapResult, Tip, Verdict
from sahel_nb.lock.names import archive_ref
from sahel_nb.lock.record import Op, Record
from sahel_nb.lock.refusals import ArchiveMissing
from sahel_nb.lock.rules import Rules, plain_commit
from sahel_nb.repo.refs import RemoteRefs, SwapAnswer, try_again
from sahel_nb.repo.scratch import RawCommit
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
    rules: Rules | None = None
    """What is read must be believed first, and is made by these. None: whoever may push may write."""
    _seen: dict[str, Tip] = field(default_factory=dict, repr=False, compare=False)
    _made: dict[tuple[str, Record], RawCommit] = field(default_factory=dict, repr=False, compare=False)

    def read(self) -> Tip | None:
        """What was seen last is not fetched again, when the remote says that it is still there."""
        known = dict(self._seen)
        if known:
            oid = self.refs.where(self.ref)
            if oid is None or oid in known:
                return known[oid] if oid else None
        deep = self.rules is not None and self.rules.looks_back
        commits = self.refs.history(self.ref, 2 if deep else 1)
        if not commits:
            return None
        tip = to_tip(commits[0])
        if self.rules is not None:
            self.rules.judge(self._before(tip, commits[1:]) if deep else None, tip)
        return self._keep(tip)

    def _before(self, tip: Tip, older: tuple[RawCommit, ...]) -> Tip | None:
        """What a record follows on: its parent, or what was archived when the chain began anew with it."""
        if older:
            return to_tip(older[0])
        if tip.record.op is not Op.COMPACT:
            return None
        archived = self.refs.read(archive_ref(self.ref, tip.record.archive))
        if archived is None:
            raise ArchiveMissing(tip.record.kernel, archive_ref(self.ref, tip.record.archive), self.refs.remote)
        return to_tip(archived)

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        if self.rules is not None and old is not None and old.oid not in self._seen:
            self.rules.believe(old)
        before = RawCommit(old.oid, old.raw) if old else None
        commit = self._commit(before, record)
        answer = self.refs.swap(self.ref, before, commit)
        result = self._said(answer, Tip(commit.oid, record, commit.body), f"move {self.ref}")
        if result.verdict is Verdict.WON:
            self._keep(result.tip)
            if self.rules is not None:
                self.rules.won(result.tip)
        return result

    def archive(self, tip: Tip) -> SwapResult:
        place = archive_ref(self.ref, tip.oid)
        return self._said(self.refs.keep(place, RawCommit(tip.oid, tip.raw)), tip, f"make {place}")

    def history(self, limit: int) -> tuple[Tip, ...]:
        found = [to_tip(commit) for commit in self.refs.history(self.ref, limit)]
        while found and len(found) < limit and (oid := found[-1].record.archive):
            older = self.refs.history(archive_ref(self.ref, oid), limit - len(found))
            if not older or older[0].oid != oid:
                raise ArchiveMissing(found[-1].record.kernel, archive_ref(self.ref, oid), self.refs.remote)
            found += [to_tip(commit) for commit in older]
        return tuple(found)

    def _said(self, answer: SwapAnswer, tip: Tip, what: str) -> SwapResult:
        if answer.swap is Swap.UNREACHABLE:
            raise NetworkError(
                "the remote with the locks was not reached", details=answer.evidence, hints=try_again(self.refs.remote)
            )
        if answer.swap is Swap.REFUSED:
            raise Refused(
                f"the remote does not let us {what}",
                hints=("sahel-nb lock doctor",),
                details=answer.evidence,
            )
        return SwapResult(_VERDICTS[answer.swap], tip, answer.evidence)

    def _commit(self, parent: RawCommit | None, record: Record) -> RawCommit:
        """`record` on `parent`; or, where the chain begins anew with it, on nothing."""
        parent = None if record.op is Op.COMPACT else parent
        if self.rules is None:
            return plain_commit(self.refs, record.to_json(), parent, _seconds(record.at))
        # A signature may differ each time, and the same swap must be the same commit.
        key = (parent.oid if parent else "", record)
        if key not in self._made:
            self._made.clear()
            self._made[key] = self.rules.make(record.to_json(), parent, _seconds(record.at))
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
