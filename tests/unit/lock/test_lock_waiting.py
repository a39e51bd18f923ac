"""The line before a lock: in order, left by whoever goes, and not blocked by the dead."""

from __future__ import annotations

import pytest

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.backend import SwapResult, Tip
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.memory import Fault, Memory, MemoryRemote
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.refusals import Locked
from support.lock_stories import Eventful, People, free, hold, newest, waits
from support.locks import KERNEL, FolderKaggle


def test_the_lock_goes_to_whoever_came_first(remote: MemoryRemote, people: People, clock: Eventful) -> None:
    awa, bob = people("Awa"), people("Bob")
    hold(awa)
    waits(remote, "Cem", "cem")
    clock.at(100, lambda: free(awa))

    def cem_takes_and_gives() -> None:
        assert newest(remote).offered_to("cem")
        cem = people("Cem")
        cem.client.disarm(cem.client.acquire(cem.intent("cem")), "short")

    clock.at(130, cem_takes_and_gives)
    held = bob.client.acquire_in_turn(bob.intent("bob"), 1000)
    assert [tip.record.op for tip in remote.chain] == [
        *(Op.HOLD, Op.ENQUEUE, Op.ENQUEUE, Op.RELEASE, Op.ARM, Op.DISARM, Op.ARM)
    ]
    assert held.record.stamp == "bob"
    assert clock.now < 200
    words = [text for text in bob.notes.statuses if text]
    assert "place 2 of 2, behind Cem; Awa <awa@example.org> holds it by hand since" in words[0]
    assert bob.client.confirm(held).record.fence == 3


def test_a_run_without_a_place_does_not_jump_the_line(remote: MemoryRemote, people: People) -> None:
    awa, bob = people("Awa"), people("Bob")
    hold(awa)
    waits(remote, "Cem", "cem")
    assert free(awa).state is State.OFFERED
    with pytest.raises(Locked, match="it is the turn of Cem") as caught:
        bob.client.acquire(bob.intent())
    assert caught.value.hints[0] == f"sahel-nb run {KERNEL} --wait"
    assert (caught.value.exit_code, newest(remote).op) == (3, Op.RELEASE)


def test_who_does_not_come_is_passed_over_after_the_offers_time(
    remote: MemoryRemote, people: People, clock: Eventful
) -> None:
    awa, bob = people("Awa"), people("Bob")
    hold(awa)
    waits(remote, "Cem", "cem")
    waits(remote, "Dia", "dia")
    free(awa)
    held = bob.client.acquire_in_turn(bob.intent("bob"), 1000)
    assert held.record.stamp == "bob"
    passed = [tip.record for tip in remote.chain if tip.record.op is Op.PASS]
    assert [record.queue[0].nonce for record in passed] == ["dia", "bob"]
    assert "no sign of them for 120 s" in passed[0].reason
    assert 240 <= clock.now < 330


def test_nobody_loses_a_turn_that_they_could_not_take(
    remote: MemoryRemote, people: People, clock: Eventful, kaggle: FolderKaggle
) -> None:
    awa, bob = people("Awa"), people("Bob")
    hold(awa)
    waits(remote, "Cem", "cem")
    foreign = kaggle.push(None)
    free(awa)
    clock.at(1000, lambda: kaggle.end(foreign, Phase.ENDED_ERROR))
    assert bob.client.acquire_in_turn(bob.intent("bob"), 3000).record.stamp == "bob"
    assert clock.now >= 1120


def test_a_dead_holder_is_found_out_by_who_waits(remote: MemoryRemote, people: People, clock: Eventful) -> None:
    awa, bob, cem = people("Awa"), people("Bob"), people("Cem")
    awa.client.acquire(awa.intent())

    def look_in() -> None:
        with pytest.raises(Locked):
            cem.client.acquire(cem.intent())

    for when in range(50, 600, 50):  # others come and go, and keep nobody alive
        clock.at(when, look_in)
        clock.at(when + 1, lambda when=when: waits(remote, "Dia", f"dia {when}"))
    held = bob.client.acquire_in_turn(bob.intent("bob"), 5000)
    assert (held.record.fence, held.record.stamp) == (2, "bob")
    assert 600 <= clock.now < 700


