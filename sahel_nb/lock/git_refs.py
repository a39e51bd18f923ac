"""The chain of one lock as commits of the empty tree behind one ref of the shared remote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sahel_nb.errors import NetworkError, Refused, UsageError
from sahel_nb.lock.backend import SwapResult, Tip, Verdict
from sahel_nb.lock.names import archive_ref
from sahel_nb.lock.proof import Proof
from sahel_nb.lock.record import CorruptRecord, Op, Record
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
_NEAR, _FAR, _ALL = 32, 1000, 2**31 - 1
"""Records that are fetched to find the one that was seen last: a colleague's few runs, a long absence, everything."""


@dataclass(frozen=True)
class GitRefs:
    """A `Backend` over the ref `ref`; see `names.lock_ref`."""

    refs: RemoteRefs
    ref: str
    rules: Rules | None = None
    """What is read must be believed first, and is made by these. None: whoever may push may write."""
    proof: Proof | None = None
    """That the remote can hold a lock, tried before the first grant. None: it is taken to be one."""
    _seen: dict[str, Tip] = field(default_factory=dict, repr=False, compare=False)
    _line: list[RawCommit] = field(default_factory=list, repr=False, compare=False)
    """The newest tip that was fetched, and what came with it, newest first."""
    _descent: dict[tuple[str, str], bool] = field(default_factory=dict, repr=False, compare=False)
    _made: dict[tuple[str, Record], RawCommit] = field(default_factory=dict, repr=False, compare=False)

    def read(self, since: Tip | None = None) -> Tip | None:
        """What was seen last is not fetched again, when the remote says that it is still there."""
        known = dict(self._seen)
        if known:
            oid = self.refs.where(self.ref)
            if oid is None or oid in known:
                return known[oid] if oid else None
        commits = self.refs.history(self.ref, _NEAR if since else self.rules.looks_back if self.rules else 1)
        self._line[:] = commits
        if not commits:
            return None
        tip = to_tip(commits[0])
        if self.rules is not None:
            whole = not commits[-1].parents and tip.record.op is not Op.COMPACT
            self.rules.judge(self._judged(tip, commits), whole=whole)
        return self._keep(tip)

    def descends(self, tip: Tip, known: Tip) -> bool:
        """Most often it is among what came with the tip; else more and more is fetched, up to everything, once."""
        if (tip.oid, known.oid) not in self._descent:
            self._descent[tip.oid, known.oid] = self._follows(tip, known)
        return self._descent[tip.oid, known.oid]

    def _follows(self, tip: Tip, known: Tip) -> bool:
        if known.oid == tip.record.archive or _has(self._line if self._is_newest(tip) else [], known):
            return True
        for limit in (_FAR, _ALL):
            try:
                line = self._fetch(limit)
            except ArchiveMissing:  # it keeps nobody from running: what is left to compare are the grants
                return tip.record.fence >= known.record.fence
            if _has(line, known) or len(line) < limit:
                return _has(line, known)
        return False

    def _is_newest(self, tip: Tip) -> bool:
        return bool(self._line) and self._line[0].oid == tip.oid

    def _judged(self, tip: Tip, commits: Sequence[RawCommit]) -> list[Tip]:
        """Of what came with the newest record, as far as it can be read; and what was archived when the chain began
        anew with the newest one."""
        line = [tip]
        for commit in commits[1:]:
            try:
                line.append(to_tip(commit))
            except CorruptRecord:  # what a lead has reset
                break
        if tip.record.op is Op.COMPACT and self.rules is not None and self.rules.looks_back > 1:
            place = archive_ref(self.ref, tip.record.archive)
            archived = self.refs.read(place)
            if archived is None:
                raise ArchiveMissing(tip.record.kernel, place, self.refs.remote)
            line.append(to_tip(archived))
        return line

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        reset = record.op is Op.RESET
        if self.rules is not None and old is not None and old.oid not in self._seen and not reset:
            self.rules.believe(old)
        unproved = self.proof if record.op in (Op.ARM, Op.HOLD) and self.proof and not self.proof.known else None
        if unproved is not None:
            unproved.establish()
        before = RawCommit(old.oid, old.raw) if old else None
        commit = self._commit(before if old and old.raw else None, record)
        if self.rules is not None:
            self.rules.approve(None if reset else old, Tip(commit.oid, record, commit.body))
        answer = self.refs.swap(self.ref, before, commit)
        result = self._said(answer, Tip(commit.oid, record, commit.body), f"move {self.ref}")
        if result.verdict is Verdict.WON:
            if unproved is not None:
                self._read_back(commit, record, unproved, began=old is None)
            self._keep(result.tip)
            if self.rules is not None:
                self.rules.won(result.tip)
        return result

    def _read_back(self, commit: RawCommit, record: Record, unproved: Proof, *, began: bool) -> None:
        """Raises `Refused` where the first grant is not what the remote shows to who asks for it."""
        found = self.refs.read(self.ref)
        if found is not None and to_tip(found).record.same_grant(record):
            unproved.note()
            return
        if found is None and began:
            self.refs.delete(self.ref, commit)  # a grant that nobody can see would block everybody
        what = "another record in its place" if found else "no such ref: is it hidden by uploadpack.hideRefs?"
        raise Refused(
            f"{self.refs.remote} cannot hold a lock: it said that {record.kernel} was taken, and shows {what}",
            hints=("sahel-nb lock doctor",),
        )

    def archive(self, tip: Tip) -> SwapResult:
        place = archive_ref(self.ref, tip.oid)
        return self._said(self.refs.keep(place, RawCommit(tip.oid, tip.raw)), tip, f"make {place}")

    def history(self, limit: int) -> tuple[Tip, ...]:
        """What cannot be read, and lies below a record that can, is left out: the alarm of a reset names it."""
        tips = []
        for number, commit in enumerate(self._fetch(limit)):
            try:
                tips.append(to_tip(commit))
            except CorruptRecord:
                if not number:
                    raise
        return tuple(tips)

    def raw(self, limit: int) -> tuple[RawCommit, ...]:
        """The commits themselves of this chain, newest first, whatever they say; what is no commit has no body."""
        oid = self.refs.where(self.ref)
        try:
            return self.refs.history(self.ref, limit) if oid else ()
        except UsageError:
            return (RawCommit(oid or "", b""),)

    def _fetch(self, limit: int) -> list[RawCommit]:
        found = list(self.refs.history(self.ref, limit))
        while found and len(found) < limit and not found[-1].parents:
            try:
                first = to_tip(found[-1]).record
            except CorruptRecord:  # a reset stands on it, or it is what will be said of the newest
                break
            oid = first.archive
            if not oid:
                break
            older = self.refs.history(archive_ref(self.ref, oid), limit - len(found))
            if not older or older[0].oid != oid:
                raise ArchiveMissing(first.kernel, archive_ref(self.ref, oid), self.refs.remote)
            found += older
        return found

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
        # Whoever had what is reset may have dated it as they liked.
        when = max(_seconds(record.at), parent.when if parent and record.op is not Op.RESET else 0)
        parent = None if record.op is Op.COMPACT else parent
        if self.rules is None:
            return plain_commit(self.refs, record.to_json(), parent, when)
        # A signature may differ each time, and the same swap must be the same commit.
        key = (parent.oid if parent else "", record)
        if key not in self._made:
            self._made.clear()
            self._made[key] = self.rules.make(record.to_json(), parent, when)
        return self._made[key]

    def _keep(self, tip: Tip) -> Tip:
        self._seen.clear()
        self._seen[tip.oid] = tip
        return tip


def _has(line: list[RawCommit], known: Tip) -> bool:
    return any(commit.oid == known.oid for commit in line)


def to_tip(commit: RawCommit) -> Tip:
    """Raises `CorruptRecord`."""
    return Tip(commit.oid, Record.from_json(commit.message), commit.body)


def _seconds(at: str) -> int:
    try:
        return int(datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return 0
