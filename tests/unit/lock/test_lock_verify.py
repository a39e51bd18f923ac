"""A whole chain is replayed: what is legal passes, and one record that was changed is found where it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.lock.backend import Tip
from sahel_nb.lock.commands import Compact, Reset
from sahel_nb.lock.record import Op, Record
from sahel_nb.lock.rules import Untrusted
from sahel_nb.lock.signers import Signers
from sahel_nb.lock.transition import Illegal, step
from sahel_nb.lock.verify import replayed
from support.lock_records import AWA, BOB, LEAD, arm, forged, legal, on, states, writer

Step = tuple[Tip, tuple[str, ...]]
SIGNED = b"tree x\ngpgsig y\n\n"
NOBODY = "nobody knows them"


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
    wrong = replayed([tip for tip, _ in reversed(steps)], lambda tip: parents[tip.oid])
    return [one.tip.oid for one in wrong if not one.why.endswith(" alone")]  # who writes what is drawn, too


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
    """`bad` were signed by nobody who counts; awa leads."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad

    def vouch(self, tip: Tip, when: int = 0) -> Signers:
        if tip.oid in self.bad:
            raise Untrusted("awa/fula-lid: the lock is not to be believed: nobody knows them")
        return Signers("s", 0, "", ("awa@example.org",))


def chain(*records: Record, signed: str = "") -> list[Tip]:
    """Newest first, as histories are; `signed` has an s for each that is."""
    bodies = [SIGNED if one == "s" else b"tree x\n\n" for one in signed or "s" * len(records)]
    return [Tip(oid(n), record, body) for n, (record, body) in enumerate(zip(reversed(records), bodies, strict=True))]


ARMED = step(None, arm(), writer(AWA, "n1"))
FREE = step(ARMED, on(ARMED)["disarm"], writer(AWA, "n2"))


def reset(who: str) -> Record:
    alarms = (f"reset by {who} on laptop: stuck; what was there: record 000000000",)
    return step(None, Reset(ARMED.kernel, ARMED.lock_remote_id, who, "laptop", 3, 0, "stuck", alarms), writer(who, "r"))


@pytest.mark.parametrize(
    ("tips", "rules", "wrong"),
    [
        (chain(ARMED, FREE), Vouching(), []),
        (chain(ARMED, FREE), Vouching(oid(1)), [(oid(1), "nobody knows them")]),
        (chain(ARMED, FREE, reset(AWA), signed="s--"), Vouching(oid(1), oid(2)), []),
        (chain(ARMED, FREE, reset(AWA), signed="ss-"), Vouching(oid(1), oid(2)), [(oid(1), "nobody knows them")]),
        (
            chain(ARMED, FREE, reset(BOB), signed="s--"),
            Vouching(oid(1), oid(2)),
            [(oid(0), "reset is for a lead: awa@example.org"), (oid(1), NOBODY), (oid(2), NOBODY)],
        ),
    ],
)
def test_who_signed_what(tips: list[Tip], rules: Vouching, wrong: list[tuple[str, str]]) -> None:
    assert [(one.tip.oid, one.why) for one in replayed(tips, None, rules)] == wrong


@pytest.mark.parametrize("op", ["start", "disarm", "break", "leave"])
def test_a_step_that_is_for_somebody_else_is_found_without_signatures_too(op: str) -> None:
    """As the server's hook would refuse it; who breaks is a lead's matter, and without signatures nobody is named."""
    tip = states()["ARMED, Bob waits"]
    after = step(tip, on(tip)[op], writer(LEAD, "x"))
    found = [one.why for one in replayed([Tip(oid(2), after), Tip(oid(1), tip)]) if one.tip.oid == oid(2)]
    assert found == ([] if op in ("break", "leave") else [f"{op} is for {AWA} alone"])
