"""`sahel-nb lock list, show, log` say what is on the remote, to people and to programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.git import Git, Origin, run_git
from support.locks import KERNEL, REF, FolderKaggle, Person, over_git

METADATA = {
    "id": KERNEL,
    "title": "Fula Lid",
    "code_file": "fula-lid.py",
    "language": "python",
    "kernel_type": "script",
}


@pytest.fixture
def clone(tmp_path: Path) -> Git:
    origin = Origin.create(tmp_path / "origin.git")
    clone = origin.clone("awa")
    clone.write("notebooks/fula-lid/kernel-metadata.json", json.dumps(METADATA))
    clone.write("notebooks/fula-lid/fula-lid.py", "print('ŋ')\n")
    clone("add", ".")
    clone.commit(message="A kernel")
    clone.push()
    return clone


def sahel_nb(clone: Git, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sahel_nb.cli.main", *args],
        cwd=clone.root,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        env={**os.environ, "NO_COLOR": "1"},
    )


def person(clone: Git, tmp_path: Path) -> Person:
    return Person("Ŋana", over_git(clone.root), FolderKaggle(tmp_path / "kaggle"))


def test_a_kernel_that_was_never_locked(clone: Git) -> None:
    assert sahel_nb(clone, "lock", "list").stdout == ""
    assert "no kernel was ever locked at origin" in sahel_nb(clone, "lock", "list").stderr
    assert sahel_nb(clone, "lock", "show").stdout == f"{KERNEL}: FREE, and was never locked\n"
    assert json.loads(sahel_nb(clone, "lock", "show", "--json").stdout)["record"] is None
    assert json.loads(sahel_nb(clone, "lock", "log", "fula-lid", "--json").stdout)["records"] == []


def test_who_holds_it_and_what_happened(clone: Git, tmp_path: Path) -> None:
    nana = person(clone, tmp_path)
    nana.run()
    held = nana.client.acquire(nana.intent())
    nana.client.started(held, nana.kaggle.push(held.record.stamp), "https://kaggle.example/2")
    shown = sahel_nb(clone, "lock", "show", KERNEL).stdout
    assert "RUNNING v2  Ŋana <ŋana@example.org> on ŋana-laptop since " in shown
    assert "https://kaggle.example/2" in shown
    listed = json.loads(sahel_nb(clone, "lock", "list", "--json").stdout)
    assert listed["schema"] == "sahel-nb.lock-list/1"
    assert [(item["kernel"], item["record"]["fence"]) for item in listed["locks"]] == [(KERNEL, 2)]
    assert sahel_nb(clone, "lock", "list").stdout.startswith(f"{KERNEL}  RUNNING v2")
    log = json.loads(sahel_nb(clone, "lock", "log", "-n", "4", "--json").stdout)
    assert [record["op"] for record in log["records"]] == ["start", "arm", "finish", "start"]
    assert len(sahel_nb(clone, "lock", "log").stdout.splitlines()) == 5


def test_a_record_that_is_not_json_is_answered_with_a_command(clone: Git) -> None:
    clone("push", "-q", "origin", f"HEAD:{REF}")
    for command in (("show",), ("log",), ("log", "--verify")):
        done = sahel_nb(clone, "lock", *command)
        assert done.returncode == 3, done
        assert "the lock's record is not JSON" in done.stderr
        assert "  $ sahel-nb lock doctor\n" in done.stderr
    assert f"{KERNEL}: the lock's record is not JSON" in sahel_nb(clone, "lock", "doctor").stdout


def test_one_unreadable_lock_hides_no_other(clone: Git, tmp_path: Path) -> None:
    person(clone, tmp_path).run()
    clone("push", "-q", "origin", f"HEAD:{REF}-other")
    text = sahel_nb(clone, "lock", "list").stdout
    assert f"{KERNEL}  " in text
    assert "UNREADABLE  the lock's record is not JSON" in text
    refused = sahel_nb(clone, "lock", "show", f"{KERNEL}-other")
    assert refused.returncode == 3
    assert "not JSON" in refused.stderr


def test_a_remote_that_is_away_is_said_to_be(clone: Git) -> None:
    run_git("remote", "set-url", "origin", "/nowhere", cwd=clone.root)
    away = sahel_nb(clone, "lock", "list")
    assert (away.returncode, away.stdout) == (9, "")
    assert "could not be reached" in away.stderr
