"""Logs in all their shapes: no record lost, no letter mangled, nothing invented."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.log_answer import log_lines, without_log
from sahel_nb.kernels.logs import dump_log, lines, parse_log, parse_stream, persisted
from sahel_nb.kernels.model import LogRecord

records = st.lists(
    st.builds(
        LogRecord,
        st.sampled_from(["stdout", "stderr"]),
        st.floats(0, 1e6),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.just("ŋana ɓiɗɗo ɲ\n"),
    ),
    max_size=8,
)


@given(records)
def test_the_persisted_log_round_trips(items: list[LogRecord]) -> None:
    assert list(parse_log("".join(dump_log(items)))) == items


@given(records, st.integers(0, 2000))
def test_a_cut_log_gives_a_prefix_of_whole_records(items: list[LogRecord], cut: int) -> None:
    whole = "".join(dump_log(items))
    found = list(parse_log(whole[:cut]))
    assert found == items[: len(found)]
    assert len(found) >= whole[:cut].count("\n")


def test_the_first_record_is_not_dropped() -> None:
    text = '[{"stream_name":"stdout","time":1.5,"data":"a"}\n,{"stream_name":"stdout","time":2,"data":"b"}\n'
    assert [record.data for record in parse_log(text)] == ["a", "b"]


@given(records)
def test_a_live_stream_is_utf8_and_ends_when_the_service_says_so(items: list[LogRecord]) -> None:
    lines = [
        b"data: " + json.dumps(
            {"stream_name": item.stream, "time": item.time, "data": item.data}, ensure_ascii=False
        ).encode("utf-8") + b"\n"
        for item in items
    ]  # fmt: skip
    for end in (b"data: END_OF_LOG\n", b"data: END_OF_LOG"):
        assert list(parse_stream([b": keep-alive\n", b"\n", *lines, end, b"data: {}\n"])) == [*items, None]
    assert list(parse_stream(lines)) == items


def test_a_stream_that_ends_within_a_line_has_not_said_that_line() -> None:
    whole = b'data: {"stream_name": "stdout", "time": 1, "data": "a"}\n'
    cut = list(parse_stream(lines([whole, b'data: {"stream_name": "std'])))
    assert [record.data for record in cut if record] == ["a"]
    assert [record.data for record in parse_stream(lines([whole, whole])) if record] == ["a", "a"]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_line_of_a_stream_breaks_the_reader(lines: list[bytes]) -> None:
    for record in parse_stream([b"data:" + line + b"\n" for line in lines]):
        assert record is None or isinstance(record.data, str)


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader_of_a_log(text: str) -> None:
    assert all(isinstance(record, LogRecord) for record in parse_log(text))


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_lines_are_those_of_the_bytes_however_they_come(data: bytes, cuts: list[int]) -> None:
    chunks = _pieces(data, cuts)
    *whole, rest = data.split(b"\n")
    assert list(lines(chunks)) == [line + b"\n" for line in whole] + [rest] * bool(rest)


def _answer(log: str, *, first: bool) -> bytes:
    files = [{"fileName": 'log"', "url": "x", "log": "not this one"}]
    value = {"log": log, "files": files} if first else {"files": files, "next": '"log":"', "log": log, "z": []}
    return json.dumps(value, ensure_ascii=len(log) % 2 == 0).encode("utf-8", "surrogatepass")


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[begin:end] for begin, end in pairwise(places)]


@example("", True, [9])
@given(
    st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\\\\\\n"n\n\n😀ŋ'), max_size=60),
    st.booleans(),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_the_log_of_an_answer_is_read_however_it_comes(log: str, first: bool, cuts: list[int]) -> None:
    found = list(log_lines(_pieces(_answer(log, first=first), cuts)))
    expected = log.split("\n")
    assert found == (expected if expected[-1] else expected[:-1])
    whole = json.loads(_answer(log, first=first))
    assert without_log(_pieces(_answer(log, first=first), cuts)) == {**whole, "log": ""}


@given(records, st.lists(st.integers(0, 300), max_size=8), st.booleans())
def test_records_come_through_an_answer_as_they_were_written(
    items: list[LogRecord], cuts: list[int], first: bool
) -> None:
    answer = _answer("".join(dump_log(items)), first=first)
    assert list(persisted(log_lines(_pieces(answer, cuts)))) == items


@given(records, st.integers(0, 400))
def test_an_answer_that_was_cut_is_never_taken_for_a_whole_one(items: list[LogRecord], cut: int) -> None:
    answer = _answer("".join(dump_log(items)), first=False)
    end = answer.rindex(b'", "z"')
    with pytest.raises((NetworkError, ValueError)):
        list(log_lines([answer[: min(cut, end)]]))
    with pytest.raises((NetworkError, ValueError)):
        without_log([answer[:cut]] if cut < len(answer) else [])


@pytest.mark.parametrize(
    "body", [b'{"files": []}', b'{"log": null, "files": []}', b'{"log": ""}', b'{"log" : 3}', b"{}"]
)
def test_an_answer_without_a_log_has_no_lines(body: bytes) -> None:
    assert list(log_lines([body])) == []
    assert without_log([body]) == json.loads(body)


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"", b"[]", b'{"code": 503, "message": "busy"}'])
def test_what_is_no_answer_is_no_empty_log(body: bytes) -> None:
    with pytest.raises((NetworkError, ValueError)):
        list(log_lines([body]))
    with pytest.raises((NetworkError, ValueError)):
        without_log([body])


@pytest.mark.parametrize("shape", [{"indent": 1}, {"indent": 1, "sort_keys": True}, {}, {"separators": (",", ":")}])
def test_a_log_that_is_written_otherwise_is_read_as_well(shape: dict[str, Any]) -> None:
    items = [{"stream_name": "stdout", "time": number, "data": f"ŋ]{number},\n"} for number in range(5)]
    text = json.dumps(items, **shape)
    assert [record.data for record in parse_log(text)] == [item["data"] for item in items]


def test_a_broken_line_takes_no_other_along() -> None:
    good = '{"stream_name":"stdout","time":1,"data":"a"}'
    text = f"[{good}\n,{{broken\n,{good}\n,{good}\n]"
    assert [record.data for record in parse_log(text)] == ["a", "a", "a"]


def test_text_that_is_no_log_is_said_as_it_is() -> None:
    assert "".join(record.data for record in parse_log("sorry\n ŋ [busy]\n")) == "sorry\n ŋ [busy]\n"
