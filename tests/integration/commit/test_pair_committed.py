"""A pair that was committed out of step, past the hooks: what is said of it leads somewhere."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from sahel_nb.notebook.pair import in_step
from sahel_nb.notebook.strip import strip
from tests.integration.commit.story import Clone, sahel_nb, set_up
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = set_up(tmp_path / "lab")
    made.git.write("a ŋ.ipynb", simple("x = 1"))
    made.must("add", ".")
    made.must("commit", "-qm", "A pair")
    return made


def test_what_is_out_of_step_in_git_itself_is_for_a_person_to_decide(clone: Clone) -> None:
    clone.git.write("a ŋ.ipynb", simple("x = 2"))
    clone.must("commit", "-qam", "Past the hooks", "--no-verify")
    assert sahel_nb(clone, "pair").code == 0, "nothing has changed since HEAD"
    said = sahel_nb(clone, "pair", "--check")
    assert said.code == 3
    assert "git has both halves as they are: which one is right?" in said.err
    (hint,) = (line.partition("$ ")[2] for line in said.err.splitlines() if "$ " in line)
    assert shlex.split(hint, comments=True) == ["sahel-nb", "pair", "--from", "notebook", "a ŋ.ipynb"]
    assert sahel_nb(clone, *shlex.split(hint, comments=True)[1:]).code == 0
    assert in_step(clone.disk("a ŋ.ipynb"), clone.disk("a ŋ.py"))
    assert sahel_nb(clone, "pair", "--check").code == 0
    found = sahel_nb(clone, "check", "--tree", "HEAD")
    assert found.code == 3
    assert "sahel-nb pair --from notebook (or mirror) and --amend" in found.out


def test_what_only_waits_for_pair_is_told_from_it(clone: Clone) -> None:
    clone.git.write("a ŋ.ipynb", simple("x = 3"))
    said = sahel_nb(clone, "pair", "--check")
    assert said.code == 3
    assert "$ sahel-nb pair\n" in said.err


def test_an_ordinary_module_beside_a_notebook_is_no_mirror_that_is_out_of_step(clone: Clone) -> None:
    clone.git.write("b.py", "import os\n")
    clone.must("add", ".")
    clone.must("commit", "-qm", "A module")
    clone.commit_raw("b.ipynb", strip(simple("y = 1")))
    assert subprocess.run(["git", "diff", "--quiet"], cwd=clone.root, check=False).returncode == 0
    said = sahel_nb(clone, "pair", "--check")
    assert said.code == 0, said
