"""Signed records: who wrote one is not what it says, but who signed it.

Off, a record says who wrote it and nobody can tell: the lock is advisory among people who may push. On, a record is
believed only if somebody signed it who stands in `allowed_signers`, a file in a protected branch of the lock remote,
and who may be its writer. The kernel, the remote and the record before it are inside what is signed, so that a record
cannot be used again elsewhere; one that is older than what this clone has seen is refused. A signed record vouches for
all before it: its parent's id is signed with it, and its writer had believed that one. What a signer who counts writes
against the rules is refused by whoever reads it as the newest record; further back, `lock log --verify` finds it.

A chain from before signing was turned on goes on under its old ref: the protected branch says in `unsigned_tips`, line
by line as `git ls-remote` prints them, with which unsigned record each may end; the word `past` behind a line says that
it has gone on from there. No other one is believed, and not that one either by a clone that has seen the chain go on.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

from sahel_nb.durable import make_folder, write_atomically
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.record import State
from sahel_nb.lock.replay import Forbidden, Pusher, author, check_alone, check_author
from sahel_nb.lock.rules import Untrusted, is_signed
from sahel_nb.lock.seen_signed import SeenSigned
from sahel_nb.lock.verify import broken_step, describe
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit
from sahel_nb.repo.signature import BadSignature, sign, signer

FILE = "allowed_signers"
UNSIGNED = "unsigned_tips"
PAST = "past"
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

    @property
    def looks_back(self) -> bool:
        return True

    def believe(self, tip: Tip) -> None:
        """Raises `Untrusted`."""
        self._authentic(tip)
        self._not_older(tip)

    def judge(self, before: Tip | None, tip: Tip) -> None:
        """The same, and whether it may follow on `before`; then it is remembered. Raises `Untrusted`."""
        self.believe(tip)
        if is_signed(tip.raw):
            self._follows(before, tip)
        self._remember(tip)

    def won(self, tip: Tip) -> None:
        self._remember(tip)

    def vouch(self, tip: Tip) -> None:
        """Was this record signed for this lock, and by whom it says that it was written by? Raises `Untrusted`."""
        record, remote = tip.record, self.seen.remote_id
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

    def let_stand(self, *, newest: bool) -> frozenset[str]:
        """The unsigned records of this lock that the protected branch names; those that are past, not as the newest."""
        found = self.refs.file_at(self.branch, UNSIGNED)
        lines = (line.split() for line in found[1].decode("utf-8", "replace").splitlines()) if found else ()
        ways = [[self.seen.ref]] if newest else [[self.seen.ref], [self.seen.ref, PAST]]
        return frozenset(words[0] for words in lines if words[1:] in ways)

    def _authentic(self, tip: Tip) -> None:
        if tip.record.kernel != self.kernel:
            raise self._refusal(f"the record is of {tip.record.kernel}: it was signed for another lock")
        if is_signed(tip.raw):
            self.vouch(tip)
            return
        carries = f"record {tip.oid[:9]} carries no {self.kind} signature"
        if self.seen.here:
            raise self._refusal(f"{carries}, and signed ones of this lock were seen here")
        if tip.oid not in self.let_stand(newest=True):
            raise self._refusal(
                f"{carries}, and {UNSIGNED} of {self.branch} does not name it",
                f"if it is what the lock ended with when signing was turned on: {tip.oid} {self.seen.ref}",
            )
        if tip.record.state is not State.FREE:
            raise self._refusal(f"{carries}, and the lock was {tip.record.state.value} when signing was turned on")

    def _follows(self, before: Tip | None, tip: Tip) -> None:
        """What a signer who counts signed against the rules. The steps before this one are not looked at here."""
        who = author(tip.record) or tip.record.by
        why = broken_step(before, tip, RawCommit(tip.oid, tip.raw).parents)
        if not why:
            try:
                check_author(before.record if before else None, tip.record, Pusher({who}))
            except Forbidden as exc:
                why = str(exc)
        unsigned = before is not None and not is_signed(before.raw)
        if not why and before is not None and unsigned and before.oid not in self.let_stand(newest=False):
            why = f"that one is not signed, and {UNSIGNED} of {self.branch} does not name it"
        if why:
            raise self._refusal(
                f"{who} signed a record that may not follow on the one before it: {why}",
                f"signed: {describe(tip.record)}",
                *((f"on:     {describe(before.record)}",) if before else ()),
            )

    def _not_older(self, tip: Tip) -> None:
        seen = self._newest_fence()
        if tip.record.fence < seen:
            raise self._refusal(
                f"fence {seen} was seen here, and the newest record has {tip.record.fence}: an older one came back",
                f"if the remote was restored from a backup: rm {quote(str(self._fence))}",
            )

    def _remember(self, tip: Tip) -> None:
        if is_signed(tip.raw):
            self.seen.note()
        if tip.record.fence > self._newest_fence():
            make_folder(self._fence.parent)
            write_atomically(self._fence, str(tip.record.fence).encode("ascii"))

    def _newest_fence(self) -> int:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(self._fence.read_text("ascii"))
        return 0

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
        make_folder(folder)
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
            hints=(f"sahel-nb lock log {self.kernel} --verify", "sahel-nb lock doctor"),
        )
