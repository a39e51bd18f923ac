"""A whole chain is replayed: what is legal passes, and one record that was changed is found where it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.lock.backend import Tip
from sahel_nb.lock.commands import Compact
from sahel_nb.lock.record import Op, Record
from sahel_nb.lock.rules import Untrusted
from sahel_nb.lock.transition import Illegal, step
from sahel_nb.lock.verify import replayed, unvouched
from support.lock_records import AWA, arm, forged, legal, on, writer

Step = tuple[Tip, tuple[str, ...]]
SIGNED = b"tree x\ngpgsig y\n\n"


def oid(number: int) -> str:
    return f"{number:040x}"


def grown(data: st.DataObject) -> list[Step]:
    """A chain that began anew now and then, oldest first, and the parents of each commit."""
    steps: list[Step] = []
    for number in range(1, data.draw(st.integers(3, 14))):
        tip = steps[-1][0] if steps else None
        commands = {**on(tip.record), "arm": arm(AWA, f"s{number}")} if tip else {"arm": arm(AWA, "s1")}
        for name in data.draw(st.permutations(sorted(commands))):
            anew = name == "compact" and tip is not None
            command = Compact(tip.oid) if anew and tip else commands[name]
            try:
                record = step(tip.record if tip else None, command, writer(AWA, f"n{number}"))
            except Illegal:
                continue
            steps.append((Tip(oid(number), record, SIGNED), () if anew or tip is None else (tip.oid,)))
            break
    return steps


def found(steps: list[Step]) -> list[str]:
    parents = {tip.oid: known for tip, known in steps}
    return [one.tip.oid for one in replayed([tip for tip, _ in reversed(steps)], lambda tip: parents[tip.oid])]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_one_changed_record_is_found_where_it_stands(data: st.DataObject) -> None:
    steps = grown(data)
    assert found(steps) == []
    place = data.draw(st.integers(0, len(steps) - 1))
    tip, known = steps[place]
    changes: dict[str, Record] = {
        "fence": replace(tip.record, fence=tip.record.fence + 1),
        "last_done": replace(tip.record, last_done=tip.record.last_done + 10_000, base_version=3),
        "stamp": replace(tip.record, stamp=""),
        "archive": replace(tip.record, archive="e" * 40),
        "hb": replace(tip.record, hb=tip.record.hb + 1),
    }
    name = data.draw(st.sampled_from(sorted(changes)))
    steps[place] = (replace(tip, record=changes[name]), known)
    wrong = found(steps)
    assert wrong, name
    assert set(wrong) <= {one.oid for one, _ in steps[place : place + 2]}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_record_that_is_left_out_is_missed(data: st.DataObject) -> None:
    steps = grown(data)
    place = data.draw(st.integers(0, len(steps) - 2))
    after = steps[place + 1][0].oid
    assert after in found([*steps[:place], *steps[place + 1 :]])


def test_every_step_that_is_not_legal() -> None:
    for state, name, tip, after in forged():
        pair = [(Tip(oid(1), tip), ()), (Tip(oid(2), after), (oid(1),))]
        assert oid(2) in found(pair), (state, name)
    for state, name, tip, after in legal():
        parents = () if after.op is Op.COMPACT else (oid(1),)
        record = replace(after, archive=oid(1)) if after.op is Op.COMPACT else after
        assert oid(2) not in found([(Tip(oid(1), tip), ()), (Tip(oid(2), record), parents)]), (state, name)


class Vouching:
    """`bad` were signed by nobody who counts, `stand` are let stand."""

    def __init__(self, bad: str = "", stand: str = "") -> None:
        self.bad, self.stand, self.asked = bad, stand, 0

    def vouch(self, tip: Tip) -> None:
        if tip.oid == self.bad:
            raise Untrusted("awa/fula-lid: the lock is not to be believed: nobody knows them")

    def let_stand(self, *, newest: bool) -> frozenset[str]:
        assert not newest
        self.asked += 1
        return frozenset((self.stand,))


def chain(*signed: bool) -> list[Tip]:
    """Newest first, as histories are."""
    record = next(legal())[2]
    return [Tip(oid(n), record, SIGNED if one else b"tree x\n\n") for n, one in enumerate(signed)]


@pytest.mark.parametrize(
    ("signed", "rules", "wrong"),
    [
        ((True, True), Vouching(), []),
        ((True, True), Vouching(bad=oid(1)), [(oid(1), "nobody knows them")]),
        ((True, False, False), Vouching(stand=oid(1)), []),
        ((True, False, False), Vouching(stand=oid(2)), [(oid(1), "nobody signed it")]),
        ((True, False, True, False), Vouching(stand=oid(3)), [(oid(1), "nobody signed it")]),
        ((False, False), Vouching(), [(oid(0), "nobody signed it"), (oid(1), "nobody signed it")]),
    ],
)
def test_who_signed_what(signed: tuple[bool, ...], rules: Vouching, wrong: list[tuple[str, str]]) -> None:
    assert [(one.tip.oid, one.why) for one in unvouched(chain(*signed), rules)] == wrong
    assert rules.asked <= 1, "the protected branch is asked once"
