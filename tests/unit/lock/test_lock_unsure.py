"""A remote whose answers are lost, late or never come: nothing happens twice, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.grants import Recovery
from sahel_nb.lock.memory import Fault, Memory, MemoryRemote
from sahel_nb.lock.record import Op, State
from sahel_nb.lock.refusals import NotConfirmed
from support.lock_stories import People, ops
from support.locks import KERNEL, FolderKaggle


@pytest.mark.parametrize("fault", [Fault.APPLIED_UNANSWERED, Fault.DROPPED_UNANSWERED, Fault.DELAYED, Fault.BUSY])
@pytest.mark.parametrize("transition", range(3))
def test_an_uncertain_answer_changes_nothing_in_the_story(
    remote: MemoryRemote, people: People, fault: Fault, transition: int
) -> None:
    awa = people("Awa")
    assert isinstance(awa.backend, Memory)
    awa.backend.faults = [*[None] * transition, fault]
    record = awa.run()
    assert (record.state, ops(remote)) == (State.FREE, [Op.ARM, Op.START, Op.FINISH])


def test_a_remote_that_never_says_is_an_error_that_says_so(remote: MemoryRemote, people: People) -> None:
    awa = people("Awa")
    backend = Memory(remote)
    backend.faults = [Fault.DROPPED_UNANSWERED] * 50
    awa.backend = backend
    with pytest.raises(NetworkError, match="did not say") as caught:
        awa.client.acquire(awa.intent())
    assert caught.value.hints[0] == f"sahel-nb attach {KERNEL}"
    backend.faults = [Fault.BUSY] * 50
    with pytest.raises(Refused, match="lock file"):
        awa.client.acquire(awa.intent())
    backend.faults = [Fault.UNREACHABLE]
    with pytest.raises(NetworkError, match="not reached"):
        awa.client.acquire(awa.intent())
    backend.faults = []
    backend.read_faults = [Fault.UNREACHABLE]
    with pytest.raises(NetworkError):
        awa.client.acquire(awa.intent())
    assert remote.chain == []


def test_finish_is_safe_to_repeat(remote: MemoryRemote, people: People, kaggle: FolderKaggle) -> None:
    awa = people("Awa")
    armed = awa.client.acquire(awa.intent())
    held = awa.client.started(armed, kaggle.push(armed.record.stamp), "")
    kaggle.end(1)
    first = awa.client.finish(held, awa.outcome(held.record))
    assert awa.client.finish(held, awa.outcome(held.record)) == first
    people("Bob").run()
    assert awa.client.finish(held, awa.outcome(held.record)) == first
    assert len(remote.chain) == 6


def test_finish_records_a_start_that_was_never_written(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle
) -> None:
    awa = people("Awa")
    held = awa.client.acquire(awa.intent())
    version = kaggle.push(held.record.stamp)
    kaggle.end(version)
    outcome = awa.outcome(held.record)
    awa.client.finish(held, replace(outcome, version=version))
    assert ops(remote) == [Op.ARM, Op.START, Op.FINISH]


def test_a_grant_that_was_ended_before_we_heard_of_it_is_over(remote: MemoryRemote, people: People) -> None:
    awa, bob = people("Awa"), people("Bob")

    class SlowToAnswer(Memory):
        def read(self, since: Tip | None = None) -> Tip | None:
            if self.faults == ["asleep"]:
                self.faults = []
                assert bob.client.recover(wait=True).state is Recovery.FREE
            return super().read(since)

    awa.backend = SlowToAnswer(remote)
    awa.backend.faults = [Fault.APPLIED_UNANSWERED, "asleep"]
    with pytest.raises(NotConfirmed, match="given up by others"):
        awa.client.acquire(awa.intent("nonce"))
    assert ops(remote) == [Op.ARM, Op.REAP]
    assert awa.run().fence == 2
