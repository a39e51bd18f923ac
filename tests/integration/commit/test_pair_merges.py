"""Proves that halves which were both edited are merged, on disk and in a commit; a conflict touches nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from sahel_nb.hooks.forms import Forms
from sahel_nb.hooks.pair import pair
from sahel_nb.hooks.staged import Repository
from sahel_nb.notebook.pair import in_step, mirror_of
from sahel_nb.notebook.strip import is_stripped
from sahel_nb.repo.worktree import Worktree
from tests.integration.commit.story import IN_STEP, Clone, executed, kernel, sahel_nb, set_up, sources_of
from tests.support.git import Git
from tests.unit.notebook.edits import branches, cells_of, lines_of, notebook
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return set_up(tmp_path / "o ŋ")


@pytest.fixture
def name(clone: Clone) -> str:
    return kernel(clone)


def edit_both(clone: Clone, name: str) -> tuple[bytes, bytes]:
    """The notebook's second cell, and a new cell at the end of the mirror."""
    halves = (
        executed(clone.disk(f"{name}.ipynb"), cell_1="of_the_notebook = 'ŋ'"),
        clone.disk(f"{name}.py") + "\n# %%\nof_the_mirror = 'ɓ'\n".encode(),
    )
    for suffix, half in zip((".ipynb", ".py"), halves, strict=True):
        clone.git.write(name + suffix, half)
    return halves


def assert_merged(clone: Clone, name: str) -> None:
    found = sources_of(clone.disk(f"{name}.ipynb"))
    assert found[1] == "of_the_notebook = 'ŋ'"
    assert found[-1] == "of_the_mirror = 'ɓ'"
    assert b"computed" in clone.disk(f"{name}.ipynb")
    assert in_step(clone.disk(f"{name}.ipynb"), clone.disk(f"{name}.py"))


def test_on_disk(clone: Clone, name: str) -> None:
    edit_both(clone, name)
    said = sahel_nb(clone, "pair")
    assert (said.code, said.err) == (0, f"{name}.ipynb and {name}.py were merged by cell\n")
    assert_merged(clone, name)
    assert sahel_nb(clone, "pair", "--check").code == 0
    assert sahel_nb(clone, "pair").err == IN_STEP


def test_check_writes_nothing(clone: Clone, name: str) -> None:
    halves = edit_both(clone, name)
    assert sahel_nb(clone, "pair", "--check").code == 3
    assert (clone.disk(f"{name}.ipynb"), clone.disk(f"{name}.py")) == halves


def test_in_a_commit(clone: Clone, name: str) -> None:
    edit_both(clone, name)
    said = clone.run("commit", "-qam", "Both")
    assert (said.code, said.err) == (0, f"sahel-nb: {name}.ipynb and {name}.py were merged by cell\n")
    assert_merged(clone, name)
    assert in_step(clone.committed(f"{name}.ipynb"), clone.committed(f"{name}.py"))
    assert is_stripped(clone.committed(f"{name}.ipynb"))
    assert clone.status() == ""


def test_work_that_is_not_staged_is_not_merged(clone: Clone, name: str) -> None:
    edit_both(clone, name)
    clone.must("add", "-u")
    later = clone.disk(f"{name}.py") + b"\n# %%\nnot_staged = 1\n"
    clone.git.write(f"{name}.py", later)
    staged = clone.staged(f"{name}.py")
    said = clone.run("commit", "-qm", "Both")
    assert said.code != 0
    assert "not staged" in said.err
    assert (clone.disk(f"{name}.py"), clone.staged(f"{name}.py")) == (later, staged)


def test_a_merge_that_was_stopped_between_the_halves_goes_on(clone: Clone, name: str) -> None:
    _, mirror = edit_both(clone, name)
    clone.must("add", "-u")
    assert sahel_nb(clone, "pair").code == 0
    clone.git.write(f"{name}.py", mirror)  # the notebook is written first
    clone.must("commit", "-qm", "Both")
    assert_merged(clone, name)
    assert clone.status() == ""
    assert in_step(clone.committed(f"{name}.ipynb"), clone.committed(f"{name}.py"))


def test_a_commit_of_some_paths_asks_for_both(clone: Clone, name: str) -> None:
    edit_both(clone, name)
    said = clone.run("commit", "-qm", "Both", "--", f"{name}.ipynb", f"{name}.py")
    assert said.code != 0
    assert f"git commit {name}.ipynb {name}.py" in said.err
    assert_merged(clone, name)
    clone.must("commit", "-qm", "Both", "--", f"{name}.ipynb", f"{name}.py")
    assert clone.status() == ""


def test_a_half_in_which_a_conflict_was_resolved_leads_on_disk_too(clone: Clone) -> None:
    clone.git.write("a.ipynb", simple("import os", "x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "A")
    markers = "<<<<<<< ours\nx = 2\n=======\nx = 3\n>>>>>>> theirs"
    marked = executed(clone.disk("a.ipynb"), cell_1=markers)
    clone.git.write("a.ipynb", marked)
    clone.git.write("a.py", mirror_of(executed(marked, cell_1="x = 23")))
    assert sahel_nb(clone, "pair").code == 0
    assert sources_of(clone.disk("a.ipynb")) == ["import os", "x = 23"]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(branches(unique=True))
def test_random_work_merges_or_both_files_stay_as_they_are(
    tmp_path: Path, sides: tuple[list[dict[str, Any]], ...]
) -> None:
    base, ours, theirs = sides
    shutil.rmtree(tmp_path / "r", ignore_errors=True)
    git = Git.init(tmp_path / "r")
    before = (notebook(base), mirror_of(notebook(base)))
    halves = (executed(notebook(ours)), mirror_of(notebook(theirs)))
    for content in (before, halves):
        git.write("a.ipynb", content[0])
        git.write("a.py", content[1])
        if content is before:
            git.commit("a.ipynb", "a.py")
    found = pair(Repository(Worktree.discover(git.root)), Forms("py:percent"))
    now = ((git.root / "a.ipynb").read_bytes(), (git.root / "a.py").read_bytes())
    if any(one.problem for one in found):
        assert now == halves
        return
    assert in_step(*now)
    json.loads(now[0])
    result, was = lines_of(cells_of(now[0])), lines_of(base)
    assert lines_of(ours) - (was - lines_of(theirs)) <= result
    assert lines_of(theirs) - (was - lines_of(ours)) <= result
