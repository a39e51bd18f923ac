"""Notebooks run as Kaggle's papermill runs them: what is told, when it stops, and with which words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sahel_nb.localkaggle.executor.job import Outcome
from sahel_nb.localkaggle.executor.launch import read_result
from support.jobs import Runs, eventually, notebook, records, text


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_text_outputs_and_the_executed_copy_survive_letter_by_letter(runs: Runs) -> None:
    run = runs.run(
        notebook(
            "print('ŋana ɓiɗɗo')",
            "import sys; print('ɲ', file=sys.stderr); 'ɗ' * 2",
            "",
            "unclosed = open('kala.txt', 'w', encoding='utf-8'); n = unclosed.write('ŋ ɓ ɗ ɲ')",
            "!echo from-a-shell",
        )
    )
    assert run.result.outcome is Outcome.COMPLETE
    assert run.result.failure_message == ""
    assert run.result.started < run.result.ended
    assert text(run.folder, "stdout") == "ŋana ɓiɗɗo\n'ɗɗ'\nfrom-a-shell\r\n"
    assert text(run.folder, "stderr") == "ɲ\n"
    assert run.outputs == {"kala.txt": "ŋ ɓ ɗ ɲ".encode()}, (
        "flushed at the kernel's own exit; no copy of ours beside it"
    )
    assert "ŋana".encode() in (run.folder / "log.jsonl").read_bytes(), "unescaped"
    times = [record["time"] for record in records(run.folder)]
    assert times == sorted(times)
    executed = json.loads((run.folder / "__notebook__.ipynb").read_bytes())
    assert executed["cells"][0]["outputs"][0]["text"] == ["ŋana ɓiɗɗo\n"]
    assert [cell["execution_count"] for cell in executed["cells"]] == [1, 2, None, 3, 4]


def test_the_first_raising_cell_ends_the_run_with_papermills_report(runs: Runs) -> None:
    run = runs.run(
        notebook(
            "open('before.txt', 'w').close()",
            "1/0",
            "raise ValueError('ɓii')",
            "open('after.txt', 'w').close()",
            tags={1: "raises-exception"},
        )
    )
    assert run.result.outcome is Outcome.ERROR
    assert run.result.failure_message == 'Exception encountered at "In [3]": ValueError: ɓii'
    told = text(run.folder, "stderr")
    assert "ZeroDivisionError: division by zero" in told
    assert told.count('Exception encountered at "In [') == 1
    assert told.index("ZeroDivisionError") < told.index('Exception encountered at "In [3]":')
    assert "ValueError: ɓii" in told
    assert "\x1b" not in told
    assert list(run.outputs) == ["before.txt"]


def test_sys_exit_zero_ends_a_notebook_without_failing_it(runs: Runs) -> None:
    run = runs.run(notebook("import sys; sys.exit(0)", "open('after.txt', 'w').close()"))
    assert run.result.outcome is Outcome.COMPLETE
    assert run.outputs == {}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (notebook("1", kernelspec=None), "No kernel name found in notebook and no override provided"),
        (notebook("1", kernelspec={"name": "ir", "language": "R"}), "No such kernel named ir (language: R)"),
        (notebook("1", kernelspec={"name": "../python3"}), "No such kernel named ../python3"),
        (b"{nothing of the kind", "does not appear to be JSON"),
        (b'{"metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4}', "Notebook cannot be read"),
    ],
)
def test_what_cannot_be_run_says_why_in_the_log_too(runs: Runs, source: bytes, words: str) -> None:
    run = runs.run(source)
    assert run.result.outcome is Outcome.ERROR
    assert words in run.result.failure_message
    assert words in text(run.folder, "stderr")


def test_silence_is_fine_and_a_flood_of_output_fails_at_the_iopub_limit(runs: Runs) -> None:
    """That limit, 4 s, starts when the cell has answered, and not before. Silent and flooding at the same time here.

    The flood is published without waiting for the flush, so that a small one will do: more than 4 s of nbclient's work.
    """
    folder, silent = runs.start(notebook("import time; print('ŋ'); time.sleep(4.5); print('ɓ')"))
    eventually(lambda: text(folder) == "ŋ\n")
    assert read_result(folder) is None, "told while it runs"
    flood = (
        "import sys; out = sys.stdout\n"
        "for i in range(60000):\n"
        "    out.session.send(out.pub_thread, 'stream', {'name': 'stdout', 'text': 'x'}, parent=out.parent_header)"
    )
    run = runs.run(notebook(flood, "print('after')"))
    assert run.result.outcome is Outcome.ERROR
    assert "Timeout waiting for IOPub output" in run.result.failure_message
    assert "after 4 seconds" in text(run.folder, "stderr")
    assert "after\n" not in text(run.folder, "stdout")
    result = silent.wait()
    assert result is not None
    assert result.outcome is Outcome.COMPLETE
    assert text(folder) == "ŋ\nɓ\n"


def test_a_kernel_that_is_killed_is_named_with_its_signal(runs: Runs) -> None:
    run = runs.run(notebook("print('ŋ', flush=True)", "import os; os.kill(os.getpid(), 9)"))
    assert run.result.outcome is Outcome.ERROR
    assert run.result.failure_message == "Kernel died: its process was killed by signal 9."
    assert "ŋ\n" in run.log
