"""A run under the lock in stories, over the chain in memory: taken, refused, confirmed, held, given back."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.memory import Memory, MemoryRemote
from sahel_nb.lock.record import Op, State
from sahel_nb.lock.refusals import FencedOut, KaggleBusy, Locked, NotConfirmed
from support.lock_stories import People, newest, ops
from support.locks import KERNEL, FolderKaggle, Person


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


def test_a_kernel_deleted_on_kaggle_starts_anew_with_an_alarm(
    remote: MemoryRemote, people: People, tmp_path: Path
) -> None:
    awa = people("Awa")
    for _ in range(3):
        awa.run()
    fresh = Person("Awa", Memory(remote), FolderKaggle(tmp_path / "fresh"))
    held = fresh.client.acquire(fresh.intent())
    assert held.record.alarms == ("the kernel was deleted on Kaggle: v3 was known, and it is there no more",)
    assert (held.record.base_version, held.record.fence) == (0, 4)
