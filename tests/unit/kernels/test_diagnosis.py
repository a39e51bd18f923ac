"""From log to answer: the cell, the line, the error and the cause, and honesty where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sahel_nb.kernels.diagnosis import diagnose, place
from sahel_nb.kernels.model import LogRecord, RunState, RunStatus
from sahel_nb.kernels.rules import Facts

REPORT = """Traceback (most recent call last):
papermill.exceptions.PapermillExecutionError:
---------------------------------------------------------------------------
Exception encountered at "In [2]":
---------------------------------------------------------------------------
\x1b[0;31mModuleNotFoundError\x1b[0m                       Traceback (most recent call last)
Cell \x1b[0;32mIn[2], line 3\x1b[0m
      1 # ŋana
      2 import json
----> 3 import fasttext
      4 x = 1

\x1b[0;31mModuleNotFoundError\x1b[0m: No module named 'fasttext'
"""
FAILED = RunStatus(RunState.ERROR, "")


def test_a_papermill_report_names_cell_line_and_cause() -> None:
    found = diagnose([LogRecord("stdout", 0.1, "hello"), LogRecord("stderr", 1.0, REPORT)], FAILED)
    assert (found.execution_count, found.line, found.source_line) == (2, 3, "import fasttext")
    assert found.error == "ModuleNotFoundError: No module named 'fasttext'"
    assert found.rule is not None
    assert found.rule.code == "missing-package"
    assert "fasttext" in found.cause


def test_a_line_that_comes_in_pieces_is_read_as_one() -> None:
    said = ("a\n", "Module", "NotFoundError: No module ", "named 'ŋ'")
    found = diagnose([LogRecord("stderr", 0.0, piece) for piece in said], FAILED)
    assert found.error == "ModuleNotFoundError: No module named 'ŋ'"
    bare = [LogRecord("stdout", 0.0, "epoch 1"), LogRecord("stdout", 0.0, "ModuleNotFoundError: No module named 'ŋ'")]
    assert diagnose(bare, FAILED).error == found.error


def test_an_error_that_was_caught_and_printed_is_not_on_the_way_to_the_last_one() -> None:
    caught = 'Traceback (most recent call last):\n  File "/kaggle/src/script.py", line 2, in <module>\nMemoryError\n'
    text = caught + "going on\n" + caught.replace("MemoryError", "ValueError: ɗ")
    found = diagnose([LogRecord("stderr", 0.0, text)], FAILED)
    assert (found.rule, found.error, found.line) == (None, "ValueError: ɗ", 2)


def test_an_error_with_the_traceback_of_a_worker_is_read_to_its_root() -> None:
    report = (
        'Exception encountered at "In [4]":\nFileNotFoundError      Traceback (most recent call last)\n'
        "Cell In[4], line 2\n----> 2 next(batches)\n\nFile /usr/lib/python3/dist-packages/torch/x.py:9, in f(a)\n"
        "----> 9 raise exception\n\nFileNotFoundError: Caught FileNotFoundError in DataLoader worker process 0.\n"
        'Original Traceback (most recent call last):\n  File "/usr/lib/python3/dist-packages/torch/y.py", line 3\n'
        "    return h()\nFileNotFoundError: [Errno 2] No such file or directory: '/kaggle/input/ŋ words/a b.wav'\n"
    )
    found = diagnose([LogRecord("stderr", 0.0, report)], FAILED)
    assert (found.execution_count, found.line, found.source_line) == (4, 2, "next(batches)")
    assert found.sure
    assert found.cause.startswith("/kaggle/input/ŋ words/a b.wav is not there")


@pytest.mark.parametrize(
    "piece", ["FileNotFoundError: ", "/kaggle/input/", "\n\n ", "Command 'a; ", "Traceback (most "]
)
def test_a_log_that_repeats_itself_is_read_in_time_that_grows_with_its_length(piece: str) -> None:
    text = (
        'Exception encountered at "In [2]":\nOSError   Traceback (most recent call last)\n\nOSError: x' + piece * 40_000
    )
    found = diagnose([LogRecord("stderr", 0.0, text)], FAILED, Facts(source=piece * 10_000))
    assert found.execution_count == 2


def test_a_script_names_its_line() -> None:
    text = 'Traceback (most recent call last):\n  File "/kaggle/src/script.py", line 7, in <module>\nValueError: ɗ\n'
    found = diagnose([LogRecord("stderr", 0.0, text)], FAILED)
    assert (found.line, found.error, found.rule) == (7, "ValueError: ɗ", None)


def test_the_status_alone_can_be_the_evidence() -> None:
    found = diagnose([], RunStatus(RunState.CANCELLED, "Your notebook exceeded the max allowed execution duration."))
    assert found.rule is not None
    assert found.rule.code == "time-limit"


def test_the_unknown_is_said_to_be_unknown() -> None:
    found = diagnose([LogRecord("stdout", 0.0, "all is well\n")], FAILED)
    assert found.rule is None
    assert found.evidence == ("all is well",)


def test_the_number_of_a_cell_counts_code_that_ran() -> None:
    cells = [
        {"cell_type": "markdown", "source": "# title"},
        {"cell_type": "code", "source": ["import os\n", "x = 1"]},
        {"cell_type": "code", "source": "  \n"},
        {"cell_type": "code", "source": "import fasttext"},
    ]
    header = b"# ---\n# jupyter: x\n# ---\n\n"
    mirror = header + b"# %% [markdown]\n# # title\n\n# %%\nimport os\nx = 1\n\n# %%\n\n# %%\nimport fasttext\n"
    found = place(json.dumps({"cells": cells}).encode(), mirror, 2)
    assert found is not None
    assert (found.cell, found.mirror_line) == (4, 15)
    assert mirror.decode().split("\n")[14] == "import fasttext"
    assert place(b"{}", mirror, 1) is None
    assert place(json.dumps({"cells": cells}).encode(), None, 9) is None


def test_twelve_hours_of_log_are_read_by_their_end() -> None:
    made = 0

    def long() -> Iterator[LogRecord]:
        nonlocal made
        for _ in range(2_000):
            made += 1
            yield LogRecord("stdout", 0.0, "ŋ" * 10_000)
        yield LogRecord("stderr", 1.0, "ModuleNotFoundError: No module named 'fasttext'")

    found = diagnose(long(), RunStatus(RunState.ERROR))
    assert made == 2_000
    assert found.rule is not None
    assert found.rule.code == "missing-package"
