"""The long-running commands of this folder, for a few seconds: `kills` and `contend` find nothing, and would."""

from __future__ import annotations

from pathlib import Path

import pytest
from contend import contend
from kills import Arena

from support.locks import REF


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


@pytest.mark.parametrize(("kind", "clients", "rounds"), [("file", 4, 2), ("http", 3, 1)])
def test_a_few_clients_take_turns(tmp_path: Path, kind: str, clients: int, rounds: int) -> None:
    told = contend(tmp_path, kind, clients, rounds)
    assert told.fine, str(told)
    assert told.grants == clients * rounds == len(told.waits)
