"""What a run leaves is readable whatever the kernel wrote and whenever its writer died."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahel_nb.localkaggle.executor.job import Outcome, Result
from sahel_nb.localkaggle.executor.pipes import LONGEST_LINE, Frames, Text
from sahel_nb.localkaggle.executor.record import LOG, LogWriter, mend_log, read_result, write_result

ANY_TEXT = st.text(st.characters(), max_size=200)  # lone surrogates included


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(texts=st.lists(ANY_TEXT, max_size=5), cut=st.integers(0, 400))
def test_any_text_comes_back_and_a_cut_log_is_mended(tmp_path: Path, texts: list[str], cut: int) -> None:
    (tmp_path / LOG).unlink(missing_ok=True)
    log = LogWriter(tmp_path)
    for text in texts:
        log.append("stdout", 0.5, text)
    log.close()
    whole = (tmp_path / LOG).read_bytes()
    assert [json.loads(line)["data"] for line in whole.split(b"\n") if line] == [text for text in texts if text]
    (tmp_path / LOG).write_bytes(whole[: len(whole) - min(cut, len(whole))])
    mend_log(tmp_path)
    mended = (tmp_path / LOG).read_bytes()
    assert whole.startswith(mended)
    assert not mended or mended.endswith(b"\n")


def test_a_log_has_an_end_and_says_so(tmp_path: Path) -> None:
    log = LogWriter(tmp_path, limit=10_000)
    for _ in range(100):
        log.append("stdout", 1.0, "ŋ" * 100_000)
    log.close()
    lines = (tmp_path / LOG).read_text(encoding="utf-8").splitlines()
    assert "longer than 10000 bytes" in json.loads(lines[-1])["data"]
    assert len(lines) == 2


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_result_comes_back(tmp_path: Path, outcome: Outcome) -> None:
    assert read_result(tmp_path) is None
    result = Result(outcome, "ŋɓɗɲ", 1.5, 2.25)
    write_result(tmp_path, result)
    assert read_result(tmp_path) == result
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_result_that_somebody_broke_is_an_error_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"outcome": "FINE"}', encoding="utf-8")
    result = read_result(tmp_path)
    assert result is not None
    assert result.outcome is Outcome.ERROR
    assert "cannot be read" in result.failure_message


def test_a_line_or_frame_without_end_is_not_held_in_memory() -> None:
    frames: list[object] = []
    texts: list[str] = []
    read, write = os.pipe()
    pipe = Frames(read, frames.append)
    for data in (b'["a"]\n["b', b"b" * LONGEST_LINE, b"b" * LONGEST_LINE, b'"]\n["c', b'"]\n'):
        pipe.feed(data)
    assert frames == [["a"], ["c"]]
    text = Text(read, texts.append)
    for _ in range(5):
        text.feed(b"x" * (LONGEST_LINE // 2))
    assert max(map(len, texts)) <= 2 * LONGEST_LINE
    assert len("".join(texts)) >= LONGEST_LINE
    os.close(read)
    os.close(write)
