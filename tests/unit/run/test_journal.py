"""The journal says of a run of this clone whether its process lives, whatever killed it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.durable import write_atomically
from sahel_nb.run.journal import Entry, Journal, Step, is_dead, sweep

HOLD = """
import sys, time
from pathlib import Path
from sahel_nb.run.journal import Entry, Journal, Step
with Journal(Path(sys.argv[1]), Entry("run-1", "n1", "awa/x", "c" * 40, "arming")) as journal:
    journal.at(Step.PUSHING)
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_live_run_is_not_dead_and_a_killed_one_is(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    assert not is_dead(tmp_path, "n1")
    assert not is_dead(tmp_path, "unknown"), "a run of another clone is never declared dead from here"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert is_dead(tmp_path, "n1")


def _killed(folder: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    child.kill()
    child.wait()
    child.stdout.close()


def test_a_copy_of_the_clone_proves_no_death(tmp_path: Path) -> None:
    folder, copy = tmp_path / "clone", tmp_path / "copy"
    _killed(folder)
    shutil.copytree(folder, copy)
    assert not is_dead(copy, "n1"), "its holder may live: the copy's lock file is another"

    shutil.rmtree(folder)
    copy.rename(folder)
    assert not is_dead(folder, "n1"), "the same path, and another file"


@pytest.mark.parametrize("part", [0, 1], ids=["another host", "another boot"])
def test_a_death_is_told_only_where_the_process_was(tmp_path: Path, part: int) -> None:
    _killed(tmp_path)
    assert is_dead(tmp_path, "n1")
    path = tmp_path / "run-1.json"
    entry = json.loads(path.read_text("utf-8"))
    words = entry["place"].split(" ")
    words[part] = "elsewhere"
    path.write_text(json.dumps({**entry, "place": " ".join(words)}), "utf-8")
    assert not is_dead(tmp_path, "n1")
    path.write_text(json.dumps({**entry, "place": ""}), "utf-8")
    assert not is_dead(tmp_path, "n1"), "written by a version that did not say where"


def test_an_ended_run_leaves_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path, Entry("run-2", "n2", "awa/x", "c" * 40, "arming")) as journal:
        journal.at(Step.FOLLOWING, version=3, url="http://x")
        assert '"version": 3' in (tmp_path / "run-2.json").read_text(encoding="utf-8")
        journal.at(Step.ENDED)
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_file_is_no_proof(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"nonce": "n3"}', encoding="utf-8")
    assert not is_dead(tmp_path, "n3")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_atomically(path, b"old")
    script = (
        "import resource, sys; from pathlib import Path; from sahel_nb.durable import write_atomically\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "write_atomically(Path(sys.argv[1]), b'x' * 1000)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=False)
    assert done.returncode == 1
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["run.json"]


def test_dead_runs_of_long_ago_are_forgotten_and_live_ones_never(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    for name in ("run-dead.json", "run-dead.lock", "run-orphan.lock"):
        (tmp_path / name).write_bytes(b'{"written by": "another version"}')
    new = tmp_path / "run-new.json"
    new.write_bytes(b"{}")
    for path in tmp_path.iterdir():
        if path != new:
            os.utime(path, (1, 1))

    sweep(tmp_path)

    child.kill()
    child.wait()
    child.stdout.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-1.json", "run-1.lock", "run-new.json"]
