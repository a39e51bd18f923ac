"""The long-running commands of this folder, for a few seconds: `kills` and `contend` find nothing, and would."""

from __future__ import annotations

from pathlib import Path

import pytest
from contend import contend, judge, nearest_rank
from kills import Arena

from sahel_nb.lock.memory import Memory, MemoryRemote
from support.lock_contender import Round
from support.locks import REF, FolderKaggle, Person
from support.recorded import Recorded, history, into, notes


def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    arena = Arena.create(tmp_path)
    for number in range(6):
        arena.kill(acknowledged=number % 4, after=0.01 + 0.01 * number)
    tally = arena.settle()
    assert tally.fine, tally
    assert tally.kills == 6
    assert tally.acknowledged >= 7


def test_a_wedge_is_found_named_and_mended(tmp_path: Path) -> None:
    arena = Arena.create(tmp_path)
    arena.kill(acknowledged=1, after=0.01)
    (arena.origin.path / f"{REF}.lock").touch()
    arena.look()
    tally = arena.settle()
    assert (tally.wedged, tally.wedges_not_named, tally.unrecoverable) == (1, 0, 0)
    assert tally.fine


def test_what_was_acknowledged_and_is_gone_is_missed(tmp_path: Path) -> None:
    arena = Arena.create(tmp_path)
    arena.kill(acknowledged=2, after=0.01)
    first = arena.origin("rev-list", "--max-parents=0", REF)
    arena.origin("update-ref", REF, first)
    tally = arena.settle()
    assert tally.lost >= 1
    assert not tally.fine


@pytest.mark.parametrize(("kind", "clients", "times"), [("file", 4, 2), ("http", 3, 1)])
def test_a_few_clients_take_turns(tmp_path: Path, kind: str, clients: int, times: int) -> None:
    told = contend(tmp_path, kind, clients, times, seconds=300)
    assert told.fine, str(told)
    assert told.complete, str(told)
    assert told.grants == clients * times
    assert told.asked > told.transitions >= 2 * told.grants


def test_who_runs_out_of_time_is_told_what_was_done_until_then(tmp_path: Path) -> None:
    told = contend(tmp_path, "file", 2, 1_000_000, seconds=4)
    assert told.fine, str(told)
    assert not told.complete
    assert str(told).startswith(f"OUT OF TIME after 4 s, with {len(told.done)} of 2000000 rounds done; up to then:")
    assert "linearizable" in str(told)


def test_what_contend_would_find(tmp_path: Path) -> None:
    remote = MemoryRemote()
    person = Person("Awa", Recorded(Memory(remote), "Awa", into(tmp_path / "told")), FolderKaggle(tmp_path / "k"))
    for _ in range(3):
        person.client.disarm(person.client.acquire(person.intent()), "next")
    chain, asked = remote.chain, list(history(notes(tmp_path / "told")))
    assert judge(chain, asked, [Round(0.1, violated=False)], 1).fine
    assert judge(chain, asked, [Round(0.1, violated=True)], 1).violations == 1
    rolled_back = judge(chain[:-1], asked, [], 1)
    assert (len(rolled_back.lost), len(rolled_back.odd), rolled_back.fine) == (1, 1, False)
    swapped = judge([*chain[:2], *chain[4:], *chain[2:4]], asked, [], 1)
    assert swapped.illegal
    assert "NOT linearizable" in str(swapped)


def test_a_percentile_is_one_of_the_values() -> None:
    waits = [float(number) for number in range(1, 17)]
    assert [nearest_rank(waits, percent) for percent in (1, 50, 99, 100)] == [1, 8, 16, 16]
    assert nearest_rank([*waits, *[0.0] * 184], 99) == 14
    assert nearest_rank([], 99) == 0
