"""What is done about a grant whose holder is gone, or seems so: reaped, adopted, expired."""

from __future__ import annotations

import pytest

from sahel_nb.errors import NetworkError
from sahel_nb.lock.grants import Recovery
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.memory import Fault, Memory, MemoryRemote
from sahel_nb.lock.record import Op, State
from sahel_nb.lock.refusals import FencedOut, Locked
from support.lock_stories import People, newest, ops
from support.locks import KERNEL, FolderKaggle


def test_a_run_that_ended_unrecorded_is_reaped_by_whoever_comes(people: People, kaggle: FolderKaggle) -> None:
    awa, bob = people("Awa"), people("Bob")
    held = awa.client.acquire(awa.intent())
    held = awa.client.started(held, kaggle.push(held.record.stamp), "")
    with pytest.raises(Locked):
        bob.client.acquire(bob.intent())
    kaggle.end(1, Phase.ENDED_ERROR)
    theirs = bob.client.acquire(bob.intent())
    reaped = bob.client.log(2)[1]
    assert (theirs.record.fence, reaped.op, reaped.last_done) == (2, Op.REAP, 1)
    assert "Bob <bob@example.org> on bob-laptop" in reaped.reason
    assert reaped.outcome is not None
    assert reaped.outcome.status == "ERROR"
    assert reaped.actor == "Awa <awa@example.org>"
    # Awa comes back and finishes: what ended her grant is told, and Bob's is left alone
    assert awa.client.finish(held, awa.outcome(held.record)) == reaped


def test_reaped_while_fetching_outputs_adds_what_only_the_holder_knows(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle
) -> None:
    awa, bob = people("Awa"), people("Bob")
    held = awa.client.acquire(awa.intent())
    held = awa.client.started(held, kaggle.push(held.record.stamp), "")
    kaggle.end(1)
    bob.client.disarm(bob.client.acquire(bob.intent()), "only looking")
    awa.client.finish(held, awa.outcome(held.record))
    assert newest(remote).fence == 2  # too late: the chain has gone on
    held = awa.client.acquire(awa.intent())
    held = awa.client.started(held, kaggle.push(held.record.stamp), "")
    kaggle.end(2)
    assert isinstance(bob.backend, Memory)
    bob.backend.faults = [None, Fault.UNREACHABLE]  # reaps, and gets no further
    with pytest.raises(NetworkError):
        bob.client.acquire(bob.intent())
    assert newest(remote).op is Op.REAP
    record = awa.client.finish(held, awa.outcome(held.record))
    assert record.outcome == awa.outcome(held.record)
    assert record.alarms == ("v2 was reaped before its outcome was recorded",)
    assert (record.state, record.last_done) == (State.FREE, 2)


def test_a_run_is_not_reaped_while_an_outsider_runs_beside_it(people: People, kaggle: FolderKaggle) -> None:
    awa, bob = people("Awa"), people("Bob")
    held = awa.client.acquire(awa.intent())
    awa.client.started(held, kaggle.push(held.record.stamp), "")
    foreign = kaggle.push(None)
    kaggle.end(1)
    with pytest.raises(Locked, match="Awa"):
        bob.client.acquire(bob.intent())
    kaggle.end(foreign)
    assert bob.client.acquire(bob.intent()).record.last_done == 2
    assert bob.client.log(2)[1].alarms == ("v2 was pushed outside the lock",)


def test_an_adopted_run_is_finished_by_its_holder_all_the_same(people: People, kaggle: FolderKaggle) -> None:
    awa, bob = people("Awa"), people("Bob")
    held = awa.client.acquire(awa.intent())
    version = kaggle.push(held.record.stamp)
    found = bob.client.recover(wait=False)
    assert (found.state, found.adopted) == (Recovery.RUNNING, True)
    assert found.record is not None
    assert (found.record.kaggle_version, found.record.actor) == (version, "Awa <awa@example.org>")
    assert found.record.url == f"https://kaggle.example/{KERNEL}/{version}"
    held = awa.client.started(held, version, "")
    kaggle.end(version)
    assert awa.client.finish(held, awa.outcome(held.record)).op is Op.FINISH


