"""A run that one person started and another one followed to its end: nobody writes in the other's name."""

from __future__ import annotations

import pytest

from sahel_nb.lock.memory import Memory, MemoryRemote
from sahel_nb.lock.record import Op, State
from sahel_nb.lock.replay import Pusher, check, check_alone, check_author
from support.lock_stories import People, newest
from support.locks import FolderKaggle


@pytest.mark.parametrize(("who", "op"), [("Bob", Op.REAP), ("Awa", Op.FINISH)])
def test_the_end_is_written_by_whoever_saw_it(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle, who: str, op: Op
) -> None:
    awa, follower = people("Awa"), people(who)
    held = awa.client.acquire(awa.intent())
    awa.client.started(held, kaggle.push(held.record.stamp), "https://x")
    follower.attach()
    record = newest(remote)
    assert (record.op, record.state, record.actor) == (op, State.FREE, "Awa <awa@example.org>")
    assert record.outcome is not None
    assert record.outcome.outputs_digest == "sha256:" + "0" * 64
    email = f"{who.lower()}@example.org"
    check_alone(record)
    before = Memory(remote).history(2)[1].record
    check(before, record)
    check_author(before, record, Pusher({email}, frozenset(("lead@example.org",))))
