"""One contract for every place of a lock's chain: memory, and a git remote behind a path, git:// and smart HTTP."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.lock.backend import Backend, Verdict
from sahel_nb.lock.commands import Arm, Compact, Disarm, Grant, Writer
from sahel_nb.lock.memory import Memory, MemoryRemote
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.transition import step
from support.git import Origin, git_daemon, git_http
from support.locks import KERNEL, FolderKaggle, Person, over_git

Clones = Callable[[str], Backend]


@pytest.fixture(params=["memory", "path", "file", "git", "http", "sha256"])
def clones(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clones]:
    """Gives each name its own view of one shared chain."""
    if request.param == "memory":
        shared = MemoryRemote()
        yield lambda _name: Memory(shared)
        return
    if request.param == "sha256":
        monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    origin = Origin.create(tmp_path / "origin.git")
    with contextlib.ExitStack() as stack:
        base = {
            "path": lambda: str(tmp_path),
            "sha256": lambda: str(tmp_path),
            "file": lambda: f"file://{tmp_path}",
            "git": lambda: stack.enter_context(git_daemon(tmp_path)),
            "http": lambda: stack.enter_context(git_http(tmp_path)),
        }[request.param]()
        yield lambda name: over_git(origin.clone(name, f"{base}/origin.git").root)


def arm(tip: Record | None, who: str) -> Record:
    stamp = f"{who}-{tip.fence if tip else 0}"
    command = Arm(KERNEL, "example.org/nb", f"Ŋana {who}", "host", "run", stamp, "c" * 40, "sha256:0", 0)
    return step(tip, command, Writer(who, "2026-01-02T03:04:05Z", f"nonce-{who}"))


def disarm(tip: Record) -> Record:
    return step(tip, Disarm(Grant(tip.fence, tip.stamp), "done"), Writer("x", "2026-01-02T03:04:05Z", f"n{tip.fence}"))


def test_a_chain_is_begun_read_and_continued_by_others(clones: Clones) -> None:
    awa, bob = clones("awa"), clones("bob")
    assert awa.read() is None
    assert awa.history(5) == ()
    first = awa.swap(None, arm(None, "awa"))
    assert first.verdict is Verdict.WON
    assert bob.read() == awa.read() == first.tip
    assert first.tip.record.actor == "Ŋana awa"
    second = bob.swap(first.tip, disarm(first.tip.record))
    assert second.verdict is Verdict.WON
    third = awa.swap(awa.read(), arm(second.tip.record, "cem"))
    assert [tip.record.op for tip in bob.history(10)] == [Op.ARM, Op.DISARM, Op.ARM]
    assert [tip.oid for tip in bob.history(2)] == [third.tip.oid, second.tip.oid]
    assert third.tip.record.fence == 2


def test_a_swap_from_anything_but_the_end_is_lost(clones: Clones) -> None:
    awa, bob = clones("awa"), clones("bob")
    first = awa.swap(None, arm(None, "awa")).tip
    assert bob.swap(None, arm(None, "bob")).verdict is Verdict.LOST
    second = awa.swap(first, disarm(first.record)).tip
    assert bob.swap(first, replace(disarm(first.record), nonce="other")).verdict is Verdict.LOST
    assert bob.read() == second


def test_the_same_swap_twice_is_one(clones: Clones) -> None:
    awa = clones("awa")
    first = awa.swap(None, arm(None, "awa"))
    again = awa.swap(None, arm(None, "awa"))
    assert again == first
    assert len(awa.history(10)) == 1


def test_of_many_at_once_one_wins(clones: Clones) -> None:
    backends = [clones(f"p{i}") for i in range(4)]
    tip = None
    for _round in range(3):
        verdicts: list[Verdict] = []
        gate = threading.Barrier(len(backends))

        def attempt(i: int, tip=tip, gate=gate, verdicts=verdicts) -> None:
            gate.wait()
            verdicts.append(backends[i].swap(tip, arm(tip.record if tip else None, f"p{i}")).verdict)

        threads = [threading.Thread(target=attempt, args=(i,)) for i in range(len(backends))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert verdicts.count(Verdict.WON) == 1
        assert set(verdicts) <= {Verdict.WON, Verdict.LOST, Verdict.BUSY, Verdict.UNKNOWN}
        now = backends[0].read()
        assert now is not None
        tip = backends[0].swap(now, disarm(now.record)).tip
    assert len(backends[0].history(50)) == 6


def test_a_chain_is_archived_and_begins_anew(clones: Clones) -> None:
    awa, bob = clones("awa"), clones("bob")
    first = awa.swap(None, arm(None, "awa")).tip
    free = awa.swap(first, disarm(first.record)).tip
    assert awa.archive(free).verdict is Verdict.WON
    assert awa.archive(free).verdict is Verdict.WON, "repeating it is safe"
    anew = step(free.record, Compact(free.oid), Writer("x", "2026-01-02T03:04:05Z", "c"))
    assert bob.swap(first, anew).verdict is Verdict.LOST
    won = bob.swap(free, anew)
    assert won.verdict is Verdict.WON
    assert bob.swap(free, anew) == won
    assert awa.read() == won.tip
    last = awa.swap(won.tip, arm(anew, "cem")).tip
    for backend in (awa, bob, clones("cem")):
        assert [tip.oid for tip in backend.history(9)] == [last.oid, won.tip.oid, free.oid, first.oid]
        assert [tip.oid for tip in backend.history(3)] == [last.oid, won.tip.oid, free.oid]


def test_whole_runs_by_two_people(clones: Clones, tmp_path: Path) -> None:
    kaggle = FolderKaggle(tmp_path / "kaggle")
    awa, bob = (Person(name, clones(name.lower()), kaggle) for name in ("Awa", "Bob"))
    for person, fence in ((awa, 1), (bob, 2), (awa, 3)):
        record = person.run()
        assert (record.fence, record.last_done, record.state, record.alarms) == (fence, fence, State.FREE, ())
    assert [record.op for record in bob.client.log(100)] == [Op.FINISH, Op.START, Op.ARM] * 3
