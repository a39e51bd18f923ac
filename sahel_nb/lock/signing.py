"""Signed records: who wrote one is not what it says, but who signed it.

Off, a record says who wrote it and nobody can tell: the lock is advisory among people who may push. On, a record is
believed only if somebody signed it who stands in `allowed_signers`, a file in a protected branch of the lock remote,
and who may be its writer. The kernel, the remote and the record before it are inside what is signed, so that a record
cannot be used again elsewhere; one that is older than what this clone has seen is refused. A signed record vouches for
all before it: its parent's id is signed with it, and its writer had believed that one.

A chain from before signing was turned on goes on under its old ref: the protected branch says in `unsigned_tips`, line
by line as `git ls-remote` prints them, with which unsigned record each may end. No other one is believed, and not that
one either by a clone that has seen the chain go on from there.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from sahel_nb.durable import write_atomically
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.record import State
from sahel_nb.lock.replay import Forbidden, check_alone
from sahel_nb.lock.rules import Untrusted, is_signed
from sahel_nb.lock.seen_signed import SeenSigned
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit
from sahel_nb.repo.signature import BadSignature, sign, signer

FILE = "allowed_signers"
UNSIGNED = "unsigned_tips"
_FRESH = 60.0
ADVISORY = "off: whoever may push can write a record in any name, so the lock is advisory"


@dataclass(frozen=True)
class Signing:
    """The rules of one kernel's chain. `kind` is ssh or gpg, `branch` the protected one with the signers' keys, `seen`
    what this clone remembers of it."""

    refs: RemoteRefs
    kind: str
    branch: str
    kernel: str
    seen: SeenSigned
    asked: dict[str, tuple[Path, float]] = field(default_factory=dict, repr=False, compare=False)

    def make(self, message: bytes, parent: RawCommit | None, when: int) -> RawCommit:
        """The record as a commit that this person signed. Raises `Refused` where git cannot sign."""
        return sign(self.refs, message, parent, when, self.kind)

    def believe(self, tip: Tip) -> None:
        """Raises `Untrusted`."""
        record = tip.record
        if record.kernel != self.kernel:
            raise self._refusal(f"the record is of {record.kernel}: it was signed for another lock")
        if not is_signed(tip.raw):
            self._let_stand(tip)
            self._not_older(tip)
            return
        remote = self.seen.remote_id
        if record.lock_remote_id != remote:
            raise self._refusal(f"the record was signed for {record.lock_remote_id}, and this is {remote}")
        commit = RawCommit(tip.oid, tip.raw)
        try:
            who = signer(
                self.refs.worktree.root, tip.oid, self._allowed(), self.kind, git_dir=str(self.refs.store(commit))
            )
            check_alone(record, who)
        except BadSignature as exc:
            raise self._refusal(exc.message, *exc.details) from exc
        except Forbidden as exc:
            raise self._refusal(str(exc)) from exc
        self._not_older(tip)
        self.seen.note()

    def won(self, tip: Tip) -> None:
        self._not_older(tip)
        self.seen.note()

    def _let_stand(self, tip: Tip) -> None:
        """An unsigned record is believed only where the protected branch names it, and only as a beginning."""
        carries = f"record {tip.oid[:9]} carries no {self.kind} signature"
        if self.seen.here:
            raise self._refusal(f"{carries}, and signed ones of this lock were seen here")
        found = self.refs.file_at(self.branch, UNSIGNED)
        lines = found[1].decode("utf-8", "replace").splitlines() if found else []
        if [tip.oid, self.seen.ref] not in [line.split() for line in lines]:
            raise self._refusal(
                f"{carries}, and {UNSIGNED} of {self.branch} does not name it",
                f"if it is what the lock ended with when signing was turned on: {tip.oid} {self.seen.ref}",
            )
        if tip.record.state is not State.FREE:
            raise self._refusal(f"{carries}, and the lock was {tip.record.state.value} when signing was turned on")

    def _not_older(self, tip: Tip) -> None:
        seen = 0
        with contextlib.suppress(FileNotFoundError, ValueError):
            seen = int(self._fence.read_text("ascii"))
        if tip.record.fence < seen:
            raise self._refusal(
                f"fence {seen} was seen here, and the newest record has {tip.record.fence}: an older one came back",
                f"if the remote was restored from a backup: rm {self._fence}",
            )
        if tip.record.fence > seen:
            self._fence.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._fence, str(tip.record.fence).encode("ascii"))

    def _allowed(self) -> Path:
        """The signers' file as the protected branch has it, asked once a minute and kept by the id of its commit."""
        known = self.asked.get(self.branch)
        if known is None or time.monotonic() - known[1] > _FRESH:
            known = self.asked[self.branch] = (self._ask(), time.monotonic())
        return known[0]

    def _ask(self) -> Path:
        folder = self._folder
        oid = self.refs.where(self.branch)
        path = folder / f"signers-{oid}"
        if oid is not None and path.exists():
            return path
        found = self.refs.file_at(self.branch, FILE) if oid else None
        if found is None:
            raise self._refusal(f"{self.branch} of {self.refs.remote} has no file {FILE}: nobody's signature counts")
        path = folder / f"signers-{found[0]}"
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, found[1])
        return path

    @property
    def _folder(self) -> Path:
        return self.seen.folder

    @property
    def _fence(self) -> Path:
        return self.seen.place(self.seen.ref, "fence")

    def _refusal(self, why: str, *details: str) -> Untrusted:
        return Untrusted(
            f"{self.kernel}: the lock is not to be believed: {why}",
            details=details,
            hints=(f"sahel-nb lock log {self.kernel}", "sahel-nb lock doctor"),
        )
