"""Proves that a half which was renamed and edited on disk is found again by what it says, and that nothing is lost.

git's measure of likeness decides, over what people wrote; what is too little alike is no rename.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.notebook.pair import in_step
from tests.integration.commit.story import IN_STEP, Clone, executed, sahel_nb, set_up, sources_of
from tests.unit.notebook.shapes import simple

PAIR, RENAMED = ["a ɓ.ipynb", "a ɓ.py"], ["b ɗ.ipynb", "b ɗ.py"]
CELLS = [f"value_{number} = 'ŋ' * {number}\nprint(value_{number})" for number in range(6)]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A pair of which most is left when something was edited, and another one."""
    made = set_up(tmp_path / "o ŋ")
    made.git.write(PAIR[0], simple(*CELLS))
    made.git.write("other.ipynb", simple("import os", "somebody = 'else'"))
    made.must("add", ".")
    made.must("commit", "-qm", "Pairs")
    made.git.write(PAIR[0], executed(made.disk(PAIR[0])))
    return made


def there(clone: Clone) -> list[str]:
    return sorted(path.name for path in clone.root.iterdir() if path.suffix in (".ipynb", ".py"))


def moved(clone: Clone, *halves: int) -> None:
    for half in halves:
        (clone.root / PAIR[half]).rename(clone.root / RENAMED[half])


def is_one_pair(clone: Clone, *expected: str) -> None:
    assert there(clone) == [*RENAMED, "other.ipynb", "other.py"]
    assert sources_of(clone.disk(RENAMED[0])) == list(expected)
    assert in_step(clone.disk(RENAMED[0]), clone.disk(RENAMED[1]))
    assert sahel_nb(clone, "pair").err == IN_STEP


def test_a_mirror_that_was_renamed_and_edited_keeps_its_outputs(clone: Clone) -> None:
    moved(clone, 1)
    clone.git.write(RENAMED[1], clone.disk(RENAMED[1]) + b"\n# %%\nedited = 1\n")
    assert sahel_nb(clone, "pair").code == 0
    is_one_pair(clone, *CELLS, "edited = 1")
    assert b"computed" in clone.disk(RENAMED[0])


def test_a_notebook_that_was_renamed_and_edited_meets_the_edits_of_its_mirror(clone: Clone) -> None:
    moved(clone, 0)
    clone.git.write(RENAMED[0], executed(clone.disk(RENAMED[0]), cell_0="of_the_notebook = 1"))
    clone.git.write(PAIR[1], clone.disk(PAIR[1]) + b"\n# %%\nof_the_mirror = 1\n")
    assert sahel_nb(clone, "pair").code == 0
    is_one_pair(clone, "of_the_notebook = 1", *CELLS[1:], "of_the_mirror = 1")


def test_both_halves_renamed_and_edited_are_merged(clone: Clone) -> None:
    moved(clone, 0, 1)
    clone.git.write(RENAMED[0], executed(clone.disk(RENAMED[0]), cell_0="of_the_notebook = 1"))
    clone.git.write(RENAMED[1], clone.disk(RENAMED[1]) + b"\n# %%\nof_the_mirror = 1\n")
    assert sahel_nb(clone, "pair").code == 0
    is_one_pair(clone, "of_the_notebook = 1", *CELLS[1:], "of_the_mirror = 1")


def test_another_notebook_in_its_place_is_no_rename(clone: Clone) -> None:
    """What notebooks have in common, their JSON and the header of a mirror, makes none alike."""
    later = clone.disk(PAIR[1]) + b"\n# %%\nunsaved = 1\n"
    clone.git.write(PAIR[1], later)
    (clone.root / PAIR[0]).unlink()
    new = executed(simple("import sys", "sys.exit(1)"))
    clone.git.write(RENAMED[0], new)
    said = sahel_nb(clone, "pair")
    assert said.code == 3
    assert "was deleted, and a ɓ.py has changes that are not committed" in said.err
    assert (clone.disk(PAIR[1]), clone.disk(RENAMED[0])) == (later, new)


def test_a_text_that_is_no_mirror_takes_no_notebook_along(clone: Clone) -> None:
    (clone.root / PAIR[1]).unlink()
    plain = "\n".join(CELLS) + "\n"
    clone.git.write(RENAMED[1], plain)
    before = clone.disk(PAIR[0])
    sahel_nb(clone, "pair")
    assert clone.disk(PAIR[0]) == before
    assert clone.disk(RENAMED[1]) == plain.encode()
    assert not (clone.root / RENAMED[0]).exists()


@pytest.mark.parametrize("half", [0, 1])
def test_the_new_name_alone_as_the_framework_gives_it(clone: Clone, half: int) -> None:
    whole = clone.disk(PAIR[0])
    clone.must("mv", PAIR[half], RENAMED[half])
    (clone.root / "other.py").unlink()
    assert sahel_nb(clone, "pair", RENAMED[half]).code == 0
    assert there(clone) == [*RENAMED, "other.ipynb"]
    assert clone.disk(RENAMED[0]) == whole
    assert sahel_nb(clone, "pair").err == "other.py was brought in step\n"
    assert sahel_nb(clone, "pair", "--check").code == 0


def test_what_was_not_named_is_not_renamed(clone: Clone) -> None:
    moved(clone, 0)
    assert sahel_nb(clone, "pair", "other.ipynb").err == IN_STEP
    assert there(clone) == [PAIR[1], RENAMED[0], "other.ipynb", "other.py"]
