"""`scale` of this folder for a few runs and kernels: it does its work on real remotes, and would say what is wrong."""

from __future__ import annotations

from pathlib import Path

from scale import LONG, MANY, NEW, PUSH, Cost, Side, compare, downloaded, listed, named, slower, table

from sahel_nb.lock.record import State
from sahel_nb.lock.replay import check
from support.git import Git, Origin
from support.locks import KERNEL, over_git
from support.long_chains import LongUsed, fill, runs


def test_a_chain_that_is_written_in_one_go_is_as_legal_as_any(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    fill(origin, {KERNEL: 4, "awa/other": 1})
    chain = [tip.record for tip in reversed(over_git(origin.clone("awa").root).history(100))]
    assert chain == list(runs(KERNEL, 4))
    for before, after in zip([None, *chain], chain, strict=False):
        check(before, after)
    assert (chain[-1].fence, chain[-1].last_done, chain[-1].state, len(chain)) == (4, 4, State.FREE, 12)
    origin("fsck", "--strict")


def test_the_same_work_is_done_beside_many_and_beside_few(tmp_path: Path) -> None:
    sides = compare(tmp_path, "file", runs=12, kernels=4, rounds=1)
    rows = list(table("file", sides))
    for row, name in zip(rows, (PUSH, "cold", "release", "warm", "the lock of a whole run", "lock log"), strict=True):
        assert row.startswith(f"  file: {name}")
        assert row.count("(") == 3
    for name, fence, kernels in ((NEW, 1 + 3, 1), (LONG, 12 + 3, 1), (MANY, 12 + 3, 4)):
        origin = Origin(tmp_path / f"{name}.git")
        clone = origin.clone(f"looks-{name}")
        tip = over_git(clone.root).read()
        assert tip is not None
        assert (tip.record.fence, tip.record.state, tip.record.alarms) == (fence, State.FREE, ())
        assert listed(origin, clone)[0] == kernels


def test_what_costs_more_is_called_slower(tmp_path: Path) -> None:
    def side(push: float, lock: float) -> Side:
        return Side(Git(tmp_path), LongUsed(1), {PUSH: [Cost(9, push), Cost(9, 9)], "lock": [Cost(9, lock)]})

    new = side(0.010, 0.010)
    assert slower({NEW: new, LONG: side(0.011, 0.012), MANY: side(0.030, 0.040)}) == []
    assert slower({NEW: new, LONG: side(0.010, 0.030), MANY: side(0.010, 0.030)}) == [
        "lock: a long chain costs 3.0 times as much"
    ]
    assert slower({NEW: new, LONG: new, MANY: side(0.010, 0.030)}) == [
        "lock: many kernels cost 3.0 times as much, and a plain push 1.0 times"
    ]


def test_who_does_not_ask_for_locks_never_gets_one(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    fill(origin, {"awa/one": 2, "awa/two": 1, "team/three": 1})
    found = downloaded(tmp_path, origin)
    assert found.pop("asked for") == 3
    assert set(found) == {f"{kind}, protocol {version}" for kind in ("file", "git", "http") for version in "02"}
    assert set(found.values()) == {0}
    assert named(tmp_path, origin) == {
        "fetch, protocol 0": 3, "fetch, protocol 2": 0, "push, protocol 0": 3, "push, protocol 2": 3
    }  # fmt: skip


def test_a_look_at_kaggle_costs_the_same_whatever_its_age() -> None:
    kaggle = LongUsed(10_000)
    assert kaggle.newest().version == 10_000
    version = kaggle.push("nonce")
    assert (kaggle.phase(version).ended, kaggle.stamp(version)) == (False, "nonce")
    kaggle.end(version)
    assert kaggle.phase(version).ended
