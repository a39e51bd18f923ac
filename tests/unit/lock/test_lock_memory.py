"""What a clone remembers of a lock saves it a look at the remote, and is never believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.lock.backend import SwapResult, Tip
from sahel_nb.lock.memory import Memory, MemoryRemote
from sahel_nb.lock.record import Record
from sahel_nb.lock.refusals import Locked
from sahel_nb.lock.tip_file import TipFile
from support.git import Origin
from support.lock_stories import People
from support.locks import KERNEL, FolderKaggle, Person, over_git


class Counting(Memory):
    """A chain that counts how often the remote is asked."""

    reads = swaps = 0

    def read(self, since: Tip | None = None) -> Tip | None:
        self.reads += 1
        return super().read(since)

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        self.swaps += 1
        return super().swap(old, record)


def test_a_lock_that_stands_still_is_taken_with_one_push_and_freed_with_one(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle
) -> None:
    awa = people("Awa")
    backend = awa.backend = Counting(remote)
    client = awa.client
    client.disarm(client.acquire(awa.intent()), "cold")
    assert (backend.reads, backend.swaps) == (1, 2)
    held = client.acquire(awa.intent())
    assert (backend.reads, backend.swaps) == (1, 3)
    held = client.started(held, kaggle.push(held.record.stamp), "")
    kaggle.end(1)
    client.finish(held, awa.outcome(held.record))
    assert (backend.reads, backend.swaps) == (1, 5)
    people("Bob").run()
    assert client.acquire(awa.intent()).record.fence == 4  # what was remembered is stale: it lost, and was read
    assert (backend.reads, backend.swaps) == (2, 7)


def test_a_stale_memory_never_says_who_runs(people: People, kaggle: FolderKaggle) -> None:
    awa, bob = people("Awa"), people("Bob")
    client = awa.client
    client.disarm(client.acquire(awa.intent()), "")
    held = bob.client.acquire(bob.intent())
    bob.client.started(held, kaggle.push(held.record.stamp), "")
    with pytest.raises(Locked, match=r"Bob <bob@example\.org> runs it"):
        client.acquire(awa.intent())


def test_a_tip_outlives_the_process_and_only_for_its_remote(tmp_path: Path, kaggle: FolderKaggle) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    awa = Person("Awa", over_git(origin.clone("awa").root), kaggle)
    held = awa.client.acquire(awa.intent())
    memory = TipFile(tmp_path / "locks", "example.org/nb", KERNEL)
    assert memory.recall() is None
    memory.keep(held.tip, None)
    assert memory.recall() == held.tip == TipFile(tmp_path / "locks", "example.org/nb", KERNEL).recall()
    assert TipFile(tmp_path / "locks", "example.org/fork", KERNEL).recall() is None
    (path,) = (tmp_path / "locks").rglob("*.tip")
    for damage in (b"", path.read_bytes()[:-3], path.read_bytes().replace(b"ARMED", b"OFFER")):
        path.write_bytes(damage)
        assert memory.recall() is None
    memory.keep(held.tip, None)
    awa.client.disarm(held, "")
    freed = awa.backend.read()
    assert freed is not None
    memory.keep(freed, None)
    assert memory.recall() == held.tip, "another process of this clone knew more than who saw nothing"
    memory.keep(freed, held.tip)
    assert memory.recall() == freed
    (tmp_path / "a file").write_text("")
    TipFile(tmp_path / "a file", "r", KERNEL).keep(held.tip, None)
    assert list(tmp_path.rglob(".tip-*")) == []
