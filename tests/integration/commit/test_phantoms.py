"""Proves that a notebook shows as modified only where its sources are, or that one command mends it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sahel_nb.install.doctor import MEND_RAW, examine
from sahel_nb.install.install import install, uninstall
from sahel_nb.notebook.strip import strip
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Check, Silent, Verdict
from tests.integration.commit.story import Clone, executed, sahel_nb, set_up
from tests.support.git import run_git
from tests.unit.notebook.shapes import simple

NAMES = ("a ŋ.ipynb", "nb/[b].ipynb", "c.ipynb")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Executed notebooks, committed an hour ago."""
    made = set_up(tmp_path / "o ŋ")
    for name in NAMES:
        path = made.git.write(name, simple("x = 1", f"# {name}"))
        earlier = path.stat().st_mtime - 3600
        os.utime(path, (earlier, earlier))
    made.must("add", ".")
    made.must("commit", "-qm", "Notebooks", "--no-verify")
    assert made.status() == ""
    return made


def phantoms(clone: Clone) -> Check:
    worktree = Worktree.discover(clone.root)
    (row,) = (one for one in examine(worktree, worktree.config({}), {}, offline=True) if one.name == "phantoms")
    return row


def test_touched_copied_and_checked_out_again_they_are_as_they_were(clone: Clone) -> None:
    for name in NAMES:
        path = clone.root / name
        path.touch()
        assert clone.status() == ""
        path.write_bytes(path.read_bytes())
        path.chmod(0o600)
        assert clone.status() == ""
    for name in NAMES:
        (clone.root / name).unlink()
    clone.must("checkout", "--", ".")
    assert clone.status() == ""
    assert clone.disk(NAMES[0]) == simple("x = 1", f"# {NAMES[0]}")


def test_executed_again_they_are_mended_by_one_command_from_any_folder(clone: Clone) -> None:
    again = {name: executed(simple("x = 1", f"# {name}")) for name in NAMES}
    again[NAMES[2]] = executed(simple("x = 2", f"# {NAMES[2]}"))
    for name, raw in again.items():
        clone.git.write(name, raw)
    clone.git.write("new.ipynb", simple("y"))
    assert phantoms(clone).mend == "sahel-nb doctor --fix"
    assert "and 1 more" in phantoms(clone).found
    sahel_nb(clone, "doctor", "--fix", "--offline", cwd=clone.root / "nb")
    assert clone.status().split("\n") == [" M c.ipynb", "?? new.ipynb"]
    assert clone.git("diff", "--cached", "--name-only") == ""
    assert {name: clone.disk(name) for name in NAMES} == again
    assert phantoms(clone).verdict is Verdict.OK


def test_what_is_staged_stays_staged_as_it_is(clone: Clone) -> None:
    name = NAMES[0]
    clone.git.write(name, simple("x = 2"))
    clone.must("add", ".")
    clone.git.write(name, executed(simple("x = 2")))
    staged = clone.staged(name)
    sahel_nb(clone, "doctor", "--fix", "--offline")
    assert clone.status() == 'M  "a \\305\\213.ipynb"'
    assert clone.staged(name) == staged == strip(simple("x = 2"))


def test_a_pull_that_git_refuses_for_outputs_alone_goes_through_after_it(clone: Clone) -> None:
    name = NAMES[2]
    base = simple("x = 1", f"# {name}", "y")
    clone.git.write(name, base)
    clone.must("commit", "-qam", "Another cell", "--no-verify")
    theirs = clone.root.parent / "theirs"
    clone.git("clone", "-q", str(clone.root), str(theirs))
    (theirs / name).write_bytes(strip(simple("x = 1", f"# {name}", "y = 2")))
    run_git("-c", "user.name=Bob", "-c", "user.email=b@x", "commit", "-qam", "Theirs", cwd=theirs)
    clone.git.write(name, executed(base))
    assert "would be overwritten" in clone.run("pull", "--ff-only", "../theirs", "main").err
    sahel_nb(clone, "doctor", "--fix", "--offline")
    clone.must("pull", "-q", "--ff-only", "../theirs", "main")
    cells = json.loads(clone.disk(name))["cells"]
    assert ["".join(cell["source"]) for cell in cells] == ["x = 1", f"# {name}", "y = 2"]
    assert [cell["outputs"] for cell in cells[:2]] == [
        cell["outputs"] for cell in json.loads(executed(base))["cells"][:2]
    ]
    assert clone.status() == ""


def test_the_filter_goes_away_and_comes_back(clone: Clone) -> None:
    worktree = Worktree.discover(clone.root)
    uninstall(worktree, Silent())
    for name in NAMES:
        (clone.root / name).touch()
    assert len(clone.status().split("\n")) == 3  # without a filter their outputs are a change
    install(worktree, Silent())
    sahel_nb(clone, "doctor", "--fix", "--offline")
    assert clone.status() == ""
    assert phantoms(clone).verdict is Verdict.OK


def test_other_settings_of_the_filter_come_and_go(clone: Clone) -> None:
    for command in (("sahel-nb.vault.keep", "false"), ("core.autocrlf", "true"), ("core.trustctime", "true")):
        clone.git("config", *command)
        for name in NAMES:
            (clone.root / name).touch()
        assert clone.status() == ""
    install(Worktree.discover(clone.root), Silent())
    assert clone.status() == ""


def test_a_notebook_that_was_committed_with_outputs_is_named_with_what_mends_it(clone: Clone) -> None:
    clone.commit_raw("raw.ipynb", executed(simple("x = 1")))
    (clone.root / "raw.ipynb").touch()
    assert clone.status() == " M raw.ipynb"
    row = phantoms(clone)
    assert (row.verdict, row.mend) == (Verdict.WARNING, MEND_RAW)
    assert row.found.startswith("raw.ipynb: ")
    clone.must("add", "--renormalize", "*.ipynb")
    clone.must("commit", "-qm", "Strip notebooks", "--no-verify")
    assert clone.status() == ""
    assert phantoms(clone).verdict is Verdict.OK
