"""What follows on what, judged from two records alone: the state machine's own steps pass, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.lock.commands import Arm, Disarm, Enqueue, Grant, Hold, Reset
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.replay import Forbidden, Pusher, author, check, check_alone, check_author, is_early
from sahel_nb.lock.transition import Illegal, step
from support.lock_records import AWA, BOB, LEAD, REMOTE, arm, forged, legal, on, states, writer
from support.locks import KERNEL

LEGAL = list(legal())
AWAS, BOBS, LEADS = (
    Pusher({f"{name}@example.org"}, frozenset(("lead@example.org",))) for name in ("awa", "bob", "lead")
)


def test_the_table_is_whole() -> None:
    assert {op for _, _, _, after in LEGAL for op in (after.op,)} == set(Op) - {Op.RESET}
    assert {tip.state for _, _, tip, _ in LEGAL} == set(State)
    assert len(list(forged())) >= 40


def test_whatever_the_state_machine_does_is_legal() -> None:
    for state, name, tip, after in LEGAL:
        check(tip, after)
        assert after.nonce != tip.nonce, (state, name)


CHANGES: dict[str, Callable[[Record], Record]] = {
    "state": lambda r: replace(r, state=State.ARMED if r.state is not State.ARMED else State.RUNNING),
    "fence": lambda r: replace(r, fence=r.fence + 1),
    "an older fence": lambda r: replace(r, fence=r.fence - 1),
    "hb": lambda r: replace(r, hb=r.hb + 1),
    "kernel": lambda r: replace(r, kernel="awa/another"),
    "last_done": lambda r: replace(r, last_done=-5),
    "operation": lambda r: replace(r, op=Op.DISARM if r.op is not Op.DISARM else Op.FINISH),
}


@pytest.mark.parametrize("change", CHANGES)
def test_and_nothing_else(change: str) -> None:
    for state, name, tip, after in LEGAL:
        assert not follows(tip, CHANGES[change](after)), (state, name)


def test_what_cannot_follow_does_not() -> None:
    for state, name, tip, after in forged():
        assert not follows(tip, after), (state, name)


def test_the_nonce_the_remote_and_the_beginning() -> None:
    for tip, after in ((tip, after) for _, _, tip, after in LEGAL):
        with pytest.raises(Illegal):
            check(tip, replace(after, nonce=tip.nonce))
        if after.op not in (Op.ARM, Op.HOLD):
            with pytest.raises(Illegal):
                check(tip, replace(after, lock_remote_id="example.org/elsewhere"))
            with pytest.raises(Illegal):
                check(None, after)


def test_alarms_and_the_queue_are_never_lost() -> None:
    for _, name, tip, after in LEGAL:
        if after.op not in (Op.ARM, Op.HOLD):
            warned = replace(tip, alarms=("overlap",))
            with pytest.raises(Illegal):
                check(warned, replace(after, alarms=tuple(text for text in after.alarms if text != "overlap")))
        if tip.queue and name not in ("leave", "pass", "accept"):
            with pytest.raises(Illegal):
                check(tip, replace(after, queue=after.queue[1:]))


@given(st.data())
def test_any_order_of_steps_is_legal(data: st.DataObject) -> None:
    tip: Record | None = None
    for number in range(data.draw(st.integers(1, 12))):
        who = data.draw(st.sampled_from((AWA, BOB, LEAD)))
        commands = on(tip, who) if tip else {"arm": arm(who)}
        command = commands[data.draw(st.sampled_from(sorted(commands)))]
        for value, name in ((f"s{number}", "stamp"), (f"t{number}", "ticket")):
            if name == "stamp" and isinstance(command, Arm | Hold) and command.stamp != "t1":
                command = replace(command, stamp=value)
            if name == "ticket" and isinstance(command, Enqueue):
                command = replace(command, ticket=replace(command.ticket, nonce=value))
        try:
            after = step(tip, command, writer(who, f"n{number}"))
        except Illegal:
            continue
        assert Record.from_json(after.to_json()) == after
        check(tip, after)
        tip = after


# -- who


def test_only_the_holder_ends_a_grant_by_themself() -> None:
    tips = states()
    for state, name in (("ARMED", "start"), ("RUNNING", "finish"), ("ARMED", "disarm"), ("HELD", "release")):
        for who, pusher, fine in ((AWA, AWAS, True), (BOB, BOBS, False), (AWA, BOBS, False), (BOB, AWAS, False)):
            after = step(tips[state], on(tips[state])[name], writer(who, "x"))
            assert allowed(tips[state], after, pusher) is fine, (state, name, who)


def test_anyone_may_reap_adopt_and_warn_in_their_own_name() -> None:
    tips = states()
    for state, name in (
        ("ARMED", "reap"),
        ("RUNNING", "reap"),
        ("ARMED", "adopt"),
        ("FREE", "alarm"),
        ("OFFERED", "pass"),
    ):
        after = step(tips[state], on(tips[state])[name], writer(BOB, "x"))
        assert allowed(tips[state], after, BOBS)
        assert not allowed(tips[state], after, AWAS)


def test_a_grant_is_its_actors_and_an_offer_the_queues_heads() -> None:
    tips = states()
    assert allowed(tips["FREE"], step(tips["FREE"], arm(BOB, "x"), writer(BOB, "x")), BOBS)
    assert not allowed(tips["FREE"], step(tips["FREE"], arm(AWA, "x"), writer(BOB, "x")), BOBS)
    offered = tips["OFFERED"]
    for actor, pusher, fine in ((BOB, BOBS, True), (AWA, AWAS, False), (AWA, BOBS, False), (BOB, AWAS, False)):
        by = BOB if pusher is BOBS else AWA
        assert allowed(offered, step(offered, arm(actor, "t1"), writer(by, "x")), pusher) is fine


def test_leads_break_and_clear_the_queue() -> None:
    tips = states()
    for state, name in (("RUNNING", "break"), ("HELD", "break"), ("ARMED, Bob waits", "leave")):
        after = {who: step(tips[state], on(tips[state])[name], writer(who, "x")) for who in (AWA, BOB, LEAD)}
        assert allowed(tips[state], after[LEAD], LEADS)
        owner, other = (BOB, AWA) if name == "leave" else (AWA, BOB)
        assert allowed(tips[state], after[owner], {AWA: AWAS, BOB: BOBS}[owner])
        assert not allowed(tips[state], after[other], {AWA: AWAS, BOB: BOBS}[other])
        assert allowed(tips[state], after[other], Pusher({f"{other.split()[0].lower()}@example.org"})), "no leads named"


def test_somebody_waits_in_their_own_name() -> None:
    tip = states()["RUNNING"]
    assert allowed(tip, step(tip, on(tip, BOB)["enqueue"], writer(BOB, "x")), BOBS)
    assert not allowed(tip, step(tip, on(tip, AWA)["enqueue"], writer(BOB, "x")), BOBS)


@pytest.mark.parametrize(
    "by",
    [
        "",
        "bob@example.org",
        "Bob <bob@example.org>",
        "X <awa@example.org> <bob@example.org> on x",
        "Bob <bob@example.org> on x <awa@example.org>",
        "Awa <awa@example.org> on <bob@example.org>",
    ],
)
def test_a_name_that_can_be_read_in_two_ways_is_nobodys(by: str) -> None:
    tip = states()["FREE"]
    after = replace(step(tip, arm(BOB, "x"), writer(BOB, "x")), by=by)
    assert author(after) is None
    assert not allowed(tip, after, BOBS)


def test_an_early_end_of_somebody_elses_grant() -> None:
    tips = states()
    for state, name in (("ARMED", "reap"), ("OFFERED", "pass")):
        tip = tips[state]
        after = step(tip, on(tip)[name], writer(LEAD, "x"))
        assert is_early(tip, after, 5, 600, LEADS)
        assert not is_early(tip, after, 600, 600, LEADS)
    tip = tips["ARMED"]
    assert not is_early(tip, step(tip, on(tip)["reap"], writer(AWA, "x")), 5, 600, AWAS), "one's own"
    tip = tips["RUNNING"]
    assert is_early(tip, step(tip, on(tip)["reap"], writer(BOB, "x")), 5, 600, BOBS), "the server cannot ask Kaggle"
    tip = tips["ARMED"]
    assert is_early(tip, step(tip, on(tip)["adopt"], writer(BOB, "x")), 5, 600, BOBS)
    assert not is_early(tip, step(tip, on(tip)["adopt"], writer(AWA, "x")), 5, 600, AWAS)


def test_what_a_signature_alone_can_show() -> None:
    tip = states()["ARMED"]
    after = step(tip, Disarm(Grant(tip.fence, tip.stamp), "no"), writer(AWA, "x"))
    check_alone(after)
    with pytest.raises(Forbidden):
        check_alone(replace(after, by=f"{BOB} on x"))


@pytest.mark.parametrize("state", [None, *states()])
def test_a_lead_resets_any_state_and_nobody_else(state: str | None) -> None:
    tip = states()[state] if state else None
    alarms = (f"reset by {LEAD} on laptop: stuck; what was there: record 000000000",)
    command = Reset(KERNEL, REMOTE, LEAD, "laptop", 9, 3, "stuck", alarms)
    after = step(tip, command, writer(LEAD, "r"))
    assert (after.state, after.fence, after.last_done, after.queue) == (State.FREE, 9, 3, ())
    check(tip, after)
    check_author(tip, after, LEADS)
    with pytest.raises(Forbidden, match="written by"):
        check_author(tip, after, BOBS)
    by_bob = step(tip, replace(command, actor=BOB), writer(BOB, "r"))
    with pytest.raises(Forbidden, match="reset is for a lead"):
        check_author(tip, by_bob, BOBS)
    for odd in (replace(after, alarms=()), replace(after, reason=""), replace(after, state=State.HELD, stamp="x")):
        with pytest.raises(Illegal):
            check(tip, odd)


def allowed(tip: Record, after: Record, pusher: Pusher) -> bool:
    check(tip, after)
    try:
        check_author(tip, after, pusher)
    except Forbidden:
        return False
    return True


def follows(tip: Record, after: Record) -> bool:
    try:
        check(tip, after)
    except Illegal:
        return False
    return True
