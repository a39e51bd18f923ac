"""Proves that git's own merge of whatever two people did to many pairs ends in pairs: valid, in step, no cell lost."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sahel_nb.install.install import install
from sahel_nb.notebook.merge import is_unresolved
from sahel_nb.notebook.merge_mirror import is_unresolved_mirror
from sahel_nb.notebook.pair import in_step, mirror_of
from sahel_nb.notebook.strip import is_stripped
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent
from tests.integration.commit.story import Clone, set_up
from tests.integration.commit.two_sides import opens
from tests.unit.notebook.edits import branches, cells_of, lines_of, notebook

PAIRS = 10
MARKERS = ("<<<<<<< ", "=======", ">>>>>>> ")


def write(clone: Clone, sides: list[list[dict[str, Any]]], message: str) -> None:
    for number, cells in enumerate(sides):
        made = notebook(cells)
        clone.git.write(f"nb/ŋ{number}.ipynb", made)
        clone.git.write(f"nb/ŋ{number}.py", mirror_of(made))
    clone.must("add", ".")
    clone.must("commit", "-q", "--allow-empty", "-m", message, "--no-verify")


def unmerged(clone: Clone) -> set[str]:
    listed = clone.git("ls-files", "-z", "--unmerged").split("\0")
    return {entry.partition("\t")[2] for entry in listed if entry}


def resolved(mirror: str) -> str:
    """Both sides are kept; only the lines of the markers go, also those that stand in comments."""
    return "\n".join(line for line in mirror.split("\n") if not line.removeprefix("# ").startswith(MARKERS))


def lines_that_stay(sides: tuple[list[dict[str, Any]], ...]) -> set[str]:
    before, mine, others = map(lines_of, sides)
    return (mine - (before - others)) | (others - (before - mine))


@settings(max_examples=3, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.data())
def test_many_pairs_edited_on_both_sides(data: st.DataObject) -> None:
    drawn = [data.draw(branches(unique=True)) for _ in range(PAIRS)]
    with tempfile.TemporaryDirectory() as folder:
        clone = set_up(Path(folder) / "r")
        write(clone, [base for base, _, _ in drawn], "Base")
        install(Worktree.discover(clone.root), Silent())  # these mirrors came without the hooks
        clone.must("switch", "-qc", "feature")
        write(clone, [theirs for _, _, theirs in drawn], "Theirs")
        clone.must("switch", "-q", "main")
        write(clone, [ours for _, ours, _ in drawn], "Ours")
        said = clone.run("merge", "-q", "-m", "Merged", "feature")
        conflicts = unmerged(clone)
        assert said.code == (1 if conflicts else 0), said
        print(f"{PAIRS} pairs merged, {len(conflicts) // 2} of them in conflict")
        for number, sides in enumerate(drawn):
            name = f"nb/ŋ{number}"
            whole, mirror = clone.disk(f"{name}.ipynb"), clone.disk(f"{name}.py")
            opens(whole)
            assert is_stripped(whole)
            assert in_step(whole, mirror)
            assert lines_that_stay(sides) <= lines_of(cells_of(whole))
            marked = is_unresolved(whole), is_unresolved_mirror(mirror)
            assert marked == ((f"{name}.ipynb" in conflicts), (f"{name}.py" in conflicts)), said
            assert marked[0] == marked[1]
            if marked[0]:
                clone.git.write(f"{name}.py", resolved(mirror.decode()))
        if conflicts:
            clone.must("add", ".")
            clone.must("commit", "-q", "--no-edit")
        assert clone.status() == ""
        for number, sides in enumerate(drawn):
            whole, mirror = clone.committed(f"nb/ŋ{number}.ipynb"), clone.committed(f"nb/ŋ{number}.py")
            opens(whole)
            assert in_step(whole, mirror)
            assert not is_unresolved(whole)
            assert lines_that_stay(sides) <= lines_of(cells_of(whole))
