"""Every command on every state: what may follow is exactly what docs/lock-protocol.md draws."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sahel_nb.lock.record import Op, Outcome, Record, State
from sahel_nb.lock.transition import (
    Adopt,
    Alarm,
    Arm,
    Command,
    Disarm,
    Finish,
    Grant,
    Illegal,
    Reap,
    Start,
    Writer,
    step,
)

WRITER = Writer("Cem on desk", "2026-01-02T03:04:05Z", "nonce")
OUTCOME = Outcome("run", 5, "COMPLETE", "c", "Awa", "s", "e", "d", "u")


def arm(stamp: str = "stamp", base: int = 4) -> Arm:
    return Arm("awa/lid", "r", "Awa", "h", "run", stamp, "c", "d", base)


MINE = Grant(1, "stamp")
ARMED = step(None, arm(), WRITER)
RUNNING = step(ARMED, Start(MINE, 5, "u"), WRITER)
FREE = step(RUNNING, Finish(MINE, 5, OUTCOME), WRITER)

COMMANDS: dict[str, Command] = {
    "arm": arm("next", 5),
    "start": Start(MINE, 5, "u"),
    "adopt": Adopt(5, "u", "found"),
    "finish": Finish(MINE, 5, OUTCOME),
    "disarm": Disarm(MINE, "why"),
    "reap": Reap(5, "seen"),
    "alarm": Alarm("text"),
}
LEGAL = {
    ("none", "arm"): State.ARMED,
    ("FREE", "arm"): State.ARMED,
    ("ARMED", "start"): State.RUNNING,
    ("ARMED", "adopt"): State.RUNNING,
    ("ARMED", "disarm"): State.FREE,
    ("ARMED", "reap"): State.FREE,
    ("RUNNING", "finish"): State.FREE,
    ("RUNNING", "reap"): State.FREE,
    ("FREE", "alarm"): State.FREE,
    ("ARMED", "alarm"): State.ARMED,
    ("RUNNING", "alarm"): State.RUNNING,
}
TIPS: dict[str, Record | None] = {"none": None, "FREE": FREE, "ARMED": ARMED, "RUNNING": RUNNING}


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
    assert record.fence == (tip.fence if tip else 0) + (name == "arm")
    assert (record.by, record.at, record.nonce) == ("Cem on desk", "2026-01-02T03:04:05Z", "nonce")
    assert tip is None or record.last_done >= tip.last_done
    assert Record.from_json(record.to_json()) == record


@pytest.mark.parametrize("grant", [Grant(2, "stamp"), Grant(0, "stamp"), Grant(1, "other")])
def test_only_the_holder_starts_finishes_and_disarms(grant: Grant) -> None:
    commands = ((ARMED, Start(grant, 5, "")), (RUNNING, Finish(grant, 5, OUTCOME)), (ARMED, Disarm(grant, "")))
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


def test_what_one_does_not_understand_is_carried_on() -> None:
    queued = replace(FREE, queue=("a ticket",))
    armed = step(queued, arm("next"), WRITER)
    freed = step(armed, Disarm(Grant(armed.fence, "next"), ""), WRITER)
    assert armed.queue == freed.queue == ("a ticket",)


def test_an_outcome_that_is_known_is_never_dropped() -> None:
    warned = step(RUNNING, Alarm("v6 was pushed outside the lock", OUTCOME), WRITER)
    assert step(warned, Alarm("v6 was pushed outside the lock"), WRITER).alarms == warned.alarms
    assert step(warned, Reap(6, "seen"), WRITER).outcome == OUTCOME
    assert step(FREE, arm("next", 5), WRITER).outcome is None
