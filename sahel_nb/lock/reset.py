"""A lead goes on from a lock that nobody can go on from: unreadable, illegal, of another remote, or not believed.

What is there stays on the chain, below the lead's record, which is FREE, names it in an alarm, and goes on from the
newest record below that is in order. Nothing is forced, and nobody has to remove anything in a clone.
"""

from __future__ import annotations

from collections.abc import Sequence

from sahel_nb.errors import Refused, SahelError, UsageError
from sahel_nb.lock.alarms import carried, reset_alarm
from sahel_nb.lock.backend import Tip, Verdict
from sahel_nb.lock.chain import ROUNDS, Chain
from sahel_nb.lock.commands import Reset
from sahel_nb.lock.git_refs import GitRefs, to_tip
from sahel_nb.lock.record import CorruptRecord, Op, clean
from sahel_nb.lock.refusals import undecided
from sahel_nb.lock.replay import Pusher, author
from sahel_nb.lock.rules import Untrusted
from sahel_nb.lock.transition import step
from sahel_nb.lock.verify import broken_step
from sahel_nb.repo.scratch import RawCommit

_FAR = 100
_SHOWN = 300


def reset(chain: Chain, backend: GitRefs, *, remote_id: str, actor: str, host: str, reason: str) -> Tip:
    """Write the lead's record; it is what the chain ends with. Raises `Refused` where the lock is in order, and where
    the others would not believe this person."""
    evidence: tuple[str, ...] = ()
    for _ in range(ROUNDS):
        commits = backend.raw(_FAR)
        why = _trouble(chain)
        if not commits or not why:
            raise Refused(
                f"{chain.kernel} is in order: there is nothing to reset",
                hints=(f"sahel-nb lock show {chain.kernel}", f"sahel-nb lock log {chain.kernel} --verify"),
            )
        above, base = _base(backend, chain.kernel, commits)
        there = f"record {commits[0].oid[:9]}, {why}"[:_SHOWN]
        old = base.record if base else None
        command = Reset(
            chain.kernel,
            remote_id,
            clean(actor),
            clean(host),
            (old.fence if old else 0) + above + 1,
            old.last_done if old else 0,
            clean(reason),
            (*(carried(old.alarms) if old else ()), reset_alarm(chain.by, clean(reason), clean(there))),
            old.archive if old else "",
            old.kernel_id if old else 0,
        )
        record = step(None, command, chain.writer())
        result = backend.swap(Tip(commits[0].oid, record, commits[0].body), record)
        if result.verdict is Verdict.WON:
            chain.tip()
            return result.tip
        evidence = result.evidence
        chain.pause(0.05, 0.4)
    raise undecided(chain.kernel, evidence)


def _trouble(chain: Chain) -> str:
    """Why nobody can go on from what the lock ends with; empty where it is in order."""
    try:
        chain.tip()
    except (CorruptRecord, Untrusted, UsageError) as exc:
        return exc.message.removeprefix(f"{chain.kernel}: ").removeprefix("the lock is not to be believed: ")
    return ""


def _base(backend: GitRefs, kernel: str, commits: Sequence[RawCommit]) -> tuple[int, Tip | None]:
    """The newest record that is in order, and how many lie above it: one that is believed; where none is, one that is
    legal, as when signing has just been turned on."""
    tips = [_parsed(commit) for commit in commits]
    for believed in (True, False):
        for above, tip in enumerate(tips):
            below = tips[above + 1] if above + 1 < len(tips) else None
            if tip is None or tip.record.kernel != kernel or not _legal(below, tip, commits[above]):
                continue
            try:
                if believed and backend.rules is not None:
                    backend.rules.believe(tip)
            except SahelError:
                continue
            return above, tip
    return len(tips), None


def _legal(below: Tip | None, tip: Tip, commit: RawCommit) -> bool:
    if below is None and (commit.parents or tip.record.op is Op.COMPACT):
        return not commit.parents or tip.record.op is Op.RESET  # what it stands on cannot be read, or is an archive
    return not broken_step(below, tip, commit.parents, Pusher({(author(tip.record) or "").lower()}))


def _parsed(commit: RawCommit) -> Tip | None:
    try:
        return to_tip(commit)
    except CorruptRecord:
        return None