@pytest.mark.parametrize("how", ["time is up", "Ctrl-C", "the line broke"])
def test_who_goes_leaves_no_ticket(remote: MemoryRemote, people: People, clock: Eventful, how: str) -> None:
    awa, bob = people("Awa"), people("Bob")
    hold(awa)

    def interrupt() -> None:
        raise KeyboardInterrupt

    if how == "Ctrl-C":
        clock.at(60, interrupt)
    if how == "the line broke":
        clock.at(60, lambda: bob.backend.read_faults.extend([Fault.UNREACHABLE] * 21))
    expected = {"time is up": Locked, "Ctrl-C": KeyboardInterrupt, "the line broke": NetworkError}[how]
    with pytest.raises(expected):
        bob.client.acquire_in_turn(bob.intent("bob"), 120 if how == "time is up" else float("inf"))
    assert [tip.record.op for tip in remote.chain] == [Op.HOLD, Op.ENQUEUE, Op.LEAVE]
    assert newest(remote).reason == "maintenance"
    assert bob.notes.said[-1] == f"{KERNEL}: no longer in line"


def test_a_ticket_whose_answer_was_lost_is_taken_back_all_the_same(remote: MemoryRemote, people: People) -> None:
    awa, bob = people("Awa"), people("Bob")
    hold(awa)
    bob.backend.faults = [Fault.APPLIED_UNANSWERED, *[Fault.DROPPED_UNANSWERED] * 7]
    bob.backend.read_faults = [None, *[Fault.UNREACHABLE] * 8]  # the first look, and all read-backs of the ticket
    with pytest.raises(Locked):
        bob.client.acquire_in_turn(bob.intent("bob"), 1)
    assert [tip.record.op for tip in remote.chain] == [Op.HOLD, Op.ENQUEUE, Op.LEAVE]


def test_a_server_with_longer_patience_than_ours_is_asked_again(
    remote: MemoryRemote, people: People, clock: Eventful
) -> None:
    class Strict(Memory):
        def swap(self, old: Tip | None, record: Record) -> SwapResult:
            if record.op is Op.PASS and clock.now < 600:
                raise Refused("the remote does not let us: pass is for 600 s after the lock last moved")
            return super().swap(old, record)

    awa, bob = people("Awa"), people("Bob")
    hold(awa)
    waits(remote, "Cem", "cem")
    free(awa)
    bob.backend = Strict(remote)
    assert bob.client.acquire_in_turn(bob.intent("bob"), 2000).record.stamp == "bob"
    assert 600 <= clock.now < 800
    assert any("does not let us" in text for text in bob.notes.said)


def test_who_slept_through_their_turn_waits_again_behind_the_others(
    remote: MemoryRemote, people: People, clock: Eventful
) -> None:
    awa, bob = people("Awa"), people("Bob")
    hold(awa)

    def while_bob_sleeps() -> None:
        waits(remote, "Cem", "cem")
        free(awa)
        client = people("Dia").client
        assert client.show() is not None
        with pytest.raises(Locked):
            client.acquire_in_turn(people("Dia").intent("dia"), 130.0)
        assert newest(remote).offered_to("cem")

    clock.at(30, while_bob_sleeps)
    assert bob.client.acquire_in_turn(bob.intent("bob"), 2000).record.stamp == "bob"
    assert any("our turn had passed" in text for text in bob.notes.said)


def test_our_own_dead_waiters_are_not_waited_for(remote: MemoryRemote, people: People, clock: Eventful) -> None:
    awa, bob = people("Awa"), people("Bob")
    hold(awa)
    waits(remote, "Bob", "killed")
    free(awa)
    bob.abandoned.add("killed")
    assert bob.client.acquire(bob.intent()).record.fence == 2
    assert clock.now < 1


def test_who_waits_lets_the_holder_record_what_only_they_know(
    remote: MemoryRemote, people: People, clock: Eventful, kaggle: FolderKaggle
) -> None:
    awa, bob = people("Awa"), people("Bob")
    bob.settle = 5.0
    held = awa.client.acquire(awa.intent())
    held = awa.client.started(held, kaggle.push(held.record.stamp), "")
    clock.at(20, lambda: kaggle.end(1))
    clock.at(40, lambda: awa.client.finish(held, awa.outcome(held.record)))
    assert bob.client.acquire_in_turn(bob.intent("bob"), 2000).record.stamp == "bob"
    finished = next(tip.record for tip in remote.chain if tip.record.op in (Op.FINISH, Op.REAP))
    assert (finished.op, finished.outcome) == (Op.FINISH, awa.outcome(held.record))
    gone = awa.client.started(awa.client.acquire_in_turn(awa.intent(), 2000), kaggle.push("x"), "")
    kaggle.end(2)
    assert bob.client.acquire_in_turn(bob.intent("again"), 2000).record.fence == gone.record.fence + 1
    assert Op.REAP in [tip.record.op for tip in remote.chain]
