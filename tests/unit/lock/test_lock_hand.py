"""Locks held and broken by hand."""

from __future__ import annotations

import pytest

from sahel_nb.errors import Refused
from sahel_nb.lock.memory import MemoryRemote
from sahel_nb.lock.record import Op, State
from sahel_nb.lock.refusals import KaggleBusy
from support.lock_stories import Eventful, People, free, hold
from support.locks import FolderKaggle


def test_breaking_by_hand_asks_kaggle_first(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle, clock: Eventful
) -> None:
    awa, bob = people("Awa"), people("Bob")
    held = awa.client.acquire(awa.intent())
    held = awa.client.started(held, kaggle.push(held.record.stamp), "")
    with pytest.raises(Refused, match="v1 has not ended on Kaggle") as caught:
        bob.client.break_lock(fence=1, reason="I want it", force=False)
    assert caught.value.hints[-1].endswith("--force")
    with pytest.raises(Refused, match="fence 1 now, not 7"):
        bob.client.break_lock(fence=7, reason="I want it", force=True)
    with pytest.raises(Refused, match="needs a reason"):
        bob.client.break_lock(fence=1, reason=" ", force=True)
    record = bob.client.break_lock(fence=1, reason="Kaggle shows it as running for a week", force=True)
    assert record.alarms == (
        "fence 1 was broken by Bob <bob@example.org> on bob-laptop: Kaggle shows it as running for a week",
        "the lock was broken by force while v1 had not ended",
    )
    assert bob.client.acquire(bob.intent()).record.fence == 2
    assert awa.client.finish(held, awa.outcome(held.record)).op is Op.BREAK
    with pytest.raises(Refused, match="is not held by hand"):
        awa.client.release("Awa", "")


def test_a_hold_waits_for_what_runs_outside(people: People, kaggle: FolderKaggle) -> None:
    awa = people("Awa")
    foreign = kaggle.push(None)
    with pytest.raises(KaggleBusy):
        hold(awa)
    kaggle.end(foreign)
    held = hold(awa)
    assert (held.record.state, held.record.base_version, held.record.kaggle_version) == (State.HELD, 1, None)
    with pytest.raises(Refused, match="not yours to release"):
        awa.client.release("Bob <bob@example.org>", "")
    assert free(awa).state is State.FREE
    assert awa.client.release("Awa", "") is None
