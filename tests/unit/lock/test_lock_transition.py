"""Every command on every state: what may follow is exactly what docs/lock-protocol.md draws."""

from __future__ import annotations

import pytest

from sahel_nb.lock.commands import (
    Adopt,
    Alarm,
    Arm,
    Break,
    Command,
    Disarm,
    Enqueue,
    Finish,
    Grant,
    Hold,
    Leave,
    Pass,
    Reap,
    Release,
    Start,
    Writer,
)
from sahel_nb.lock.record import Op, Outcome, Record, State, Ticket
from sahel_nb.lock.transition import QUEUE_LIMIT, Illegal, step

WRITER = Writer("Cem on desk", "2026-01-02T03:04:05Z", "nonce")
OUTCOME = Outcome("run", 5, "COMPLETE", "c", "Awa", "s", "e", "d", "u")


def arm(stamp: str = "stamp", base: int = 4) -> Arm:
    return Arm("awa/lid", "r", "Awa", "h", "run", stamp, "c", "d", base)


def hold(stamp: str = "stamp", base: int = 4, reason: str = "moving the data") -> Hold:
    return Hold("awa/lid", "r", "Awa", "h", "run", stamp, base, reason)


def ticket(nonce: str) -> Ticket:
    return Ticket(f"run {nonce}", f"{nonce.capitalize()} <x>", "h", "s", nonce)


def wait(tip: Record, *nonces: str) -> Record:
    for nonce in nonces:
        tip = step(tip, Enqueue("awa/lid", ticket(nonce)), WRITER)
    return tip


MINE = Grant(1, "stamp")
ARMED = step(None, arm(), WRITER)
RUNNING = step(ARMED, Start(MINE, 5, "u"), WRITER)
FREE = step(RUNNING, Finish(MINE, 5, OUTCOME), WRITER)
OFFERED = wait(FREE, "next")
HELD = step(None, hold(), WRITER)

COMMANDS: dict[str, Command] = {
    "arm": arm("next", 5),
    "hold": hold("next", 5),
    "start": Start(MINE, 5, "u"),
    "adopt": Adopt(5, "u", "found"),
    "finish": Finish(MINE, 5, OUTCOME),
    "disarm": Disarm(MINE, "why"),
    "release": Release(MINE, "why"),
    "reap": Reap(5, "seen"),
    "break": Break(1, "the laptop was stolen", 5),
    "enqueue": Enqueue("awa/lid", ticket("last")),
    "leave": Leave("next"),
    "pass": Pass("next", "silent"),
    "alarm": Alarm("text"),
}
LEGAL = {
    ("none", "arm"): State.ARMED,
    ("none", "hold"): State.HELD,
    ("FREE", "arm"): State.ARMED,
    ("FREE", "hold"): State.HELD,
    ("OFFERED", "arm"): State.ARMED,
    ("OFFERED", "hold"): State.HELD,
    ("OFFERED", "leave"): State.FREE,
    ("OFFERED", "pass"): State.FREE,
    ("ARMED", "start"): State.RUNNING,
    ("ARMED", "adopt"): State.RUNNING,
    ("ARMED", "disarm"): State.FREE,
    ("ARMED", "reap"): State.FREE,
    ("ARMED", "break"): State.FREE,
    ("RUNNING", "finish"): State.FREE,
    ("RUNNING", "reap"): State.FREE,
    ("RUNNING", "break"): State.FREE,
    ("HELD", "release"): State.FREE,
    ("HELD", "break"): State.FREE,
    ("FREE", "enqueue"): State.OFFERED,
    ("OFFERED", "enqueue"): State.OFFERED,
    ("ARMED", "enqueue"): State.ARMED,
    ("RUNNING", "enqueue"): State.RUNNING,
    ("HELD", "enqueue"): State.HELD,
    ("FREE", "alarm"): State.FREE,
    ("OFFERED", "alarm"): State.OFFERED,
    ("ARMED", "alarm"): State.ARMED,
    ("RUNNING", "alarm"): State.RUNNING,
    ("HELD", "alarm"): State.HELD,
}
TIPS: dict[str, Record | None] = {
    "none": None, "FREE": FREE, "OFFERED": OFFERED, "ARMED": ARMED, "RUNNING": RUNNING, "HELD": HELD,
}  # fmt: skip


@pytest.mark.parametrize("state", TIPS)
@pytest.mark.parametrize("name", COMMANDS)
def test_the_matrix(state: str, name: str) -> None:
    tip = TIPS[state]
    expected = LEGAL.get((state, name))
    if expected is None:
        with pytest.raises(Illegal):
            step(tip, COMMANDS[name], WRITER)
        return
    record = step(tip, COMMANDS[name], WRITER)
    assert record.state is expected
    assert record.op is Op(name)
    assert record.fence == (tip.fence if tip else 0) + (name in ("arm", "hold"))
    assert (record.by, record.at, record.nonce) == ("Cem on desk", "2026-01-02T03:04:05Z", "nonce")
    assert tip is None or record.last_done >= tip.last_done
    assert Record.from_json(record.to_json()) == record


@pytest.mark.parametrize("grant", [Grant(2, "stamp"), Grant(0, "stamp"), Grant(1, "other")])
def test_only_the_holder_starts_finishes_and_disarms(grant: Grant) -> None:
    commands = (
        (ARMED, Start(grant, 5, "")),
        (RUNNING, Finish(grant, 5, OUTCOME)),
        (ARMED, Disarm(grant, "")),
        (HELD, Release(grant, "")),
    )
    for tip, command in commands:
        with pytest.raises(Illegal):
            step(tip, command, WRITER)


