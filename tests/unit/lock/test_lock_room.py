"""What one record may grow to, and what it may say of another's run."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from sahel_nb.lock.commands import Alarm, Break, Hold, Reap
from sahel_nb.lock.record import Record
from sahel_nb.lock.replay import check
from sahel_nb.lock.transition import Illegal, step
from support.lock_records import AWA, BOB, LEAD, REMOTE, on, states, writer
from support.locks import KERNEL


def test_a_hold_of_any_size_can_be_broken_and_its_queue_emptied() -> None:
    """Texts are cut, and what adds something leaves room for whatever ends it."""
    huge = "x" * 300_000
    held = step(None, Hold(KERNEL, REMOTE, AWA, "laptop", "by hand", "s", 0, huge), writer(AWA, "n"))
    assert len(held.reason) == 2000
    with pytest.raises(Illegal, match="too large"):
        step(None, Hold(KERNEL, REMOTE, huge, "laptop", "by hand", "s", 0, "x"), writer(AWA, "n"))
    tip, number = held, 0
    with contextlib.suppress(Illegal):
        while number < 1000:
            tip = step(tip, Alarm(f"{number} {huge}"), writer(BOB, f"n{number}"))
            number += 1
    assert 50 < number < 100
    broken = step(tip, Break(tip.fence, huge, 0, (f"more {huge}",)), writer(LEAD, "b"))
    assert Record.from_json(broken.to_json()) == broken
    check(tip, broken)
    with pytest.raises(Illegal):
        check(tip, replace(broken, reason="x" * 2001))


def test_an_alarm_replaces_nobodys_outcome() -> None:
    running = states()["RUNNING"]
    ended = step(running, on(running)["finish"], writer(AWA, "f"))
    assert ended.outcome is not None
    for other in (replace(ended.outcome, status="ERROR"), replace(ended.outcome, version=7)):
        with pytest.raises(Illegal, match="does not replace"):
            step(ended, Alarm("look", other), writer(BOB, "x"))
    reaped = step(running, Reap(1, "gone", replace(ended.outcome, outputs_digest="")), writer(BOB, "r"))
    assert step(reaped, Alarm("whole", ended.outcome), writer(AWA, "a")).outcome == ended.outcome
    assert step(running, Alarm("whole", ended.outcome), writer(AWA, "a")).outcome == ended.outcome
