"""A pair that a colleague renamed comes into a clone that has edits of its own, and never heard of the new name."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.install.install import install
from sahel_nb.notebook.merge import is_unresolved
from sahel_nb.notebook.pair import in_step
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent
from tests.integration.commit.story import Clone, executed, sahel_nb, sources_of
from tests.integration.commit.two_sides import BOTH, CELLS, MINE, NB, OURS_OR_THEIRS, PY, THEIRS, edit, pair, with_pair
from tests.support.git import Git, Origin

MOVED = "nb/moved ŋ"
# Each adds a cell of their own at the end: git finds a conflict in the text of the mirror, and there is none.
ADDED = ("of_awa()", "of_boubacar()")
MERGED = (*CELLS, "of_boubacar()", "of_awa()")


@pytest.fixture
def people(tmp_path: Path) -> tuple[Clone, Clone]:
    origin = Origin.create(tmp_path / "origin.git")
    awa = with_pair(tmp_path / "awa")
    awa.must("remote", "add", "origin", str(origin.path))
    awa.must("push", "-qu", "origin", "main")
    boubacar = Clone(Git(origin.clone("boubacar").root))
    install(Worktree.discover(boubacar.root), Silent())
    return awa, boubacar


def renamed_and_edited(awa: Clone, *more: str, **sources: str) -> None:
    for path in (NB, PY):
        awa.must("mv", path, MOVED + Path(path).suffix)
    awa.must("commit", "-qm", "Another name")
    whole = pair(*CELLS, *more) if more else awa.disk(f"{MOVED}.ipynb")
    awa.git.write(f"{MOVED}.ipynb", executed(whole, **sources))
    awa.must("commit", "-qam", "And edited")
    awa.must("push", "-q")


def is_known(clone: Clone) -> bool:
    return "sahel-nb-mirror" in clone.git("check-attr", "merge", "--", f"{MOVED}.py")


def ends_in_one_pair(clone: Clone, *expected: str) -> None:
    assert clone.status() == ""
    assert clone.git("-c", "core.quotePath=false", "ls-files", "nb") == f"{MOVED}.ipynb\n{MOVED}.py"
    assert sources_of(clone.committed(f"{MOVED}.ipynb")) == list(expected)
    assert in_step(clone.committed(f"{MOVED}.ipynb"), clone.committed(f"{MOVED}.py"))


@pytest.mark.parametrize("how", ["--no-rebase", "--rebase"])
def test_what_git_merges_as_text_is_the_same_pair(people: tuple[Clone, Clone], how: str) -> None:
    awa, boubacar = people
    renamed_and_edited(awa, **MINE)
    edit(boubacar, "Mine", **THEIRS)
    boubacar.must("pull", "-q", "--no-edit", how)
    ends_in_one_pair(boubacar, *BOTH)
    assert is_known(boubacar)


def test_a_conflict_that_is_in_the_text_alone(people: tuple[Clone, Clone]) -> None:
    awa, boubacar = people
    renamed_and_edited(awa, ADDED[0])
    edit(boubacar, "Mine", *CELLS, ADDED[1])
    said = boubacar.run("pull", "-q", "--no-edit", "--no-rebase")
    assert said.code == 1
    assert f"sahel-nb pair '{MOVED}.ipynb' && git add '{MOVED}.py'" in said.err
    assert sources_of(boubacar.disk(f"{MOVED}.ipynb")) == list(MERGED)
    assert is_known(boubacar)
    boubacar.must("merge", "--abort")
    boubacar.must("merge", "-q", "--no-edit", "origin/main")  # known now: the same merge, without a conflict
    ends_in_one_pair(boubacar, *MERGED)


def test_the_way_on_that_is_named(people: tuple[Clone, Clone]) -> None:
    awa, boubacar = people
    renamed_and_edited(awa, ADDED[0])
    edit(boubacar, "Mine", *CELLS, ADDED[1])
    assert boubacar.run("pull", "-q", "--no-edit", "--no-rebase").code == 1
    assert sahel_nb(boubacar, "pair", f"{MOVED}.ipynb").code == 0
    boubacar.must("add", f"{MOVED}.py")
    boubacar.must("commit", "-q", "--no-edit")
    ends_in_one_pair(boubacar, *MERGED)


def test_a_conflict_in_the_text_that_is_committed_as_it_is(people: tuple[Clone, Clone]) -> None:
    """`git commit -a` over the markers: the notebook has been merged, and its mirror follows it."""
    awa, boubacar = people
    renamed_and_edited(awa, ADDED[0])
    edit(boubacar, "Mine", *CELLS, ADDED[1])
    assert boubacar.run("pull", "-q", "--no-edit", "--no-rebase").code == 1
    boubacar.must("commit", "-qam", "Merged")
    ends_in_one_pair(boubacar, *MERGED)


def test_a_conflict_in_both_is_shown_in_both(people: tuple[Clone, Clone]) -> None:
    awa, boubacar = people
    renamed_and_edited(awa, **OURS_OR_THEIRS[0])
    edit(boubacar, "Mine", **OURS_OR_THEIRS[1])
    assert boubacar.run("pull", "-q", "--no-edit", "--no-rebase").code == 1
    assert is_unresolved(boubacar.disk(f"{MOVED}.ipynb"))
    assert b"<<<<<<<" in boubacar.disk(f"{MOVED}.py")
    boubacar.must("commit", "-qam", "Markers and all", "--no-verify")
    assert sahel_nb(boubacar, "check", "--tree", "HEAD").code == 3
