"""The repository that pushes go out from stays, and nothing that happened in it can be in the way of the next push."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, make_commit
from sahel_nb.repo.swap_answer import Swap
from sahel_nb.repo.worktree import Worktree
from support.git import Git, Origin

REF = "refs/sahel/locks/o/s"


@pytest.fixture
def clone(tmp_path: Path) -> Git:
    return Origin.create(tmp_path / "origin.git").clone("awa")


def refs_of(clone: Git) -> RemoteRefs:
    return RemoteRefs(Worktree.discover(clone.root), "origin")


def outboxes(clone: Git) -> list[Path]:
    return sorted((clone.root / ".git/sahel-nb/scratch").glob("outbox-*"))


def commit(text: str, parent: RawCommit | None = None) -> RawCommit:
    return make_commit(text.encode(), parent=parent.oid if parent else None, name="n", email="e@x", when=1)


def test_torn_objects_are_written_again(clone: Git) -> None:
    refs = refs_of(clone)
    one = commit("one")
    two = commit("two", one)
    three = commit("three", two)
    assert refs.swap(REF, None, one).swap is refs.swap(REF, one, two).swap is Swap.WON
    (box,) = outboxes(clone)
    objects = [path for path in box.rglob("*") if path.is_file() and path.parent.parent == box / "objects"]
    assert len(objects) == 2
    for path in objects:
        path.chmod(0o600)
        path.write_bytes(b"")
    (box / "objects" / "draft-1-dead").write_bytes(b"half")
    (box / "cut-dead").write_bytes(b"half")
    assert refs.swap(REF, one, two).swap is Swap.ALREADY_MINE
    assert refs.swap(REF, two, three).swap is Swap.WON


def test_many_at_once_do_not_meet(clone: Git) -> None:
    """Threads of one clone, the first of which make the repository; each moves a ref of its own, from a cut history."""
    answers: list[Swap] = []
    gate = threading.Barrier(6)

    def work(number: int) -> None:
        refs = refs_of(clone)
        ref, old = f"{REF}-{number}", None
        gate.wait()
        for step in range(3):
            new = commit(f"{number} {step}", old)
            answers.append(refs.swap(ref, old, new).swap)
            old = new

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [Swap.WON] * 18
    assert len(outboxes(clone)) == 1


def test_other_settings_have_another_and_old_ones_go(clone: Git) -> None:
    assert refs_of(clone).swap(REF, None, commit("one")).swap is Swap.WON
    (first,) = outboxes(clone)
    ancient = first.with_name("outbox-7-cafe")
    ancient.mkdir()
    clone("config", "http.extraHeader", "X-Key: secret")
    assert refs_of(clone).swap(REF, commit("one"), commit("two", commit("one"))).swap is Swap.WON
    assert len(outboxes(clone)) == 2
    assert not ancient.exists()
    assert all(box.stat().st_mode & 0o77 == 0 for box in outboxes(clone))
