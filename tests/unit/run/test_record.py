"""run.json, the live log and the persisted one: read as written, believed only when whole, never made shorter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.model import KernelRef, LogRecord
from sahel_nb.kernels.outputs import Fetched, Missed
from sahel_nb.kernels.service import KernelService
from sahel_nb.report.events import Silent
from sahel_nb.run import collect, record
from sahel_nb.run.record import RunRecord

REF = KernelRef("awa", "fula-lid")
DONE = RunRecord(
    run_id="20261121T091503Z-4f1c2a", kernel=str(REF), shared_kernel=str(REF), dev=False, commit="c" * 40,
    subject="ŋana", version=3, url="http://x", actor="Awa", account="awa", host="vm", began="2026-11-21T09:15:03Z",
    ended="2026-11-21T09:16:03Z", status="COMPLETE", failure="", source_sha256="", log_records=1, log_sha256="",
    files=(Fetched("ɲ.txt", 2, "0" * 64),), missed=(Missed("half-\ud83d", "no file's name"),), service="kaggle",
)  # fmt: skip


class Log(KernelService):
    """A service of which only the persisted log is asked. `away`: it breaks off after what it has."""

    def __init__(self, *items: LogRecord, away: bool = False) -> None:
        self._items, self._away = items, away

    def log(self, ref: KernelRef, version: int) -> Iterator[LogRecord]:
        yield from self._items
        if self._away:
            raise NetworkError("Kaggle is away")


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record.write(DONE, tmp_path)
    assert record.read(tmp_path) == DONE


def test_a_record_that_was_cut_or_changed_is_not_believed(tmp_path: Path) -> None:
    data = DONE.to_json()
    assert RunRecord.from_json(data[: len(data) // 2]) is None
    assert RunRecord.from_json(data.replace(b'"0000', b'"1000')) is None
    assert RunRecord.from_json(data.replace(b"run/1", b"run/9")) is None
    assert RunRecord.from_json(b"[]") is None
    assert record.read(tmp_path) is None


def test_a_record_of_before_or_after_this_version_is_read() -> None:
    value = json.loads(DONE.to_json())
    for key in ("ended_by", "log_seconds", "kaggle_copy", "kaggle_copy_why", "service"):
        del value[key]
    old = RunRecord.from_json(json.dumps(value).encode())
    assert old is not None
    assert old.kaggle_copy == "unread"
    assert RunRecord.from_json(json.dumps({**value, "of_a_later_version": 1}).encode()) == old


texts = st.text(max_size=20) | st.just("half \ud83d of a pair")


@given(st.lists(st.builds(LogRecord, st.just("stdout"), st.floats(0, 10), texts), max_size=5))
def test_a_log_comes_back_from_the_disk_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, items: list[LogRecord]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    with collect.live_log(folder, Silent()) as sink:
        for item in items:
            sink(item)
    assert list(collect.read_log(folder)) == items
    kept = collect.collect_log(Log(*items), REF, 3, folder, Silent())
    assert list(collect.read_log(folder)) == items
    assert kept.records == len(items)
    assert kept.seconds == max((item.time for item in items), default=0.0)
    assert not kept.missed


def test_a_log_that_cannot_be_read_is_missed_and_what_was_there_stays(tmp_path: Path) -> None:
    first = [LogRecord("stdout", 1.0, "ŋ\n"), LogRecord("stderr", 2.0, "ɓ\n")]
    with collect.live_log(tmp_path, Silent()) as sink:
        for item in first:
            sink(item)
    with collect.live_log(tmp_path, Silent()):
        pass  # attached again, when the stream had nothing to say any more
    log = collect.collect_log(Log(away=True), REF, 3, tmp_path, Silent())
    assert list(collect.read_log(tmp_path)) == first
    assert log.records == 2
    assert [item.name for item in log.missed] == ["log.jsonl"]
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "ŋ\nɓ\n"


def test_of_a_log_that_was_cut_and_a_live_one_the_longer_is_kept(tmp_path: Path) -> None:
    items = [LogRecord("stdout", number, f"{number}\n") for number in range(4)]
    with collect.live_log(tmp_path, Silent()) as sink:
        for item in items[:2]:
            sink(item)
    for came, kept in ((1, 2), (3, 3), (0, 3)):
        log = collect.collect_log(Log(*items[:came], away=True), REF, 3, tmp_path, Silent())
        assert list(collect.read_log(tmp_path)) == items[:kept]
        assert [item.name for item in log.missed] == ["log.jsonl"]
    assert not collect.collect_log(Log(*items), REF, 3, tmp_path, Silent()).missed
    assert list(collect.read_log(tmp_path)) == items


@pytest.fixture
def full() -> Iterator[None]:
    """A disk on which no file may be longer than a hundred bytes."""
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, previous)


def test_a_full_disk_ends_the_writing_of_the_live_log_and_not_the_following(tmp_path: Path, full: None) -> None:
    with collect.live_log(tmp_path, Silent()) as sink:
        for count in range(100):
            sink(LogRecord("stdout", count, "ŋ" * 50))
    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError):
        record.write(replace(DONE, subject="x" * 200), tmp_path)
    assert not list(tmp_path.iterdir())


def test_one_process_has_its_turn_at_a_folder(tmp_path: Path) -> None:
    with collect.alone(tmp_path) as first:
        assert first.first
        with collect.alone(tmp_path) as second:
            assert not second.first
    with collect.alone(tmp_path) as third:
        assert third.first
