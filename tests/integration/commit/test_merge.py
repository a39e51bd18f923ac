"""Every way in which git brings two people's work on a pair together ends in one consistent pair."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.install.install import install
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent
from tests.integration.commit.story import Clone, sources_of
from tests.integration.commit.two_sides import BOTH, CELLS, MINE, NB, THEIRS, edit, settled, two_branches, with_pair
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


def test_a_colleague_without_sahel_nb_gets_gits_merge(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    two_branches(clone, MINE, {"cell_3": "print(b, c)"})
    plain = Git(tmp_path / "plain")
    clone.git("clone", "-q", str(clone.root), str(plain.root))
    plain.become("Colleague")
    plain("merge", "-q", "-m", "Merged", "origin/feature")
    assert sources_of((plain.root / NB).read_bytes()) == [*BOTH[:1], MINE["cell_1"], "print(a)", "print(b, c)"]
