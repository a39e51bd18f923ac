"""Logs in all their shapes: no record lost, no letter mangled, nothing invented."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.kernels.logs import dump_log, lines, parse_log, parse_stream
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
        ).encode("utf-8")
        for item in items
    ]  # fmt: skip
    assert list(parse_stream([b": keep-alive", b"", *lines, b"data: END_OF_LOG", b"data: {}"])) == [*items, None]
    assert list(parse_stream(lines)) == items


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_line_of_a_stream_breaks_the_reader(lines: list[bytes]) -> None:
    for record in parse_stream([b"data:" + line for line in lines]):
        assert record is None or isinstance(record.data, str)


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader_of_a_log(text: str) -> None:
    assert all(isinstance(record, LogRecord) for record in parse_log(text))


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_lines_are_those_of_the_bytes_however_they_come(data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    chunks = [data[begin:end] for begin, end in pairwise(places)]
    expected = data.split(b"\n")
    assert list(lines(chunks)) == (expected if expected[-1] else expected[:-1])
