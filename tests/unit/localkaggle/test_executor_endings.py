"""However a run ends (time, cancel, kill -9 on anybody), nothing of it lives on and what it left is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import pytest

from sahel_nb.localkaggle.executor import isolation, processes
from sahel_nb.localkaggle.executor.job import Outcome
from sahel_nb.localkaggle.executor.launch import read_result
from support.jobs import Runs, eventually, processes_with, records, text

# A kernel with a child that leaves its session and its parent, as a daemon does, and tells when everybody is there.
DAEMON = """
import os, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{word}"])
        time.sleep(600)
    os._exit(0)
print("ŋ" * 50, flush=True)
time.sleep(600)
"""


@pytest.fixture(params=["", "none"], ids=["best isolation", "no isolation"])
def runs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setenv(isolation.SWITCH, request.param)
    return Runs(tmp_path)


@pytest.fixture
def word() -> str:
    return f"word-{uuid.uuid4().hex}"


def daemon(word: str) -> bytes:
    return DAEMON.replace("{word}", word).encode()


def test_the_time_limit_ends_the_whole_tree(runs: Runs, word: str) -> None:
    folder, execution = runs.start(daemon(word), "script", time_limit=2.0)
    eventually(lambda: processes_with(word))
    result = execution.wait()
    assert result is not None
    assert result.outcome is Outcome.CANCELLED
    assert result.failure_message.endswith("exceeded the max allowed execution duration.")
    assert not processes_with(word)
    assert text(folder) == "ŋ" * 50 + "\n"


def test_a_daemon_does_not_outlive_a_script_that_ends_well(runs: Runs, word: str) -> None:
    source = daemon(word).decode().replace("time.sleep(600)\n", "time.sleep(1)\n", -1).encode()
    run = runs.run(source, "script")
    assert run.result.outcome is Outcome.COMPLETE
    assert not processes_with(word)


def test_cancel_ends_the_whole_tree_and_says_so(runs: Runs, word: str) -> None:
    folder, execution = runs.start(daemon(word), "script")
    eventually(lambda: processes_with(word))
    assert execution.wait(0) is None
    execution.cancel()
    assert not processes_with(word)
    result = read_result(folder)
    assert result is not None
    assert (result.outcome, result.failure_message) == (Outcome.CANCELLED, "")
    execution.cancel()
    assert execution.wait() == result, "a second cancel changes nothing"


def test_the_supervisor_killed_by_somebody_is_an_error_with_a_reason(runs: Runs, word: str) -> None:
    folder, execution = runs.start(daemon(word), "script")
    eventually(lambda: processes_with(word) and text(folder))
    os.kill(execution.pid, signal.SIGKILL)
    result = execution.wait()
    assert result is not None
    assert result.outcome is Outcome.ERROR
    assert "killed by signal 9" in result.failure_message
    eventually(lambda: not processes_with(word))
    assert text(folder) == "ŋ" * 50 + "\n"


def test_a_service_killed_with_9_takes_its_runs_with_it(runs: Runs, word: str, tmp_path: Path) -> None:
    folder = tmp_path / "version"
    folder.mkdir()
    (tmp_path / "source.py").write_bytes(daemon(word))
    service = textwrap.dedent(
        f"""
        import pathlib, sys
        from sahel_nb.localkaggle.executor.job import Job
        from sahel_nb.localkaggle.executor.launch import launch
        source = pathlib.Path({str(tmp_path / "source.py")!r}).read_bytes()
        launch(Job(pathlib.Path({str(folder)!r}), source, "script", "python", (), {{}}, 600.0, False)).wait()
        """
    )
    with subprocess.Popen((sys.executable, "-c", service)) as parent:
        eventually(lambda: processes_with(word) and text(folder))
        parent.kill()
    eventually(lambda: not processes_with(word))
    result = eventually(lambda: read_result(folder))
    assert (result.outcome, result.failure_message) == (
        Outcome.ERROR,
        "The service stopped while this version was running.",
    )


def test_the_log_is_whole_lines_at_every_moment(runs: Runs) -> None:
    """Read while it is written, and after a kill in the middle of it."""
    folder, execution = runs.start(
        b"import time\nwhile True: print('\\u014b' * 3000, flush=True); time.sleep(0.001)", "script"
    )
    log = folder / "log.jsonl"
    eventually(lambda: log.exists() and log.stat().st_size > 200_000)
    for _ in range(20):
        so_far = log.read_bytes()
        for line in so_far[: so_far.rfind(b"\n") + 1].splitlines():
            assert json.loads(line)["data"] == "ŋ" * 3000 + "\n"
    os.kill(execution.pid, signal.SIGKILL)
    assert execution.wait() is not None
    assert log.read_bytes().endswith(b"\n")
    assert {record["data"] for record in records(folder)} == {"ŋ" * 3000 + "\n"}


def test_the_portable_way_of_finding_a_family_finds_daemons_it_has_seen(word: str) -> None:
    """What macOS gets, tried here: a process that has left its parent is killed if it was seen before."""
    code = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', {word!r}], start_new_session=True)\n"
        "print('ready', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen((sys.executable, "-c", code), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        family = processes.Family(parent.pid, processes.ps_table)
        family.look()
        assert processes_with(word)
        parent.kill()
    assert family.kill()
    deadline = time.monotonic() + 30
    while processes_with(word) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not processes_with(word)
