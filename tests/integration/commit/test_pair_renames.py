"""Proves that a pair which was renamed or removed by one half is so by both, and that nothing unsaved goes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.notebook.pair import in_step
from tests.integration.commit.story import IN_STEP, Clone, executed, sahel_nb, set_up, sources_of
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = set_up(tmp_path / "o ŋ")
    made.git.write("a ɓ.ipynb", simple("import os", "x = 'ŋ'"))
    made.must("add", ".")
    made.must("commit", "-qm", "A pair")
    made.git.write("a ɓ.ipynb", executed(made.disk("a ɓ.ipynb")))
    return made


def tracked(clone: Clone) -> list[str]:
    return clone.git("-c", "core.quotePath=false", "ls-files", "*.ipynb", "*.py").split("\n")


def there(clone: Clone) -> list[str]:
    return sorted(path.name for path in clone.root.iterdir() if path.suffix in (".ipynb", ".py"))


PAIR, RENAMED = ["a ɓ.ipynb", "a ɓ.py"], ["b ɗ.ipynb", "b ɗ.py"]


@pytest.mark.parametrize(("old", "new"), [("a ɓ.ipynb", "b ɗ.ipynb"), ("a ɓ.py", "b ɗ.py")])
def test_git_mv_of_one_half_moves_the_other(clone: Clone, old: str, new: str) -> None:
    before = [clone.disk(name) for name in PAIR]
    clone.must("mv", old, new)
    said = clone.run("commit", "-qm", "Rename")
    assert said.code == 0, said
    assert "became" in said.err
    assert tracked(clone) == there(clone) == RENAMED
    assert [clone.disk(name) for name in RENAMED] == before  # outputs included
    assert clone.git("diff", "--name-only") == ""
    assert "R100" in clone.git("show", "--name-status", "--format=", "-M")


def test_a_renamed_notebook_takes_the_edits_of_its_mirror_along(clone: Clone) -> None:
    clone.git.write("a ɓ.py", clone.disk("a ɓ.py") + b"\n# %%\nedited = 1\n")
    clone.must("add", "a ɓ.py")
    clone.must("mv", "a ɓ.ipynb", "b ɗ.ipynb")
    clone.must("commit", "-qm", "Rename and edit")
    assert tracked(clone) == there(clone) == RENAMED
    assert sources_of(clone.committed("b ɗ.ipynb"))[-1] == "edited = 1"
    assert in_step(clone.disk("b ɗ.ipynb"), clone.disk("b ɗ.py"))
    assert b"computed" in clone.disk("b ɗ.ipynb")
    assert clone.status() == ""


def test_edits_of_the_mirror_that_are_not_staged_go_along_on_disk_alone(clone: Clone) -> None:
    clone.must("mv", "a ɓ.ipynb", "b ɗ.ipynb")
    later = clone.disk("a ɓ.py") + b"\n# %%\nnot_staged = 1\n"
    clone.git.write("a ɓ.py", later)
    clone.must("commit", "-qm", "Rename")
    assert tracked(clone) == there(clone) == RENAMED
    assert clone.disk("b ɗ.py") == later
    assert b"not_staged" not in clone.committed("b ɗ.py")


def test_a_file_in_the_way_is_not_written_over(clone: Clone) -> None:
    clone.git.write("b ɗ.py", "somebody = 'else'\n")
    clone.must("mv", "a ɓ.ipynb", "b ɗ.ipynb")
    said = clone.run("commit", "-qm", "Rename")
    assert said.code != 0
    assert clone.disk("b ɗ.py") == b"somebody = 'else'\n"
    assert "a ɓ.py" in there(clone)


def test_both_halves_renamed_by_hand(clone: Clone) -> None:
    for old, new in zip(PAIR, RENAMED, strict=True):
        clone.must("mv", old, new)
    clone.git.write("b ɗ.py", clone.disk("b ɗ.py") + b"\n# %%\nedited = 1\n")
    clone.must("commit", "-qam", "Rename both, and edit one")
    assert sources_of(clone.committed("b ɗ.ipynb"))[-1] == "edited = 1"
    assert clone.status() == ""


def test_a_renamed_notebook_whose_mirror_was_removed_gets_a_new_one(clone: Clone) -> None:
    clone.must("mv", "a ɓ.ipynb", "b ɗ.ipynb")
    clone.must("rm", "-q", "a ɓ.py")
    clone.must("commit", "-qm", "Rename")
    assert tracked(clone) == there(clone) == RENAMED


def test_a_stopped_rename_goes_on(clone: Clone) -> None:
    clone.must("mv", "a ɓ.ipynb", "b ɗ.ipynb")
    later = clone.disk("a ɓ.py") + b"\n# %%\nnot_staged = 1\n"
    (clone.root / "a ɓ.py").unlink()
    clone.git.write("b ɗ.py", later)  # moved on disk, not in the index
    clone.must("commit", "-qm", "Rename")
    assert tracked(clone) == there(clone) == RENAMED
    assert clone.disk("b ɗ.py") == later


def test_git_rm_of_a_notebook_removes_its_mirror(clone: Clone) -> None:
    clone.must("rm", "-qf", "a ɓ.ipynb")
    said = clone.run("commit", "-qm", "Remove")
    assert (said.code, said.err) == (0, "sahel-nb: a ɓ.py was removed, as a ɓ.ipynb was\n")
    assert tracked(clone) == [""]
    assert there(clone) == []
    assert clone.status() == ""


def test_what_the_mirror_has_beyond_the_index_stays_on_disk(clone: Clone) -> None:
    later = clone.disk("a ɓ.py") + b"\n# %%\nunsaved = 1\n"
    clone.git.write("a ɓ.py", later)
    clone.must("rm", "-qf", "a ɓ.ipynb")
    said = clone.run("commit", "-qm", "Remove")
    assert "on disk it stays" in said.err
    assert tracked(clone) == [""]
    assert clone.disk("a ɓ.py") == later


def test_a_notebook_that_goes_while_its_mirror_was_edited_is_refused(clone: Clone) -> None:
    clone.git.write("a ɓ.py", clone.disk("a ɓ.py") + b"\n# %%\nedited = 1\n")
    clone.must("add", "a ɓ.py")
    clone.must("rm", "-qf", "a ɓ.ipynb")
    said = clone.run("commit", "-qm", "Remove")
    assert said.code != 0
    assert "git checkout HEAD -- 'a ɓ.ipynb'" in said.err
    assert tracked(clone) == ["a ɓ.py"]


def test_a_notebook_that_git_is_to_forget_keeps_its_mirror(clone: Clone) -> None:
    clone.must("rm", "-q", "--cached", "a ɓ.ipynb")
    clone.must("commit", "-qm", "Forget")
    assert tracked(clone) == ["a ɓ.py"]
    assert there(clone) == PAIR


def test_a_removed_mirror_of_a_notebook_that_stays_is_refused_with_both_ways_on(clone: Clone) -> None:
    clone.must("rm", "-q", "a ɓ.py")
    said = clone.run("commit", "-qm", "Remove the mirror")
    assert said.code != 0
    assert "git rm 'a ɓ.ipynb'" in said.err
    assert "sahel-nb pair 'a ɓ.ipynb' && git add 'a ɓ.py'" in said.err
    assert sahel_nb(clone, "pair", "a ɓ.ipynb").code == 0
    clone.must("add", "a ɓ.py")
    assert clone.git("diff", "--cached", "--name-only") == ""


def test_a_commit_of_the_removed_path_asks_for_both(clone: Clone) -> None:
    (clone.root / "a ɓ.ipynb").unlink()
    said = clone.run("commit", "-qm", "Remove", "--", "a ɓ.ipynb")
    assert said.code != 0
    assert "git add -A 'a ɓ.ipynb' 'a ɓ.py' && git commit 'a ɓ.ipynb' 'a ɓ.py'" in said.err
    clone.must("add", "-A", "a ɓ.ipynb", "a ɓ.py")
    clone.must("commit", "-qm", "Remove", "--", "a ɓ.ipynb", "a ɓ.py")
    assert clone.status() == ""


@pytest.mark.parametrize("half", [0, 1])
def test_a_half_renamed_on_disk_is_followed_by_pair(clone: Clone, half: int) -> None:
    before = [clone.disk(name) for name in PAIR]
    (clone.root / PAIR[half]).rename(clone.root / RENAMED[half])
    said = sahel_nb(clone, "pair")
    other = 1 - half
    assert (said.code, said.err) == (0, f"{PAIR[other]} was renamed to {RENAMED[other]}\n")
    assert [clone.disk(name) for name in RENAMED] == before
    assert there(clone) == RENAMED
    assert sahel_nb(clone, "pair").err == IN_STEP
    clone.must("add", "-A")
    clone.must("commit", "-qm", "Rename")
    assert tracked(clone) == RENAMED


def test_a_renamed_notebook_and_an_edited_mirror_on_disk(clone: Clone) -> None:
    (clone.root / PAIR[0]).rename(clone.root / RENAMED[0])
    clone.git.write(PAIR[1], clone.disk(PAIR[1]) + b"\n# %%\nedited = 1\n")
    assert sahel_nb(clone, "pair").code == 0
    assert there(clone) == RENAMED
    assert sources_of(clone.disk(RENAMED[0]))[-1] == "edited = 1"
    assert b"computed" in clone.disk(RENAMED[0])


def test_a_notebook_deleted_on_disk_takes_its_mirror_along(clone: Clone) -> None:
    (clone.root / PAIR[0]).unlink()
    assert sahel_nb(clone, "pair", "--check").code == 3
    said = sahel_nb(clone, "pair", "--json")
    assert '"removed": ["a ɓ.py"]' in said.out
    assert there(clone) == []
    assert sahel_nb(clone, "pair").err == IN_STEP


def test_a_mirror_with_changes_outlives_its_notebook(clone: Clone) -> None:
    (clone.root / PAIR[0]).unlink()
    later = clone.disk(PAIR[1]) + b"\n# %%\nedited = 1\n"
    clone.git.write(PAIR[1], later)
    said = sahel_nb(clone, "pair")
    assert said.code == 3
    assert "was deleted, and a ɓ.py has changes that are not committed" in said.err
    assert clone.disk(PAIR[1]) == later
    assert sahel_nb(clone, "pair", "--from", "mirror", PAIR[0]).code == 0
    assert sources_of(clone.disk(PAIR[0]))[-1] == "edited = 1"


def test_a_deleted_mirror_is_made_again_on_disk(clone: Clone) -> None:
    before = clone.disk(PAIR[1])
    (clone.root / PAIR[1]).unlink()
    assert sahel_nb(clone, "pair").code == 0
    assert clone.disk(PAIR[1]) == before