def test_adopting_does_not_hide_an_overlap(people: People, kaggle: FolderKaggle) -> None:
    awa, bob = people("Awa"), people("Bob")
    held = awa.client.acquire(awa.intent())
    kaggle.push(None)
    kaggle.push(held.record.stamp)
    found = bob.client.recover(wait=False)
    assert found.record is not None
    assert found.record.alarms == ("overlap: Kaggle made v2 of this run and v1 is somebody else's",)


def test_the_same_stamp_in_two_versions_is_told(people: People, kaggle: FolderKaggle) -> None:
    """A push that was taken twice: one version was adopted, and the holder comes with the other."""
    awa, bob = people("Awa"), people("Bob")
    held = awa.client.acquire(awa.intent())
    first, second = kaggle.push(held.record.stamp), kaggle.push(held.record.stamp)
    found = bob.client.recover(wait=False)
    assert found.record is not None
    assert found.record.kaggle_version == first
    with pytest.raises(FencedOut, match=f"v{second}"):
        awa.client.started(held, second, "")
    assert any(f"v{second} was pushed by Awa" in text for text in awa.client.log(1)[0].alarms)


def test_a_silent_intent_expires_under_observation_only(remote: MemoryRemote, people: People) -> None:
    awa, bob = people("Awa"), people("Bob")
    awa.client.acquire(awa.intent())
    bob.clock.sleep(100_000)
    with pytest.raises(Locked, match="about to run"):
        bob.client.acquire(bob.intent())
    found = bob.client.recover(wait=False)
    assert (found.state, found.expires_in) == (Recovery.ARMED, 600)
    begun = bob.clock.boottime()
    found = bob.client.recover(wait=True)
    assert found.state is Recovery.FREE
    assert bob.clock.boottime() - begun >= 600
    assert newest(remote).op is Op.REAP
    assert "reaped by Bob <bob@example.org> on bob-laptop: there was no sign of it for 600 s" in newest(remote).reason


def test_a_dead_process_of_this_clone_is_not_waited_for(remote: MemoryRemote, people: People) -> None:
    awa = people("Awa")
    awa.client.acquire(awa.intent())
    awa.dead = True
    held = awa.client.acquire(awa.intent())
    assert (held.record.fence, ops(remote)) == (2, [Op.ARM, Op.REAP, Op.ARM])
    assert awa.client.recover(wait=False).state is Recovery.FREE


def test_nothing_is_adopted_silently(people: People, kaggle: FolderKaggle) -> None:
    awa = people("Awa")
    held = awa.client.acquire(awa.intent())
    kaggle.push(held.record.stamp)
    awa.dead = True
    with pytest.raises(Locked, match="Awa") as caught:
        awa.client.acquire(awa.intent())
    assert caught.value.hints[0] == f"sahel-nb attach {KERNEL}"
    assert awa.client.recover(wait=False).adopted


def test_a_push_after_the_grant_had_ended_is_always_reported(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle
) -> None:
    awa, bob = people("Awa"), people("Bob")
    slow = awa.client.confirm(awa.client.acquire(awa.intent()))
    bob.client.recover(wait=True)
    held = bob.client.confirm(bob.client.acquire(bob.intent()))
    version = kaggle.push(slow.record.stamp)
    with pytest.raises(FencedOut, match="after the lock had been taken from us") as caught:
        awa.client.started(slow, version, "https://kaggle.example/1")
    assert "without the lock's protection: https://kaggle.example/1" in caught.value.kaggle
    assert any("overlap: v1 was pushed by Awa" in text for text in newest(remote).alarms)
    held = bob.client.started(held, kaggle.push(held.record.stamp), "")
    assert any("overlap: Kaggle made v2" in text for text in held.record.alarms)
