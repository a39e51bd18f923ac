"""Every way in which git brings two people's work on a pair together ends in one consistent pair."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.install.install import install
from sahel_nb.notebook.merge import is_unresolved
from sahel_nb.notebook.pair import in_step
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent
from tests.integration.commit.story import Clone, executed, sources_of
from tests.integration.commit.two_sides import (
    BOTH,
    CELLS,
    MINE,
    NB,
    OURS_OR_THEIRS,
    THEIRS,
    edit,
    opens,
    settled,
    two_branches,
    with_pair,
)
from tests.support.git import Git, Origin


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(["merge -q feature"], id="merge"),
        pytest.param(["rebase -q feature"], id="rebase"),
        pytest.param(["switch -q feature", "rebase -q main", "switch -q main", "merge -q feature"], id="onto"),
        pytest.param(["cherry-pick feature"], id="cherry-pick"),
        pytest.param(["merge -q --squash feature", "commit -qm Squashed"], id="squash"),
        pytest.param(["merge -q --no-commit feature", "commit -qm Merged"], id="no-commit"),
        pytest.param([*("checkout -q --detach", "reset -q --soft HEAD~1", "stash", "reset -q --hard feature"),
                      *("stash pop", "commit -qam Popped")], id="stash pop"),
    ],
)  # fmt: skip
def test_both_halves_changed_on_both_sides(tmp_path: Path, steps: list[str]) -> None:
    clone = with_pair(tmp_path / "r")
    two_branches(clone, MINE, THEIRS)
    for step in steps:
        clone.must(*step.split(" "))
    settled(clone, *BOTH)


def test_revert_of_an_older_commit(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    edit(clone, "One", **MINE)
    edit(clone, "Two", **THEIRS | {"cell_1": BOTH[1]})
    clone.must("revert", "--no-edit", "HEAD~1")
    settled(clone, "import os", THEIRS["cell_1"], "print(a)", "print(b, c)")


@pytest.mark.parametrize("how", ["--no-rebase", "--rebase"])
def test_two_clones_pull(tmp_path: Path, how: str) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    awa = with_pair(tmp_path / "awa")
    awa.must("remote", "add", "origin", str(origin.path))
    awa.must("push", "-qu", "origin", "main")
    boubacar = Clone(origin.clone("boubacar"))
    install(Worktree.discover(boubacar.root), Silent())
    edit(awa, "New cells", "import os", CELLS[1], "awa()", CELLS[2], CELLS[3], "awa_at_the_end()")
    awa.must("push", "-q")
    edit(boubacar, "Moved", CELLS[3], "import os", "boubacar()", CELLS[1], CELLS[2])
    boubacar.must("pull", "-q", "--no-edit", how)
    result = sources_of(boubacar.disk(NB))
    assert sorted(result) == sorted([*CELLS, "awa()", "boubacar()", "awa_at_the_end()"])
    assert result.index("boubacar()") < result.index(CELLS[1]) < result.index("awa()") < result.index(CELLS[2])
    settled(boubacar, *result)
    boubacar.must("push", "-q")
    awa.must("pull", "-q")
    settled(awa, *result)


MOVED = "nb/moved ŋ"


def one_side_renames(clone: Clone, renamer: str, ours: dict[str, str], theirs: dict[str, str]) -> None:
    """As `two_branches`; `renamer` is the branch on which the pair gets another name before it is edited."""
    clone.must("branch", "feature")
    for branch, edits in (("feature", theirs), ("main", ours)):
        clone.must("switch", "-q", branch)
        name = MOVED if branch == renamer else NB.removesuffix(".ipynb")
        if branch == renamer:
            for suffix in (".ipynb", ".py"):
                clone.must("mv", NB.removesuffix(".ipynb") + suffix, MOVED + suffix)
        clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), **edits))
        clone.must("commit", "-qam", f"On {branch}")


@pytest.mark.parametrize("renamer", ["main", "feature"])
def test_one_side_renamed_the_pair(tmp_path: Path, renamer: str) -> None:
    clone = with_pair(tmp_path / "r")
    one_side_renames(clone, renamer, MINE, THEIRS)
    clone.must("merge", "-q", "feature")
    assert clone.status() == ""
    assert clone.git("ls-files", "nb").count("\n") == 1
    assert sources_of(clone.disk(f"{MOVED}.ipynb")) == list(BOTH)
    assert in_step(clone.committed(f"{MOVED}.ipynb"), clone.committed(f"{MOVED}.py"))


@pytest.mark.parametrize("renamer", ["main", "feature"])
def test_one_side_renamed_the_pair_and_both_changed_the_same_lines(tmp_path: Path, renamer: str) -> None:
    clone = with_pair(tmp_path / "r")
    one_side_renames(clone, renamer, *OURS_OR_THEIRS)
    assert clone.run("merge", "feature").code == 1
    whole, mirror = clone.disk(f"{MOVED}.ipynb"), clone.disk(f"{MOVED}.py")
    opens(whole)
    assert is_unresolved(whole)
    assert in_step(whole, mirror)


def test_a_colleague_without_sahel_nb_gets_gits_merge(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    two_branches(clone, MINE, {"cell_3": "print(b, c)"})
    plain = Git(tmp_path / "plain")
    clone.git("clone", "-q", str(clone.root), str(plain.root))
    plain.become("Colleague")
    plain("merge", "-q", "-m", "Merged", "origin/feature")
    assert sources_of((plain.root / NB).read_bytes()) == [*BOTH[:1], MINE["cell_1"], "print(a)", "print(b, c)"]
