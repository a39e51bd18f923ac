"""Is a whole chain, archives included, what the state machine makes of its beginning? Replayed step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sahel_nb.lock.backend import Tip
from sahel_nb.lock.record import Op, Record
from sahel_nb.lock.replay import check
from sahel_nb.lock.rules import Untrusted, is_signed
from sahel_nb.lock.transition import Illegal


class Vouching(Protocol):
    """`Signing`, as far as a whole chain needs it."""

    def vouch(self, tip: Tip) -> None:
        """Raises `Untrusted`."""

    def let_stand(self, *, newest: bool) -> frozenset[str]:
        """The unsigned records that are believed, by their ids."""


@dataclass(frozen=True)
class Finding:
    """`tip` is not what may stand in its place, and `why`."""

    tip: Tip
    why: str


def replayed(tips: Sequence[Tip], parents: Callable[[Tip], tuple[str, ...]] | None = None) -> Iterator[Finding]:
    """What is wrong with a chain down to its very first record, newest first. `parents` are the ids in a commit; None
    where the backend keeps its records in another way."""
    for number, new in enumerate(tips):
        old = tips[number + 1] if number + 1 < len(tips) else None
        why = broken_step(old, new, parents(new) if parents else None)
        if why:
            yield Finding(new, why)


def unvouched(tips: Sequence[Tip], rules: Vouching) -> Iterator[Finding]:
    """What of a chain nobody who counts has signed, newest first; nothing below the unsigned record that may stand."""
    stand: frozenset[str] | None = None
    for tip in tips:
        if is_signed(tip.raw):
            try:
                rules.vouch(tip)
            except Untrusted as exc:
                yield Finding(tip, exc.message.rpartition("not to be believed: ")[2])
            continue
        stand = rules.let_stand(newest=False) if stand is None else stand
        if tip.oid in stand:
            return
        yield Finding(tip, "nobody signed it")


def broken_step(old: Tip | None, new: Tip, parents: tuple[str, ...] | None) -> str:
    """Why `new` may not follow on `old`; empty where it may."""
    try:
        check(old.record if old else None, new.record)
    except Illegal as exc:
        return str(exc)
    anew = new.record.op is Op.COMPACT
    if anew and old is not None and new.record.archive != old.oid:
        return f"it names {new.record.archive[:9]} as what it was made of, and that was {old.oid[:9]}"
    expected = (old.oid,) if old is not None and not anew else ()
    if parents is not None and parents != expected:
        return "its commit does not stand on the record before it"
    return ""


def describe(record: Record) -> str:
    """One record in a line: what was done, under which fence, by whom, as they say."""
    return f"{record.op.value} to {record.state.value}, fence {record.fence}, by {record.by} at {record.at}"
