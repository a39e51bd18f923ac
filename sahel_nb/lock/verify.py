"""Is a whole chain, archives included, what the state machine makes of its beginning? Replayed step by step, as the
server's hook judges each push: is it legal, and was it its writer's to make?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sahel_nb.lock.backend import Tip
from sahel_nb.lock.record import Op, Record
from sahel_nb.lock.replay import Forbidden, Pusher, author, check, check_author
from sahel_nb.lock.rules import Untrusted
from sahel_nb.lock.signers import Signers
from sahel_nb.lock.transition import Illegal
from sahel_nb.repo.scratch import RawCommit
from sahel_nb.repo.signature import is_signed


class Vouching(Protocol):
    """`Signed`, as far as a whole chain needs it."""

    def vouch(self, tip: Tip, when: int = 0) -> Signers:
        """Raises `Untrusted`."""


@dataclass(frozen=True)
class Finding:
    """`tip` is not what may stand in its place, and `why`."""

    tip: Tip
    why: str


def replayed(
    tips: Sequence[Tip], parents: Callable[[Tip], tuple[str, ...]] | None = None, rules: Vouching | None = None
) -> Iterator[Finding]:
    """What is wrong with a chain down to its very first record, newest first. `parents` are the ids in a commit; None
    where the backend keeps its records in another way. `rules` know who leads, and whose signature counts; without
    them a writer is who the record says, and everybody leads.

    What is illegal below a lead's reset is found all the same, but for signatures that nobody wrote yet: the reset says
    how to go on, and not that all was well.
    """
    dates: list[int] = []
    for tip in reversed(tips):  # none is older than the one that it stands on, but for a reset
        floor = dates[-1] if dates and tip.record.op is not Op.RESET else 0
        dates.append(max(floor, RawCommit(tip.oid, tip.raw).when))
    reset = False
    for number, new in enumerate(tips):
        old = tips[number + 1] if number + 1 < len(tips) else None
        leads: tuple[str, ...] = ()
        try:
            if rules is not None and (is_signed(new.raw) or not reset):
                leads = rules.vouch(new, dates[-1 - number]).leads
        except Untrusted as exc:
            yield Finding(new, exc.message.rpartition("not to be believed: ")[2])
        pusher = Pusher({(author(new.record) or "").lower()}, frozenset(leads))
        why = broken_step(old, new, parents(new) if parents else None, pusher)
        if why:
            yield Finding(new, why)
        elif new.record.op is Op.RESET:
            reset = True


def broken_step(old: Tip | None, new: Tip, parents: tuple[str, ...] | None, pusher: Pusher | None = None) -> str:
    """Why `new` may not follow on `old`, or `pusher` not write it; empty where it may."""
    reset = new.record.op is Op.RESET
    before = old.record if old and not reset else None  # what a lead resets may be no record at all
    try:
        check(before, new.record)
    except Illegal as exc:
        return str(exc)
    anew = new.record.op is Op.COMPACT
    if anew and old is not None and new.record.archive != old.oid:
        return f"it names {new.record.archive[:9]} as what it was made of, and that was {old.oid[:9]}"
    expected = (old.oid,) if old is not None and not anew else ()
    if parents is not None and parents != expected and not reset:
        return "its commit does not stand on the record before it"
    try:
        if pusher is not None:
            check_author(before, new.record, pusher)
    except Forbidden as exc:
        return str(exc)
    return ""


def describe(record: Record) -> str:
    """One record in a line: what was done, under which fence, by whom, as they say."""
    return f"{record.op.value} to {record.state.value}, fence {record.fence}, by {record.by} at {record.at}"
