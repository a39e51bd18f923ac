"""The lock's life in stories, over the chain in memory: taken, refused, given back, reaped, adopted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.backend import Tip
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.grants import Recovery
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.memory import Fault, Memory, MemoryRemote
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.refusals import FencedOut, KaggleBusy, Locked, NotConfirmed
from support.locks import KERNEL, FolderKaggle, Person

People = Callable[..., Person]


@pytest.fixture
def remote() -> MemoryRemote:
    return MemoryRemote()


@pytest.fixture
def kaggle(tmp_path: Path) -> FolderKaggle:
    return FolderKaggle(tmp_path / "kaggle")


@pytest.fixture
def people(remote: MemoryRemote, kaggle: FolderKaggle) -> People:
    clock = FakeClock()
    return lambda name, **extra: Person(name, Memory(remote), kaggle, clock, **extra)


def newest(remote: MemoryRemote) -> Record:
    tip = remote.tip()
    assert tip is not None
    return tip.record


def ops(remote: MemoryRemote) -> list[Op]:
    return [tip.record.op for tip in remote.chain]


def test_a_run_is_three_records_with_its_outcome_in_the_last(remote: MemoryRemote, people: People) -> None:
    awa = people("Awa")
    assert awa.client.show() is None
    record = awa.run()
    assert ops(remote) == [Op.ARM, Op.START, Op.FINISH]
    assert (record.state, record.fence, record.last_done) == (State.FREE, 1, 1)
    assert record.outcome is not None
    assert (record.outcome.status, record.outcome.version, record.alarms) == ("COMPLETE", 1, ())
    assert people("Bob").run().fence == 2
    assert [entry.op for entry in awa.client.log(2)] == [Op.FINISH, Op.START]


def test_the_second_is_told_who_since_when_on_what_and_what_to_do(people: People, kaggle: FolderKaggle) -> None:
    awa, bob = people("Awa"), people("Bob")
    held = awa.client.acquire(awa.intent())
    with pytest.raises(Locked, match=r"Awa <awa@example\.org> is about to run it since .*Z on awa-laptop") as caught:
        bob.client.acquire(bob.intent())
    assert caught.value.hints == (f"sahel-nb attach {KERNEL}", f"sahel-nb run {KERNEL} --dev")
    version = kaggle.push(held.record.stamp)
    held = awa.client.started(held, version, "https://kaggle.example/1")
    with pytest.raises(Locked, match="runs it since") as caught:
        bob.client.acquire(bob.intent())
    assert f"commit {'c' * 40}" in caught.value.details
    assert "v1 https://kaggle.example/1" in caught.value.details
    assert "no quota was spent" in caught.value.kaggle
    assert caught.value.exit_code == 3
    kaggle.end(version)
    awa.client.finish(held, awa.outcome(held.record))
    assert bob.run().fence == 2


def test_disarm_gives_back_what_was_never_pushed(remote: MemoryRemote, people: People) -> None:
    awa = people("Awa")
    held = awa.client.acquire(awa.intent())
    awa.client.disarm(held, "changed my mind")
    awa.client.disarm(held, "again")
    assert ops(remote) == [Op.ARM, Op.DISARM]
    assert (newest(remote).state, newest(remote).reason) == (State.FREE, "changed my mind")


def test_what_runs_outside_the_lock_is_waited_for_and_then_recorded(people: People, kaggle: FolderKaggle) -> None:
    awa = people("Awa")
    awa.run()
    foreign, other = kaggle.push(None), kaggle.push(None)
    kaggle.end(other)
    with pytest.raises(KaggleBusy, match="v2 has not ended"):
        awa.client.acquire(awa.intent())
    kaggle.end(foreign, Phase.UNKNOWN)
    with pytest.raises(KaggleBusy, match="v2 has not ended"):
        awa.client.acquire(awa.intent())
    kaggle.end(foreign, Phase.ENDED_ERROR)
    held = awa.client.acquire(awa.intent())
    assert held.record.alarms == ("v2 to v3 was pushed outside the lock",)
    assert (held.record.base_version, held.record.last_done) == (3, 3)


def test_a_kernel_that_was_never_locked_is_looked_at_whole(people: People, kaggle: FolderKaggle) -> None:
    first, second = kaggle.push(None), kaggle.push(None)
    kaggle.end(second)
    awa = people("Awa")
    with pytest.raises(KaggleBusy, match="v1"):
        awa.client.acquire(awa.intent())
    kaggle.end(first)
    assert awa.client.acquire(awa.intent()).record.alarms == ()


def test_confirm_gives_back_when_somebody_pushed_or_time_went_by(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle
) -> None:
    awa = people("Awa")
    held = awa.client.acquire(awa.intent())
    kaggle.end(kaggle.push(None))
    with pytest.raises(NotConfirmed, match="v1 is on Kaggle"):
        awa.client.confirm(held)
    assert newest(remote).op is Op.DISARM
    held = awa.client.acquire(awa.intent())
    awa.clock.sleep(199)
    held = awa.client.confirm(held)
    awa.clock.sleep(1)
    with pytest.raises(NotConfirmed, match="asleep"):
        awa.client.confirm(held)
    with pytest.raises(FencedOut, match="taken from us"):
        awa.client.confirm(held)


def test_somebody_interleaved_is_an_alarm_for_all_to_see(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle
) -> None:
    awa = people("Awa")
    held = awa.client.confirm(awa.client.acquire(awa.intent()))
    foreign = kaggle.push(None)
    version = kaggle.push(held.record.stamp)
    held = awa.client.started(held, version, "")
    assert "overlap: Kaggle made v2 of this run and v1 is somebody else's" in held.record.alarms
    kaggle.end(version)
    kaggle.end(foreign)
    record = awa.client.finish(held, awa.outcome(held.record))
    assert record.last_done == 2
    assert any("v1 was pushed outside the lock" in text for text in record.alarms)


def test_the_lock_is_held_until_a_foreign_version_has_ended_too(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle
) -> None:
    awa = people("Awa")
    held = awa.client.acquire(awa.intent())
    held = awa.client.started(held, kaggle.push(held.record.stamp), "")
    kaggle.end(1)
    foreign = kaggle.push(None)

    class EndsWhileWaitedFor(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            assert newest(remote).alarms == ("v2 was pushed outside the lock",)
            assert newest(remote).outcome is not None
            kaggle.end(foreign)

    awa.clock = EndsWhileWaitedFor()
    record = awa.client.finish(held, awa.outcome(held.record))
    assert ops(remote) == [Op.ARM, Op.START, Op.ALARM, Op.FINISH]
    assert (record.last_done, record.alarms) == (2, ("v2 was pushed outside the lock",))
    assert "until v2 has ended" in awa.notes.statuses[0]


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


def test_a_kernel_deleted_on_kaggle_starts_anew_with_an_alarm(
    remote: MemoryRemote, people: People, tmp_path: Path
) -> None:
    awa = people("Awa")
    for _ in range(3):
        awa.run()
    fresh = Person("Awa", Memory(remote), FolderKaggle(tmp_path / "fresh"))
    held = fresh.client.acquire(fresh.intent())
    assert held.record.alarms == ("the kernel was deleted on Kaggle: v3 was known, and v0 is the newest",)
    assert (held.record.base_version, held.record.fence) == (0, 4)


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


def test_a_grant_that_was_ended_before_we_heard_of_it_is_over(remote: MemoryRemote, people: People) -> None:
    awa, bob = people("Awa"), people("Bob")

    class SlowToAnswer(Memory):
        def read(self) -> Tip | None:
            if self.faults == ["asleep"]:
                self.faults = []
                assert bob.client.recover(wait=True).state is Recovery.FREE
            return super().read()

    awa.backend = SlowToAnswer(remote)
    awa.backend.faults = [Fault.APPLIED_UNANSWERED, "asleep"]
    with pytest.raises(NotConfirmed, match="given up by others"):
        awa.client.acquire(awa.intent("nonce"))
    assert ops(remote) == [Op.ARM, Op.REAP]
    assert awa.run().fence == 2
