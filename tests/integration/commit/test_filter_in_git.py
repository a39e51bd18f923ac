"""Proves the filter under real git: add, commit, checkout, stash, branch switch; what is no notebook is not staged."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.notebook.strip import strip
from tests.integration.commit.story import Clone, executed, set_up
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return set_up(tmp_path / "o ŋ 'q")


def test_outputs_stay_on_disk_and_out_of_git(clone: Clone) -> None:
    raw = simple("print('ŋana ɓiɗɗo ɲinaa')")
    clone.git.write("a ŋ.ipynb", raw)
    clone.must("add", ".")
    assert clone.staged("a ŋ.ipynb") == strip(raw)
    assert clone.disk("a ŋ.ipynb") == raw


def test_many_notebooks_go_through_one_process(clone: Clone) -> None:
    for index in range(40):
        clone.git.write(f"nb/{index}.ipynb", simple(f"x = {index}", "y" * (index * 4000)))
    clone.must("add", ".")
    for index in range(40):
        path = f"nb/{index}.ipynb"
        assert clone.staged(path) == strip(clone.disk(path))


@pytest.mark.parametrize("content", [b"", b"<<<<<<< ours\n{}\n=======\n{}\n>>>>>>> theirs\n", b"{}", b'{"cells": ['])
def test_what_is_no_notebook_is_named_and_not_staged(clone: Clone, content: bytes) -> None:
    clone.git.write("good.ipynb", simple("x"))
    clone.git.write("bad one.ipynb", content)
    said = clone.run("add", "bad one.ipynb")
    assert said.code != 0
    assert "bad one.ipynb: " in said.err
    assert clone.git("ls-files", "--", "*.ipynb") == ""
    assert clone.disk("bad one.ipynb") == content


def test_a_path_can_opt_out(clone: Clone) -> None:
    with (clone.root / ".gitattributes").open("a") as file:
        file.write("fixtures/*.ipynb -filter\n")
    clone.git.write("fixtures/raw.ipynb", simple("x"))
    clone.git.write("fixtures/broken.ipynb", b"{")
    clone.must("add", ".")
    assert clone.staged("fixtures/raw.ipynb") == simple("x")
    clone.must("commit", "-qm", "Fixtures")


@pytest.mark.parametrize(
    "name", ["b.ipynb", 'it\'s "one" [1]*.ipynb', "back\\slash ɲ.ipynb", "ŋ\nline.ipynb", "!#.ipynb"]
)
def test_the_command_that_is_named_lets_exactly_that_file_round_the_filter(clone: Clone, name: str) -> None:
    clone.git.write(f"nb/{name}", b"{")
    clone.git.write(f"nb/x{name}", b"{")
    command = clone.run("add", f"nb/{name}").err.partition("  $ ")[2].splitlines()[0]
    subprocess.run(["sh", "-c", command], cwd=clone.root / "nb", check=True)
    clone.must("add", f"nb/{name}")
    assert clone.run("add", f"nb/x{name}").code != 0


def test_checkout_stash_and_switch_come_through(clone: Clone) -> None:
    clone.git.write("a.ipynb", simple("x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "One", "--no-verify")
    clone.must("switch", "-qc", "other")
    clone.git.write("a.ipynb", simple("x = 2"))
    clone.must("commit", "-qam", "Two", "--no-verify")
    clone.must("switch", "-q", "main")
    assert clone.disk("a.ipynb") == simple("x = 1")
    clone.git.write("a.ipynb", simple("x = 3"))
    clone.must("stash", "-q")
    assert clone.disk("a.ipynb") == simple("x = 1")
    clone.must("stash", "pop", "-q")
    assert clone.disk("a.ipynb") == simple("x = 3")
    clone.must("checkout", "-q", "--", "a.ipynb")
    (clone.root / "a.ipynb").unlink()
    clone.must("checkout", "-q", "--", "a.ipynb")
    assert clone.status() == ""


def test_running_again_is_no_change(clone: Clone) -> None:
    clone.git.write("a.ipynb", strip(simple("x = 1")))
    clone.must("add", ".")
    clone.must("commit", "-qm", "One")
    clone.git.write("a.ipynb", executed(clone.disk("a.ipynb")))
    assert clone.git("diff", "--name-only") == ""
    said = clone.run("commit", "-am", "nothing")
    assert said.code == 1
    assert "nothing to commit" in said.out


def test_one_shot_fallbacks_do_the_same(clone: Clone) -> None:
    clone.must("config", "--unset", "filter.sahel-nb.process")
    clone.git.write("a ŋ.ipynb", simple("x"))
    clone.git.write("bad.ipynb", b"{")
    clone.must("add", "a ŋ.ipynb")
    assert clone.staged("a ŋ.ipynb") == strip(simple("x"))
    said = clone.run("add", "bad.ipynb")
    assert said.code != 0
    assert "bad.ipynb" in said.err


def test_a_filter_killed_in_the_middle_stages_nothing(clone: Clone) -> None:
    """Ours, on a pipe that breaks after 30,000 bytes of the answer: git must not stage half a notebook."""
    script = clone.root.parent / "half.py"
    script.write_text(_DIES)
    clone.must("config", "filter.sahel-nb.process", f"'{sys.executable}' '{script}'")
    clone.git.write("a.ipynb", simple("x = 1\n" * 20000))
    said = clone.run("add", "a.ipynb")
    assert said.code != 0
    assert clone.git("ls-files", "--", "*.ipynb") == ""


_DIES = """
import os, sys
from sahel_nb.hooks.filter import NotebookFilter
from sahel_nb.repo.filter_process import serve

class Dies:
    left = 30_000
    def write(self, data):
        os.write(1, data[: self.left])
        self.left -= len(data)
        if self.left <= 0:
            os._exit(9)
    def flush(self):
        pass

ours = NotebookFilter(None)
serve(sys.stdin.buffer, Dies(), ours.clean, ours.smudge, lambda path, exc: None)
"""


def _small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def test_a_full_disk_leaves_the_notebook_as_it_was(clone: Clone) -> None:
    raw = simple("x = 1\n" * 20000)
    path = clone.git.write("a.ipynb", raw)
    path.chmod(0o640)
    runner = clone.git("config", "sahel-nb.hook")
    done = subprocess.run(
        f"{runner} strip a.ipynb", shell=True, cwd=clone.root, preexec_fn=_small_files_only, capture_output=True
    )
    assert done.returncode == 3
    assert b"could not be written" in done.stderr
    assert path.read_bytes() == raw
    left = {entry.name for entry in clone.root.iterdir()}
    assert left == {".git", ".gitattributes", ".gitignore", "a.ipynb", "jupytext.toml", "sahel-nb.toml"}
    again = subprocess.run(f"{runner} strip a.ipynb", shell=True, cwd=clone.root, capture_output=True)
    assert again.returncode == 1
    assert path.read_bytes() == strip(raw)
    assert path.stat().st_mode & 0o777 == 0o640
    assert subprocess.run(f"{runner} strip a.ipynb", shell=True, cwd=clone.root).returncode == 0
