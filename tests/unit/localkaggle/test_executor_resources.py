"""What a run may use of this machine: it is ended beyond that, and says why."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest

from sahel_nb.localkaggle.executor import isolation
from sahel_nb.localkaggle.executor.job import Outcome
from sahel_nb.localkaggle.executor.resources import GIB, Disk, Resources
from support.jobs import Run, Runs, processes_with, text

MIB = 1024**2
FORKS = """
import subprocess, sys
for _ in range(10_000):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "fork-bomb-%s"])
"""
THREADS = "import threading, time\nfor _ in range(10_000): threading.Thread(target=time.sleep, args=(600,)).start()"
HOG = "kept = []\nwhile True: kept.append(bytearray(10 * 1024**2))"
SHARED = """
import time
kept = bytearray(160 * 1024**2)
kept[::4096] = b"x" * len(kept[::4096])
open("/dev/shm/written", "wb").write(bytes(110 * 1024**2))
time.sleep(600)
"""
FILL = """
import time
for number in range(10_000):
    open(f"%s{number}", "wb").write(bytes(1024**2))
    time.sleep(0.001)
"""
MANY = "for number in range(1_000_000): open(f'{number}', 'w').close()"


BOMB = """
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(1)
"""


def ended(run: Run, what: str) -> None:
    said = f"It used more than {what}, and was ended."
    assert run.result.outcome is Outcome.ERROR
    assert run.result.failure_message.endswith(said)
    assert f"sahel-nb: {said}\n" in text(run.folder, "stderr")


@pytest.mark.parametrize("switch", ["", "none"])
@pytest.mark.parametrize("source", [FORKS, THREADS], ids=["forks", "threads"])
def test_more_processes_than_it_may_have(
    tmp_path: Path, source: str, switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(isolation.SWITCH, switch)
    word = uuid.uuid4().hex
    source = source % word if "%s" in source else source
    run = Runs(tmp_path).run(source.encode(), "script", resources=Resources(memory=4 * GIB, processes=60))
    ended(run, "the 60 processes and threads that a run may have")
    assert processes_with(f"fork-bomb-{word}") == []


def test_a_fork_bomb_is_held_by_the_system_until_it_is_ended(tmp_path: Path) -> None:
    """It doubles faster than anybody looks; its namespace has no more numbers to give."""
    if not isolation.probe().namespaces:
        assert isolation.probe().missing
        return
    run = Runs(tmp_path).run(BOMB.encode(), "script", resources=Resources(memory=4 * GIB, processes=100))
    ended(run, "the 100 processes and threads that a run may have")


@pytest.mark.parametrize("switch", ["", "none"])
def test_more_memory_than_it_may_have(tmp_path: Path, switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(isolation.SWITCH, switch)
    run = Runs(tmp_path).run(HOG.encode(), "script", resources=Resources(memory=256 * MIB))
    ended(run, "the 0.25 GB of memory that a run may have")
    assert run.result.failure_message.startswith("Your script tried to allocate more memory than is available.")


def test_memory_that_no_process_has_mapped_counts_too(tmp_path: Path) -> None:
    if not isolation.probe().namespaces:
        assert isolation.probe().missing
        return
    run = Runs(tmp_path).run(SHARED.encode(), "script", resources=Resources(memory=256 * MIB))
    ended(run, "the 0.25 GB of memory that a run may have")


def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    source = """
import multiprocessing, time
kept = bytearray(100 * 1024**2)
kept[::4096] = b"x" * len(kept[::4096])
workers = [multiprocessing.get_context("fork").Process(target=time.sleep, args=(1.5,)) for _ in range(8)]
for worker in workers: worker.start()
for worker in workers: worker.join()
"""
    run = Runs(tmp_path).run(source.encode(), "script", resources=Resources(memory=800 * MIB))
    assert run.result.outcome is Outcome.COMPLETE, run.log


@pytest.mark.parametrize("switch", ["", "none"])
@pytest.mark.parametrize(
    ("where", "what"),
    [("", "the 0.0391 GB that /kaggle/working may hold"), ("/tmp/", "the 0.117 GB that a run may write")],
)
def test_more_disk_than_it_may_fill(
    tmp_path: Path, where: str, what: str, switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(isolation.SWITCH, switch)
    if where and not isolation.probe().namespaces:
        where = str(tmp_path / "job-1/scratch/tmp") + "/"
    run = Runs(tmp_path).run((FILL % where).encode(), "script", resources=Resources(memory=4 * GIB, disk=40 * MIB))
    ended(run, what)


def test_more_files_than_it_may_make(tmp_path: Path) -> None:
    run = Runs(tmp_path).run(MANY.encode(), "script", resources=Resources(memory=4 * GIB, files=1000))
    ended(run, "the 1000 files that a run may make")


def test_one_file_beyond_all_limits_is_refused_by_the_system(tmp_path: Path) -> None:
    source = "import os\ntry: os.posix_fallocate(os.open('big', os.O_CREAT | os.O_RDWR), 0, 200 * 1024**2)\n"
    source += "except OSError as exc: print(exc.strerror)"
    run = Runs(tmp_path).run(source.encode(), "script", resources=Resources(memory=4 * GIB, disk=40 * MIB))
    assert run.log == "File too large\n"


def test_a_notebook_of_an_ordinary_size_is_left_alone(tmp_path: Path) -> None:
    run = Runs(tmp_path).run(b"import time; time.sleep(1); open('x', 'wb').write(bytes(10 * 1024**2))", "script")
    assert run.result.outcome is Outcome.COMPLETE


def test_the_defaults_are_kaggles_where_the_machine_has_as_much() -> None:
    resources = Resources.of_this_machine()
    assert 0 < resources.memory <= 30 * GIB
    assert (resources.disk, resources.everywhere) == (20 * GIB, 60 * GIB)


def test_folders_that_change_while_they_are_measured_are_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "working" / "deep").mkdir(parents=True)
    (tmp_path / "working" / "loop").symlink_to(tmp_path / "working")
    (tmp_path / "working" / "closed").mkdir(mode=0)
    disk = Disk(tmp_path / "working", (tmp_path / "gone",), Resources(memory=GIB))
    until = time.monotonic() + 1.2
    while time.monotonic() < until:
        assert disk.exceeded() == ""
    assert (tmp_path / "working" / "closed").stat().st_mode & 0o777 == 0, "nothing is changed while it runs"
