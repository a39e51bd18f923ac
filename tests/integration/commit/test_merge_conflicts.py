"""Two people on the same lines: both halves show it, the notebook opens, and resolving one half settles the pair."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.notebook.merge_lines import has_markers
from sahel_nb.notebook.pair import in_step, mirror_of
from tests.integration.commit.story import Clone, Said, executed, sources_of
from tests.integration.commit.two_sides import (
    CELLS,
    NB,
    OURS_OR_THEIRS,
    PY,
    edit,
    opens,
    pair,
    settled,
    two_branches,
    with_pair,
)
from tests.support.git import Git


def in_conflict(tmp_path: Path) -> Clone:
    clone = with_pair(tmp_path / "r")
    two_branches(clone, *OURS_OR_THEIRS)
    said = clone.run("merge", "feature")
    assert said.code == 1
    assert f"sahel-nb: {NB}: cell 2: both sides changed the same lines" in said.err
    return clone


MARKED = "a = 1\n<<<<<<< HEAD\nb = 20\n=======\nb = 21\n>>>>>>> feature\nc = 3"


def test_a_conflict_shows_in_both_halves_and_the_notebook_opens(tmp_path: Path) -> None:
    clone = in_conflict(tmp_path)
    assert clone.status() == f'UU "{NB}"\nUU "{PY}"'.replace("ŋ", "\\305\\213")
    opens(clone.disk(NB))
    assert sources_of(clone.disk(NB)) == ["import os", MARKED, "print('ours')", "print(b)"]
    assert f"\n{MARKED}\n" in clone.disk(PY).decode()
    assert in_step(clone.disk(NB), clone.disk(PY))
    clone.must("add", ".")
    said = clone.run("commit", "--no-edit")
    assert said.code == 1
    assert f"{NB}: cell 2, line 2: SNB207" in said.err
    clone.must("merge", "--abort")
    settled(clone, "import os", OURS_OR_THEIRS[0]["cell_1"], "print('ours')", "print(b)")


def test_the_base_is_shown_to_those_who_want_it(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    clone.git("config", "merge.conflictStyle", "diff3")
    two_branches(clone, *OURS_OR_THEIRS)
    assert clone.run("merge", "feature").code == 1
    assert "b = 20\n||||||| base\nb = 2\n=======\nb = 21\n" in clone.disk(PY).decode()
    assert in_step(clone.disk(NB), clone.disk(PY))


RESOLVED = ("import os", "a = 1\nb = 41\nc = 3", "print('ours')", "print(b)")


def test_resolved_in_the_mirror(tmp_path: Path) -> None:
    clone = in_conflict(tmp_path)
    clone.git.write(PY, clone.disk(PY).decode().replace(MARKED, RESOLVED[1]))
    clone.must("add", ".")
    clone.must("commit", "-q", "--no-edit")
    settled(clone, *RESOLVED)


def test_resolved_in_the_notebook(tmp_path: Path) -> None:
    clone = in_conflict(tmp_path)
    clone.git.write(NB, executed(clone.disk(NB), cell_1=RESOLVED[1]))
    clone.must("add", ".")
    clone.must("commit", "-q", "--no-edit")
    settled(clone, *RESOLVED)


@pytest.mark.parametrize("ours", [True, False])
def test_resolved_by_taking_one_side_of_one_half(tmp_path: Path, ours: bool) -> None:
    clone = in_conflict(tmp_path)
    clone.must("checkout", "--ours" if ours else "--theirs", PY)
    clone.must("add", ".")
    clone.must("commit", "-q", "--no-edit")
    settled(clone, *(("import os", "a = 1\nb = 20\nc = 3", "print('ours')", "print(b)") if ours else
                     ("import os", "a = 1\nb = 21\nc = 3", "print(a)", "print(b)")))  # fmt: skip


def go_on(clone: Clone) -> Said:
    return clone.run("rebase", "--continue", GIT_EDITOR="true")


def test_resolved_in_a_rebase_which_commits_without_the_pre_commit_hook(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    two_branches(clone, *OURS_OR_THEIRS)
    clone.must("switch", "-q", "feature")
    edit(clone, "Another", cell_3="print(b, c)")
    assert clone.run("rebase", "main").code == 1
    clone.must("add", ".")
    said = go_on(clone)
    assert said.code == 1
    assert f"{NB}: cell 2, line 2: SNB207" in said.err
    marked = "a = 1\n<<<<<<< ours\nb = 20\n=======\nb = 21\n>>>>>>> theirs\nc = 3"
    clone.git.write(PY, clone.disk(PY).decode().replace(marked, RESOLVED[1]))
    clone.must("add", ".")
    said = go_on(clone)
    assert said.code == 1
    assert "both halves are staged now; go on\n  $ git rebase --continue\n" in said.err
    assert go_on(clone).code == 0
    settled(clone, *RESOLVED[:3], "print(b, c)")
    assert clone.git("rev-list", "--count", "main..HEAD") == "2"


@pytest.mark.parametrize(("resolved", "codes"), [("pair", [0]), ("notebook", [1, 0])])
def test_a_rebase_in_a_linked_worktree_goes_on_at_once_where_both_halves_are_right(
    tmp_path: Path, resolved: str, codes: list[int]
) -> None:
    clone = with_pair(tmp_path / "r")
    two_branches(clone, *OURS_OR_THEIRS)
    clone.must("worktree", "add", "-q", "../linked", "feature")
    linked = Clone(Git(clone.root.parent / "linked"))
    assert linked.run("rebase", "main").code == 1
    linked.git.write(NB, executed(linked.disk(NB), cell_1=RESOLVED[1]))
    if resolved == "pair":
        linked.git.write(PY, mirror_of(linked.disk(NB)))
    linked.must("add", ".")
    assert [go_on(linked).code for _ in codes] == codes
    settled(linked, *RESOLVED)


def test_merged_back_and_forth(tmp_path: Path) -> None:
    """Two merge bases, which git merges first: with a conflict in them, whose markers are longer."""
    clone = with_pair(tmp_path / "r")
    two_branches(clone, *OURS_OR_THEIRS)
    for branch, other in (("main", "feature"), ("feature", "main~1")):
        clone.must("switch", "-q", branch)
        assert clone.run("merge", "-m", "Crossed", other).code == 1
        edit(clone, f"Crossed into {branch}", *RESOLVED[:3], f"print('{branch}')")
    clone.must("switch", "-q", "main")
    said = clone.run("merge", "feature")
    assert said.code == 1
    assert said.err.count("sahel-nb:") == 1
    opens(clone.disk(NB))
    assert in_step(clone.disk(NB), clone.disk(PY))
    marked = [has_markers(source) for source in sources_of(clone.disk(NB))]
    assert marked == [False, False, False, True]


def test_deleted_here_and_changed_there(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    clone.must("switch", "-qc", "feature")
    edit(clone, "Changed", cell_1="a = 1\nb = 2\nc = 4")
    clone.must("switch", "-q", "main")
    edit(clone, "Deleted", CELLS[0], *CELLS[2:])
    assert clone.run("merge", "feature").code == 1
    expected = "<<<<<<< HEAD\n=======\na = 1\nb = 2\nc = 4\n>>>>>>> feature"
    assert sources_of(clone.disk(NB)) == [CELLS[0], expected, *CELLS[2:]]
    assert in_step(clone.disk(NB), clone.disk(PY))


def test_a_pair_that_came_up_on_both_sides(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    name = "nb/new"
    clone.must("switch", "-qc", "feature")
    clone.git.write(f"{name}.ipynb", pair("import os", "theirs()"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "Theirs")
    clone.must("switch", "-q", "main")
    clone.git.write(f"{name}.ipynb", pair("import os", "ours()"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "Ours")
    clone.run("merge", "feature")
    opens(clone.disk(f"{name}.ipynb"))
    assert in_step(clone.disk(f"{name}.ipynb"), clone.disk(f"{name}.py"))