def test_an_unexpected_version_is_always_an_alarm() -> None:
    for version in (1, 4, 6, 9):
        for command in (Start(MINE, version, ""), Adopt(version, "", "")):
            assert any("overlap" in text for text in step(ARMED, command, WRITER).alarms)
    assert RUNNING.alarms == ()


def test_nothing_is_released_before_its_own_version() -> None:
    with pytest.raises(Illegal):
        step(RUNNING, Finish(MINE, 4, OUTCOME), WRITER)
    with pytest.raises(Illegal):
        step(RUNNING, Reap(4, "seen"), WRITER)
    with pytest.raises(Illegal):
        step(RUNNING, Finish(MINE, 6, Outcome("run", 6, "COMPLETE", "c", "A", "s", "e", "d", "u")), WRITER)


def test_a_stamp_serves_one_grant_and_a_chain_one_kernel() -> None:
    with pytest.raises(Illegal):
        step(FREE, arm("stamp"), WRITER)
    with pytest.raises(Illegal):
        step(FREE, arm(""), WRITER)
    with pytest.raises(Illegal):
        step(FREE, Arm("bob/other", "r", "Bob", "h", "run", "s", "c", "d", 5), WRITER)


ENDS: dict[str, tuple[Record, Command]] = {
    "finish": (RUNNING, Finish(MINE, 5, OUTCOME)),
    "disarm": (ARMED, Disarm(MINE, "")),
    "release": (HELD, Release(MINE, "")),
    "reap": (RUNNING, Reap(5, "seen")),
    "break": (RUNNING, Break(1, "why", 5)),
}


@pytest.mark.parametrize("name", ENDS)
def test_whoever_waits_first_is_offered_the_lock_however_it_came_free(name: str) -> None:
    held, end = ENDS[name]
    waited_for = wait(held, "bob", "cem")
    assert waited_for.observed == held.observed  # who waits does not keep a dead holder alive
    offered = step(waited_for, end, WRITER)
    assert offered.state is State.OFFERED
    assert offered.offered_to("bob")
    assert [t.nonce for t in offered.queue] == ["bob", "cem"]
    assert offered.observed != waited_for.observed
    for stranger in ("cem", "dia"):
        with pytest.raises(Illegal, match="offered to Bob"):
            step(offered, arm(stranger, 5), WRITER)
    taken = step(offered, arm("bob", 5), WRITER)
    assert [t.nonce for t in taken.queue] == ["cem"]
    assert [taken.place(nonce) for nonce in ("bob", "cem")] == [None, 0]


def test_an_offer_passes_on_and_each_stands_for_its_own_time() -> None:
    offered = wait(FREE, "bob", "cem", "dia")
    with pytest.raises(Illegal, match="not offered to that ticket"):
        step(offered, Pass("cem", "silent"), WRITER)
    to_cem = step(offered, Pass("bob", "silent"), WRITER)
    assert (to_cem.offered_to("cem"), to_cem.reason) == (True, "silent")
    left = step(to_cem, Leave("dia"), WRITER)
    assert left.observed == to_cem.observed != offered.observed
    assert step(left, Leave("cem"), WRITER).state is State.FREE
    assert wait(to_cem, "bob").queue[-1].nonce == "bob"


def test_a_ticket_is_one_place_and_places_are_limited() -> None:
    for tip, nonce in ((wait(ARMED, "bob"), "bob"), (ARMED, "stamp"), (ARMED, "")):
        with pytest.raises(Illegal, match="nonce"):
            wait(tip, nonce)
    with pytest.raises(Illegal, match="not of bob/other"):
        step(ARMED, Enqueue("bob/other", ticket("bob")), WRITER)
    with pytest.raises(Illegal, match="wait already"):
        wait(ARMED, *(f"n{i}" for i in range(QUEUE_LIMIT + 1)))


def test_breaking_needs_the_fence_and_a_reason_and_stays_on_record() -> None:
    for command in (Break(2, "why", 5), Break(0, "why", 5), Break(1, " ", 5), Break(1, "why", 4)):
        with pytest.raises(Illegal):
            step(RUNNING, command, WRITER)
    broken = step(RUNNING, Break(1, "the laptop was stolen", 6, ("v6 had not ended",)), WRITER)
    assert broken.alarms == ("fence 1 was broken by Cem on desk: the laptop was stolen", "v6 had not ended")
    assert (broken.state, broken.last_done, broken.actor) == (State.FREE, 6, "Awa")


def test_a_hold_needs_a_reason_and_shows_it_for_as_long_as_it_lasts() -> None:
    with pytest.raises(Illegal, match="needs a reason"):
        step(FREE, hold("next", 5, " "), WRITER)
    warned = step(wait(HELD, "bob"), Alarm("text"), WRITER)
    assert (warned.reason, warned.kaggle_version) == ("moving the data", None)
    assert step(warned, Release(MINE, "done"), WRITER).reason == "done"


def test_an_outcome_that_is_known_is_never_dropped() -> None:
    warned = step(RUNNING, Alarm("v6 was pushed outside the lock", OUTCOME), WRITER)
    assert step(warned, Alarm("v6 was pushed outside the lock"), WRITER).alarms == warned.alarms
    assert step(warned, Reap(6, "seen"), WRITER).outcome == OUTCOME
    assert step(FREE, arm("next", 5), WRITER).outcome is None
