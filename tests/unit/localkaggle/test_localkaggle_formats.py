"""Timestamps, durations, pages, logs, signed URLs: what goes over the wire is what was meant."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kagglesdk.kaggle_object import DateTimeSerializer, TimeDeltaSerializer

from sahel_nb.localkaggle import limits, logs, signing, wire
from sahel_nb.localkaggle.signing import Grant, Kind
from sahel_nb.localkaggle.wire import ApiError, Fields


def code_of(call: Callable[[], object]) -> int:
    """200, or the code of the ApiError; any other exception is the test's failure."""
    try:
        call()
    except ApiError as exc:
        return exc.code
    return 200


@given(st.integers(0, 10**10))
def test_durations_are_read_back_by_the_client(millis: int) -> None:
    read = TimeDeltaSerializer._from_dict_value(wire.duration(millis / 1000))
    assert round(read.total_seconds() * 1000) == millis


@given(st.floats(0, 4e9))
def test_timestamps_are_read_back_by_the_client(epoch: float) -> None:

    read = DateTimeSerializer._from_str(wire.stamp(epoch)).replace(tzinfo=UTC)
    assert abs(read.timestamp() - epoch) < 0.002


@given(st.integers(0, 50), st.integers(1, 7))
def test_pages_cover_everything_once(total: int, size: int) -> None:
    seen: list[int] = []
    token = ""
    while True:
        offset, length, token = wire.page(Fields({"pageSize": size, "pageToken": token}), total)
        seen += range(total)[offset : offset + length]
        if not token:
            break
    assert seen == list(range(total))


@given(st.text(min_size=1, max_size=20))
def test_a_token_that_was_not_handed_out_is_a_400_or_harmless(token: str) -> None:
    def read() -> int:
        offset, _, _ = wire.page(Fields({"pageToken": token}), 10)
        return offset

    assert code_of(read) in (200, 400)


@given(st.binary(max_size=60))
def test_a_body_is_an_object_or_a_400(body: bytes) -> None:
    assert code_of(lambda: Fields.parse(body)) in (200, 400)


def test_a_field_of_the_wrong_kind_is_a_400() -> None:
    fields = Fields({"a": 1, "b": "x", "c": [1], "d": True, "e": "\ud800", "f": [{}, 1]})
    for read in (
        lambda: fields.text("a"),
        lambda: fields.flag("b"),
        lambda: fields.number("b"),
        lambda: fields.number("d"),
        lambda: fields.texts("c"),
        lambda: fields.text("e"),
        lambda: fields.objects("f"),
        lambda: fields.object("c"),
    ):
        with pytest.raises(ApiError) as raised:
            read()
        assert raised.value.code == 400


RECORDS = st.lists(
    st.builds(
        lambda stream, data: {"stream_name": stream, "time": 1.5, "data": data},
        st.sampled_from(["stdout", "stderr"]),
        st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("\u2028\u2029\x85\r\n"), max_size=20),
    ),
    max_size=6,
)


@given(RECORDS, st.binary(max_size=10))
def test_the_blob_and_the_events_hold_every_record_once(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]], unfinished: bytes
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    lines = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    path.write_bytes(b"".join(line + b"\n" for line in lines) + unfinished.replace(b"\n", b""))
    assert json.loads(logs.blob(path)) == records
    for line, record in zip(logs.records(path), records, strict=True):
        event = logs.event(line).decode()
        assert len(event.rstrip("\n").splitlines()) == 1  # where the client cuts
        assert json.loads(event[len("data: ") :]) == record


def test_the_blob_looks_like_kaggles(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b'{"data":"a"}\n{"data":"b"}\nnot a record\n{"data":')
    assert logs.blob(tmp_path / "log.jsonl") == b'[{"data":"a"}\n,{"data":"b"}\n]'
    assert logs.blob(tmp_path / "missing") == b"[]"


def test_a_line_longer_than_one_read_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    line = json.dumps({"data": "x" * 100}).encode()
    path.write_bytes(line + b"\n" + line)
    assert logs.tail(path, 0, limit=10) == ([line], len(line) + 1)
    assert logs.tail(path, len(line) + 1, limit=10) == ([], len(line) + 1)


@given(st.sampled_from(Kind), st.integers(0, 10**9), st.text(min_size=1, max_size=20), st.integers(0, 10**10))
def test_a_signed_url_is_good_for_its_file_and_its_time(kind: Kind, number: int, path: str, now: int) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        return
    grant = Grant(kind, number, path)
    _, _, head, quoted = signing.path_for(b"secret", grant, now).split("/", 3)
    assert urllib.parse.unquote(quoted) == path
    assert signing.check(b"secret", head, path, now) == grant
    assert signing.check(b"secret", head, path + "x", now) is None
    assert signing.check(b"other", head, path, now) is None
    assert signing.check(b"secret", head, path, now + signing.LIFETIME) is None
    assert signing.check(b"secret", head.replace(kind.value, "z" if kind.value != "z" else "d", 1), path, now) is None


@given(st.floats(0, 4e9))
def test_the_quotas_week_begins_on_saturday(now: float) -> None:
    from datetime import datetime

    start, end = limits.week(now)
    assert start <= now < end
    assert end - start == 7 * 86400
    assert datetime.fromtimestamp(start, tz=UTC).strftime("%A %H:%M:%S") == "Saturday 00:00:00"
