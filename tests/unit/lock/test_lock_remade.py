"""A kernel that was deleted on Kaggle, and perhaps made anew: Kaggle's id tells it, whatever its versions are."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sahel_nb.lock.grants import Recovery
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.memory import Memory, MemoryRemote
from sahel_nb.lock.record import Op, Record
from sahel_nb.lock.refusals import KaggleBusy, Locked, NotConfirmed
from sahel_nb.lock.replay import check
from sahel_nb.lock.transition import step
from support.lock_records import AWA, arm, states, writer
from support.lock_stories import People
from support.locks import FolderKaggle, Person

ANEW = "the kernel was deleted on Kaggle and made anew (its id was 2, and is 3)"


@pytest.fixture
def awa(people: People, kaggle: FolderKaggle) -> Person:
    kaggle.remade()  # so that it has an id
    return people("Awa")


def legal(remote: MemoryRemote) -> list[Record]:
    records = [tip.record for tip in remote.chain]
    for old, new in zip([None, *records], records, strict=False):
        check(old, new)
    return records


def test_nothing_is_pushed_beside_what_runs_in_the_new_one(
    remote: MemoryRemote, awa: Person, kaggle: FolderKaggle
) -> None:
    awa.run()
    assert awa.run().kernel_id == 2
    kaggle.remade(None, None)
    kaggle.end(2)
    with pytest.raises(KaggleBusy) as refused:
        awa.client.acquire(awa.intent())
    assert refused.value.versions == (1,)
    kaggle.end(1)
    record = awa.run()
    assert (record.kernel_id, record.last_done) == (3, 3)
    assert record.alarms == (ANEW, "v1 to v2 was pushed outside the lock")
    assert [record.kernel_id for record in legal(remote)][-3:] == [3, 3, 3]


def test_who_waits_waits_for_all_of_it(awa: Person, kaggle: FolderKaggle, remote: MemoryRemote) -> None:
    awa.run()
    awa.run()
    kaggle.remade(None, None)
    with pytest.raises(KaggleBusy) as refused:
        awa.client.acquire_in_turn(awa.intent(), 100.0)
    assert refused.value.versions == (1, 2)
    assert not any(tip.record.op is Op.ARM for tip in remote.chain[6:])


def test_between_the_lock_and_the_push(awa: Person, kaggle: FolderKaggle) -> None:
    awa.run()
    client = awa.client
    held = client.acquire(awa.intent())
    kaggle.remade(None)
    with pytest.raises(NotConfirmed, match=r"made anew \(its id was 2, and is 3\)"):
        client.confirm(held)


def test_and_during_the_push(remote: MemoryRemote, awa: Person, kaggle: FolderKaggle) -> None:
    awa.run()
    client = awa.client
    held = client.confirm(client.acquire(awa.intent()))
    kaggle.remade(None)
    version = kaggle.push(held.record.stamp)
    held = client.started(held, version, "url", kernel_id=3)
    assert held.record.alarms[-1] == f"{ANEW} before v2 was pushed to it"
    assert (held.record.kernel_id, held.record.last_done) == (3, 0), "v1 of this other kernel is to be looked at"
    kaggle.end(2)
    awa.clock.sleep = lambda _: kaggle.end(1)  # type: ignore[method-assign]
    client.finish(held, awa.outcome(held.record))
    legal(remote)


@pytest.mark.parametrize("remade", [True, False], ids=["made anew", "gone"])
@pytest.mark.parametrize("how", ["attach", "run"])
def test_while_it_runs(
    remote: MemoryRemote, awa: Person, people: People, kaggle: FolderKaggle, how: str, remade: bool
) -> None:
    client = awa.client
    held = client.confirm(client.acquire(awa.intent()))
    client.started(held, kaggle.push(held.record.stamp), "url", kernel_id=2)
    kaggle.remade(*([None] if remade else []))
    if remade:
        kaggle.end(1)
    bob = people("Bob")
    if how == "attach":
        assert bob.client.recover(wait=True).state is Recovery.FREE
    else:
        assert bob.run().fence == 2
    reaped = next(record for record in legal(remote) if record.op is Op.REAP)
    assert reaped.outcome is not None
    assert (reaped.outcome.status, reaped.outcome.version) == ("UNKNOWN", 1)
    told = ANEW if remade else "the kernel was deleted on Kaggle: v1 was known, and it is there no more"
    assert told in reaped.alarms
    assert any(told in text for text in bob.notes.said)


def test_a_kernel_that_is_not_shown_for_a_moment_was_not_deleted(people: People, kaggle: FolderKaggle) -> None:
    awa = people("Awa")
    client = awa.client
    held = client.confirm(client.acquire(awa.intent()))
    client.started(held, kaggle.push(held.record.stamp), "url", kernel_id=2)

    class Late(FolderKaggle):
        looks = 0

        def newest(self):  # type: ignore[no-untyped-def]
            Late.looks += 1
            return replace(super().newest(), version=0) if Late.looks < 3 else super().newest()

    bob = people("Bob")
    bob.kaggle = Late(kaggle.folder)
    assert bob.client.recover(wait=False).state is Recovery.RUNNING


def test_whom_it_is_not_shown_refuses_and_names_the_holder(people: People, kaggle: FolderKaggle) -> None:
    awa, bob = people("Awa"), people("Bob")
    client = awa.client
    held = client.confirm(client.acquire(awa.intent()))
    client.started(held, kaggle.push(held.record.stamp), "url", kernel_id=2)

    class Hidden(FolderKaggle):
        def current_version(self) -> int:
            return 0

        def gone(self) -> bool:
            return False

        def phase(self, version: int) -> Phase:
            return Phase.UNKNOWN

    bob.kaggle = Hidden(kaggle.folder)
    with pytest.raises(Locked, match=r"Awa <awa@example\.org> runs it") as refused:
        bob.client.acquire(bob.intent())
    assert "sahel-nb lock break awa/fula-lid --fence 1 --reason TEXT --force" in refused.value.hints


# -- the wire


def test_the_id_rides_behind_the_nonce_where_an_older_version_takes_it_for_one() -> None:
    record = step(None, replace(arm(), kernel_id=98765), writer(AWA, "n1"))
    assert json.loads(record.to_json())["nonce"] == "n1@98765"
    assert json.loads(record.to_json())["v"] == 2
    assert "kernel_id" not in json.loads(record.to_json())
    assert Record.from_json(record.to_json()) == record


def test_an_older_version_goes_on_without_it_and_we_with_that() -> None:
    armed = step(None, replace(arm(), kernel_id=98765), writer(AWA, "n1"))
    from sahel_nb.lock.commands import Grant, Start

    started = step(armed, Start(Grant(1, "s1"), 1, "https://x"), writer(AWA, "n2"))
    check(armed, started)
    check(armed, replace(started, kernel_id=0))  # what a version from before ids makes of it


def test_records_from_before_ids_are_what_they_were(people: People, kaggle: FolderKaggle, remote: MemoryRemote) -> None:
    for record in states().values():
        assert record.kernel_id == 0
    awa = Person("Awa", Memory(remote), kaggle)
    assert awa.run().kernel_id == 0
    kaggle.remade(None)
    kaggle.end(1)
    assert awa.run().kernel_id == 2, "the first id that is seen is the kernel's"
