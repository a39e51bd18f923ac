"""The Python of a clone, or the product itself, was moved or removed: git names the file, the filter the command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.install.install import Settings, _guarded
from tests.integration.commit.story import Clone, Said, sahel_nb, set_up
from tests.unit.notebook.shapes import simple

MEND = "  $ sahel-nb install   # in this clone, with the environment active that has sahel-nb\n"


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    clone = set_up(tmp_path / "o")
    clone.git.write("a.ipynb", simple("x = 1"))
    clone.must("add", "-A")
    clone.must("commit", "-qm", "One")
    clone.must("branch", "other")
    clone.git.write("a.ipynb", simple("x = 2"))
    clone.must("commit", "-qam", "Two")
    return clone


def moved(clone: Clone, tmp_path: Path, what: str) -> str:
    """As after `mv` of the environment, or of the product, whose paths the clone's configuration has.

    git looks into a file again that is as new as its index: this one is older.
    """
    os.utime(clone.root / "a.ipynb", (1_000_000_000, 1_000_000_000))
    clone.must("update-index", "--refresh")
    there = tmp_path / "env ŋ %s 'q'"
    (there / "bin").mkdir(parents=True)
    python, launch = there / "bin/python", there / "launch.py"
    python.symlink_to(sys.executable)
    own = Settings.mine().runner.rpartition(" ")[2]
    launch.write_text(f"import runpy\nrunpy.run_path({own!r}, run_name='__main__')\n")
    settings = Settings(_guarded(str(python), str(launch)))
    from sahel_nb.install import drivers

    for key, value in (settings.entries() | drivers.entries(settings.runner)).items():
        clone.must("config", key, value)
    gone = {"python": python, "launch": launch}[what]
    gone.unlink()
    if what == "python":
        gone.symlink_to(there / "removed")  # as where the Python that a venv was made of went
    return str(gone)


@pytest.mark.parametrize("what", ["python", "launch"])
def test_each_command_of_git_says_what_to_type(clone: Clone, tmp_path: Path, what: str) -> None:
    gone = moved(clone, tmp_path, what)
    line = f"sahel-nb: {gone} is gone, with which this clone was set up\n{MEND}"

    assert clone.run("status", "--porcelain").code == 0  # nothing was touched, nothing is asked
    clone.git.write("a.ipynb", simple("x = 3"))
    for command in (["status"], ["diff"], ["add", "a.ipynb"], ["checkout", "-f", "other"], ["commit", "-am", "x"]):
        said = clone.run(*command)
        assert line in said.err, (command, said)
        assert "hung up" not in said.err
        assert command[0] == "commit" or "a.ipynb" in said.err
        assert command[0] != "add" or "clean filter 'sahel-nb' failed" in said.err

    assert sahel_nb(clone, "doctor").code != 0
    assert sahel_nb(clone, "install").code == 0
    clone.must("checkout", "-qf", "main")
    clone.git.write("a.ipynb", simple("x = 4"))
    clone.must("commit", "-qam", "Four")


def test_a_hook_and_a_merge_say_it_too(clone: Clone, tmp_path: Path) -> None:
    clone.must("checkout", "-q", "other")
    clone.git.write("a.ipynb", simple("x = 1", "y = 1"))
    clone.must("commit", "-qam", "Three")
    gone = moved(clone, tmp_path, "launch")
    clone.git.write("note.txt")
    clone.must("add", "note.txt")
    said = clone.run("commit", "-qm", "Note")
    assert said.code != 0
    assert f"{gone} is gone" in said.err
    clone.must("commit", "-qnm", "Note")
    assert MEND in clone.run("merge", "main").err


def test_a_clone_as_an_earlier_version_set_it_up(clone: Clone) -> None:
    plain = Settings.mine().runner.rpartition(" && ")[2]
    for verb, rest in (("process", "filter"), ("clean", "clean %f"), ("smudge", "smudge %f")):
        clone.must("config", f"filter.sahel-nb.{verb}", f"{plain} {rest}")
    clone.must("config", "sahel-nb.hook", plain)
    clone.git.write("a.ipynb", simple("x = 5"))
    clone.must("commit", "-qam", "Five")
    assert b"x = 5" in clone.committed("a.ipynb")


def test_a_whole_environment_that_was_moved(clone: Clone, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    own = Settings.mine().runner.rpartition(" ")[2]
    runner = _guarded(str(tmp_path / "env/bin/python"), own)
    clone.must("config", "filter.sahel-nb.process", Settings(runner).entries()["filter.sahel-nb.process"])
    clone.git.write("a.ipynb", simple("x = 6"))
    clone.must("add", "a.ipynb")
    shutil.move(tmp_path / "env", tmp_path / "elsewhere")
    clone.git.write("a.ipynb", simple("x = 7"))
    said: Said = clone.run("add", "a.ipynb")
    assert (said.code, "env/bin/python is gone" in said.err) == (128, True)
