"""A few seconds of the fuzzer, the same each time: it runs, its inputs reach what they are for, and nothing is found.

For hours: `python -m tests.fuzz --minutes 600 --seed $RANDOM`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from random import Random

import pytest

from tests.fuzz.conversations import spoken
from tests.fuzz.loop import Finding, feed, fuzz, smaller
from tests.fuzz.targets import TARGETS, Target, Wrong


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """nbformat logs a page for each notebook that is invalid, and most here are."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found(name: str) -> None:
    told: list[Finding] = []
    tally = fuzz([name], 1, lambda tally: tally.executions.get(name, 0) < 700, told.append)
    assert told == []
    assert tally.executions[name] == 700
    # An input that is turned down at the door proves nothing.
    assert tally.accepted[name] > 10


def test_it_finds_what_is_wrong_and_makes_it_small() -> None:
    def dislikes_two_words(data: bytes, chance: object) -> bool:
        if b"collapsed" in data and b"tags" in data:
            raise Wrong("both words")
        return True

    target = Target("sees", dislikes_two_words)
    data = b'{\n "a": "tags",\n "b": {"collapsed": 1},\n "c": [1, 2, 3]\n}\n'
    assert feed(target, data, 0) == (False, "Wrong: both words")
    found = smaller(target, data, 0)
    assert len(found) == len(b"tags") + len(b"collapsed")


def test_a_whole_conversation_is_answered() -> None:
    for seed in range(20):
        assert feed(TARGETS["conversation"], spoken(Random(seed)), seed)[1] == ""
