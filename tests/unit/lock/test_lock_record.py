"""A record survives the journey byte for byte, and nothing that is not a record is acted upon."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.distribution import upgrade_command
from sahel_nb.lock.record import CorruptRecord, Op, Outcome, Record, State, Ticket, clean

words = st.text(max_size=30).map(clean)
numbers = st.integers(0, 2**53 - 1)
outcomes = st.builds(Outcome, words, numbers, words, words, words, words, words, words, words)
tickets = st.lists(st.builds(Ticket, words, words, words, words, words), max_size=3, unique_by=lambda t: t.nonce).map(
    tuple
)
FREE = Record(
    kernel="awa/fula-lid", lock_remote_id="example.org/nb", op=Op.FINISH, state=State.FREE, fence=3, actor="Ŋana Ɓiɗɗo",
    host="h", by="b", nonce="n", hb=0, since="s", at="a", base_version=1, run_id="r", stamp="t", src_digest="d",
    git_commit="c", kaggle_version=2, url="u", last_done=2, queue=(), reason="", alarms=("ɲ",), outcome=None,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    words, words, st.lists(words, max_size=3).map(tuple), tickets, st.none() | outcomes, numbers, st.sampled_from(Op)
)
def test_a_record_comes_back_as_it_was(
    actor: str,
    reason: str,
    texts: tuple[str, ...],
    queue: tuple[Ticket, ...],
    outcome: Outcome | None,
    number: int,
    op: Op,
) -> None:
    record = replace(
        FREE, actor=actor, reason=reason, alarms=texts, queue=queue, outcome=outcome, last_done=number, op=op,
        state=State.OFFERED if queue else State.FREE,
    )  # fmt: skip
    assert Record.from_json(record.to_json()) == record


def test_it_can_be_read_by_people() -> None:
    assert "Ŋana Ɓiɗɗo".encode() in FREE.to_json()
    assert FREE.to_json().endswith(b"}\n")


TICKET = {"id": "r2", "actor": "Ɓiɗɗo", "host": "h", "since": "s", "nonce": "n"}
WRONG = [
    {"extra": 1}, {"v": 0}, {"v": "1"}, {"fence": 0}, {"fence": -1}, {"fence": True}, {"fence": 1.0}, {"fence": 2**60},
    {"state": "OFFERED"}, {"state": "STOLEN"}, {"state": 1}, {"queue": [TICKET]},
    {"state": "OFFERED", "queue": [TICKET] * 2}, {"state": "OFFERED", "queue": [{**TICKET, "extra": ""}]},
    {"state": "OFFERED", "queue": ["x"]}, {"v": 1, "queue": [TICKET]}, {"v": 1, "state": "OFFERED", "queue": ["x"]},
    {"v": 3}, {"state": "HELD"}, {"state": "HELD", "kaggle_version": None, "stamp": ""},
    {"op": "steal"}, {"state": "RUNNING", "kaggle_version": None},
    {"state": "ARMED"}, {"state": "ARMED", "kaggle_version": None, "stamp": ""}, {"actor": "\x1b[2J"}, {"actor": None},
    {"queue": "x"}, {"queue": [1]}, {"outcome": {}}, {"outcome": []}, {"last_done": None}, {"reason": "a\nb"},
    {"actor": "\u202egnp"},
]  # fmt: skip


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_what_is_not_understood_in_full_is_refused(change: dict[str, object]) -> None:
    document = {**json.loads(FREE.to_json()), **change}
    with pytest.raises(CorruptRecord):
        Record.from_json(json.dumps(document).encode())


@pytest.mark.parametrize("name", sorted(json.loads(FREE.to_json())))
def test_nothing_may_be_missing(name: str) -> None:
    document = json.loads(FREE.to_json())
    del document[name]
    with pytest.raises(CorruptRecord):
        Record.from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff", b'{"v": NaN}', b'{"v":1,"v":1}', b"[" * 100_000, b"x" * 300_000]
)
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptRecord):
        Record.from_json(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_our_own_words(data: bytes) -> None:
    with pytest.raises(CorruptRecord):
        Record.from_json(data)


def test_a_later_format_asks_for_an_upgrade() -> None:
    with pytest.raises(CorruptRecord, match="newer") as caught:
        Record.from_json(b'{"v": 4, "whatever": 1}')
    assert caught.value.hints == (upgrade_command(),)


def test_the_first_format_is_still_read() -> None:
    document = {**json.loads(FREE.to_json()), "v": 1}
    assert Record.from_json(json.dumps(document).encode()) == FREE
    offered = {**json.loads(FREE.to_json()), "state": "OFFERED", "queue": [TICKET]}
    assert Record.from_json(json.dumps(offered).encode()).queue == (Ticket(**TICKET),)


def test_who_has_not_upgraded_reads_everything_until_a_chain_is_compacted() -> None:
    document = json.loads(FREE.to_json())
    assert document["v"] == 2
    assert "archive" not in document
    compacted = replace(FREE, op=Op.COMPACT, archive="a" * 40)
    assert json.loads(compacted.to_json())["v"] == 3
    assert Record.from_json(compacted.to_json()) == compacted


@pytest.mark.parametrize(
    "change",
    [{"v": 3}, {"v": 3, "archive": ""}, {"v": 2, "archive": "a" * 40}, {"v": 3, "archive": "A" * 40},
     {"v": 3, "archive": "../heads/main"}, {"v": 3, "archive": 7}],
)  # fmt: skip
def test_an_archive_has_a_name_that_git_gives(change: dict[str, object]) -> None:
    document = {**json.loads(FREE.to_json()), **change}
    with pytest.raises(CorruptRecord):
        Record.from_json(json.dumps(document).encode())
