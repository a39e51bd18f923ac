"""Signed records: who wrote one is not what it says, but who signed it. The rules of `lock.enforce = "signed"`.

A record is believed if a key signed it that counted, when it was written, for the address that it names as its
writer; if it is of this lock; and if its step, which is judged as a server would, is legal and its writer's to make.
The kernel, the remote and the record before it are inside what is signed: it cannot be used again elsewhere.

Judged is everything down to what this clone believed last, or to a lead's reset; by a clone that has seen nothing yet,
the newest few. Further back `lock log --verify` judges in the same way.

When a record was written is its own date, or that of the record that it stands on where that is later. What this clone
sees for the first time must also be vouched for by what the signers' branch said when this clone last looked: nobody
who was put out goes on by an old date.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.durable import make_folder, write_atomically
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.record import Op
from sahel_nb.lock.replay import Forbidden, Pusher, author, check_alone
from sahel_nb.lock.rules import Untrusted, require_runner
from sahel_nb.lock.signers import Signers, SignersBranch, at
from sahel_nb.lock.verify import broken_step, describe
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit
from sahel_nb.repo.signature import BadSignature, check_signature, is_signed, sign

_WINDOW = 16
"""Records that a clone which has seen nothing of a chain judges."""


@dataclass(frozen=True)
class Signed:
    """The rules of one kernel's chain. `seen` is the file in which this clone remembers what it believed last."""

    refs: RemoteRefs
    branch: SignersBranch
    kernel: str
    remote_id: str
    seen: Path
    ask: Callable[[], None]
    """Is this clone behind its team? Raises `Refused`."""
    runners: tuple[str, ...] = ()

    def make(self, message: bytes, parent: RawCommit | None, when: int) -> RawCommit:
        """The record as a commit that this person signed. Raises `Refused` where git cannot sign, and where this clone
        is behind its team."""
        self.ask()
        return sign(self.refs, message, parent, max(when, self.branch.newest().when))

    @property
    def looks_back(self) -> int:
        return _WINDOW

    def approve(self, before: Tip | None, tip: Tip) -> None:
        """Our own record, before it is pushed: is it one that the others will believe? Raises `Untrusted`."""
        require_runner(tip.record, self.runners)
        try:
            self._follows(before, tip, self.vouch(tip))
        except Untrusted as exc:
            exc.message = f"not written, for nobody would believe it: {exc.message}"
            exc.hints = ("sahel-nb lock doctor", "git config user.email", "git config user.signingkey")
            raise

    def believe(self, tip: Tip) -> None:
        """Was it signed for this lock, by whom it says that it was written by? Raises `Untrusted`."""
        if self._remembered()[0] == tip.oid:
            return
        signers = at(self.branch.history(), _date(tip))
        known, mark = self.seen.with_suffix(".vouched"), f"{tip.oid} {signers.oid if signers else ''}"
        with contextlib.suppress(OSError):
            if known.read_text("ascii") == mark:
                return
        self.vouch(tip)
        make_folder(known.parent)
        write_atomically(known, mark.encode("ascii"))

    def judge(self, line: Sequence[Tip], *, whole: bool) -> None:
        """The same of the newest records, the newest first, down to the one that this clone believed last or to a
        lead's reset, and whether each may follow on the one before; then the newest is remembered. `whole`: the last
        is the chain's first. Raises `Untrusted`."""
        known, floor = self._remembered()
        new = list(itertools.takewhile(lambda tip: tip.oid != known, line))
        if not new:
            return
        end = next((n for n, tip in enumerate(new, 1) if tip.record.op is Op.RESET), len(new))
        below = line[end] if end < len(line) and new[end - 1].record.op is not Op.RESET else None
        when = _date(below) if below else 0
        for number in reversed(range(end)):
            tip = new[number]
            when = max(when, _date(tip))  # a record is not older than the one that it stands on
            signers = self.vouch(tip, when)
            self._not_put_out(tip, signers, floor)
            before = line[number + 1] if number + 1 < len(line) else None
            if before is not None or ((whole or number == 0) and tip.record.op is not Op.COMPACT):
                self._follows(before, tip, signers)
        self.won(new[0])

    def won(self, tip: Tip) -> None:
        """It is what the chain ends with, by what the signers' branch says now."""
        make_folder(self.seen.parent)
        write_atomically(self.seen, f"{tip.oid} {self.branch.newest().oid}".encode("ascii"))

    def vouch(self, tip: Tip, when: int = 0) -> Signers:
        """Whose keys counted when the record was written, one of which signed it for this lock. `when` is given where
        its own date is older than that of the record it stands on. Raises `Untrusted`."""
        record = tip.record
        if record.kernel != self.kernel:
            raise self._refusal(tip, f"the record is of {record.kernel}: it was signed for another lock")
        if record.lock_remote_id != self.remote_id:
            raise self._refusal(tip, f"the record was signed for {record.lock_remote_id}, and this is {self.remote_id}")
        if not is_signed(tip.raw):
            raise self._refusal(tip, "it carries no signature")
        when = when or _date(tip)
        signers = at(self.branch.history(), when)
        if signers is None:
            raise self._refusal(tip, f"it is older than {self.branch.branch}, which says whose keys count")
        try:
            check_signature(RawCommit(tip.oid, tip.raw), author(record) or record.by, signers.keys, when)
            check_alone(record)
        except BadSignature as exc:
            raise self._refusal(tip, exc.message, *exc.details) from exc
        except Forbidden as exc:
            raise self._refusal(tip, str(exc)) from exc
        return signers

    def _not_put_out(self, tip: Tip, signers: Signers, floor: str) -> None:
        """Seen now for the first time, after this clone looked: so it was not written under what had gone by then."""
        history = self.branch.history()
        order = [one.oid for one in history]
        if floor not in order or order.index(signers.oid) <= order.index(floor):
            return
        then = history[order.index(floor)]
        try:
            check_signature(RawCommit(tip.oid, tip.raw), author(tip.record) or "", then.keys, then.when)
        except BadSignature as exc:
            why = "it has an old date, and came after its writer's key had ceased to count"
            raise self._refusal(tip, why, *exc.details) from exc

    def _follows(self, before: Tip | None, tip: Tip, signers: Signers) -> None:
        """What a signer who counts signed against the rules."""
        who = author(tip.record) or tip.record.by
        pusher = Pusher({who.lower()}, frozenset(signers.leads))
        why = broken_step(before, tip, RawCommit(tip.oid, tip.raw).parents, pusher)
        if not why and before is not None and not is_signed(before.raw) and tip.record.op is not Op.RESET:
            why = "that one is not signed"
        if why:
            raise self._refusal(
                tip,
                f"{who} signed a record that may not follow on the one before it: {why}",
                f"signed: {describe(tip.record)}",
                *((f"on:     {describe(before.record)}",) if before else ()),
            )

    def _remembered(self) -> tuple[str, str]:
        with contextlib.suppress(OSError, ValueError):
            oid, floor = self.seen.read_text("ascii").split()
            return oid, floor
        return "", ""

    def _refusal(self, tip: Tip, why: str, *details: str) -> Untrusted:
        return Untrusted(
            f"{self.kernel}: the lock is not to be believed: {why}",
            details=(*details, f"record {tip.oid[:9]}, which says: by {tip.record.by} at {tip.record.at}"),
            hints=(
                f"sahel-nb lock log {self.kernel} --verify",
                f"sahel-nb lock reset {self.kernel} --reason TEXT  # a lead, who has looked",
            ),
        )


def _date(tip: Tip) -> int:
    return RawCommit(tip.oid, tip.raw).when
