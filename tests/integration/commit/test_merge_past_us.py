"""Ways in which git merges and rebases past drivers, filter and hooks: what they leave is caught when it is pushed.

`git merge -s resolve` and `git rebase --apply` merge notebooks as text and call nobody. Their result may happen to be a
pair, and may be anything else; the push tells the one from the other.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.errors import SahelError
from sahel_nb.notebook.pair import in_step
from sahel_nb.notebook.strip import is_stripped
from tests.integration.commit.pushing import pushed
from tests.integration.commit.story import Clone, sahel_nb, sources_of
from tests.integration.commit.two_sides import CELLS, NB, PY, edit, with_pair

WAYS = {
    "merge": ("merge", "-q", "-s", "resolve", "-m", "Merged", "feature"),
    "rebase": ("rebase", "-q", "--apply", "feature"),
}
# Ours and theirs, as cells.
ONE_CELL_EACH = (("import sys", *CELLS[1:]), (*CELLS[:3], "print(c)"))
NEW_CELLS = (("new()", *CELLS), (*CELLS, "last()"))


def two_sides(tmp_path: Path, sides: tuple[tuple[str, ...], ...]) -> Clone:
    clone = with_pair(tmp_path / "r")
    clone.must("tag", "base")
    clone.must("switch", "-qc", "feature")
    edit(clone, "Theirs", *sides[1])
    clone.must("switch", "-q", "main")
    edit(clone, "Ours", *sides[0])
    clone.must("tag", "before")
    return clone


def is_pair(clone: Clone, commit: str) -> bool:
    whole = clone.committed(NB, commit)
    try:
        return is_stripped(whole) and in_step(whole, clone.committed(PY, commit))
    except SahelError:
        return False


def test_a_patch_that_is_no_pair_is_not_pushed(tmp_path: Path) -> None:
    clone = two_sides(tmp_path, NEW_CELLS)
    clone.must(*WAYS["rebase"])
    assert not is_pair(clone, "HEAD")
    base = clone.git("rev-parse", "base")
    said = pushed(clone, "HEAD", base=base)
    assert said.code != 0
    assert NB in said.err
    assert sahel_nb(clone, "check", "--range", "base..HEAD").code == 3
    # The same again, through us.
    clone.must("reset", "-q", "--hard", "before")
    clone.must("rebase", "-q", "feature")
    assert is_pair(clone, "HEAD")
    assert sources_of(clone.committed(NB)) == ["new()", *CELLS, "last()"]
    assert pushed(clone, "HEAD", base=base).code == 0


@pytest.mark.parametrize("way", WAYS)
def test_what_happens_to_be_a_pair_is(tmp_path: Path, way: str) -> None:
    clone = two_sides(tmp_path, ONE_CELL_EACH)
    clone.must(*WAYS[way])
    assert is_pair(clone, "HEAD")
    assert pushed(clone, "HEAD", base=clone.git("rev-parse", "base")).code == 0
    assert sources_of(clone.committed(NB)) == ["import sys", *CELLS[1:3], "print(c)"]


def test_a_conflict_in_json_that_somebody_committed(tmp_path: Path) -> None:
    clone = two_sides(tmp_path, (("ours()", *CELLS[1:]), ("theirs()", *CELLS[1:])))
    assert clone.run(*WAYS["merge"]).code != 0
    said = clone.run("commit", "-qam", "Markers and all")
    assert said.code != 0
    assert "contains git conflict markers" in said.err
    plain = [word for key in ("process=", "clean=cat", "required=false") for word in ("-c", f"filter.sahel-nb.{key}")]
    clone.must(*plain, "commit", "-qam", "Past everybody", "--no-verify")
    assert b"<<<<<<<" in clone.committed(NB)
    said = pushed(clone, "HEAD", base=clone.git("rev-parse", "base"))
    assert said.code != 0
    assert "SNB101" in said.err
