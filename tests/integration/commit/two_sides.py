"""Two people on one notebook: a pair that is committed, two branches that edit it, and what must be true at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from sahel_nb.notebook.pair import in_step
from sahel_nb.notebook.strip import is_stripped
from tests.integration.commit.story import Clone, executed, set_up, sources_of
from tests.unit.notebook.edits import cell, notebook

NB, PY = "nb/fula ŋ.ipynb", "nb/fula ŋ.py"
CELLS = ("import os", "a = 1\nb = 2\nc = 3", "print(a)", "print(b)")


def pair(*sources: str) -> bytes:
    return notebook([cell("code", source.split("\n")) for source in sources])


def with_pair(root: Path) -> Clone:
    clone = set_up(root)
    clone.git.write(NB, pair(*CELLS))
    clone.must("add", ".")
    clone.must("commit", "-qm", "A pair")
    return clone


def edit(clone: Clone, message: str, *sources: str, **sources_by_cell: str) -> None:
    """Edit the notebook as Jupyter does, run it, and commit; the mirror follows."""
    data = pair(*sources) if sources else clone.disk(NB)
    clone.git.write(NB, executed(data, **sources_by_cell))
    clone.must("commit", "-qam", message)


def two_branches(clone: Clone, ours: dict[str, str], theirs: dict[str, str]) -> None:
    """`feature` and `main` each have one commit more than what they share; main is checked out."""
    clone.must("switch", "-qc", "feature")
    edit(clone, "Theirs", **theirs)
    clone.must("switch", "-q", "main")
    edit(clone, "Ours", **ours)


def settled(clone: Clone, *expected: str) -> None:
    """Nothing is left to do: the pair in HEAD and on disk says this, in both halves, and nothing shows as changed."""
    assert clone.status() == ""
    assert sources_of(clone.committed(NB)) == list(expected)
    assert sources_of(clone.disk(NB)) == list(expected)
    for commit in clone.git("rev-list", "HEAD", "--", NB).split("\n"):
        whole = clone.committed(NB, commit)
        assert is_stripped(whole)
        assert in_step(whole, clone.committed(PY, commit))
    opens(clone.disk(NB))


def opens(data: bytes) -> None:
    read: Any = nbformat.reads(data.decode(), as_version=4)
    nbformat.validate(read)


MINE = {"cell_0": "import os, sys", "cell_1": "a = 10\nb = 2\nc = 3"}
THEIRS = {"cell_1": "a = 1\nb = 2\nc = 30", "cell_3": "print(b, c)"}
BOTH = ("import os, sys", "a = 10\nb = 2\nc = 30", "print(a)", "print(b, c)")
OURS_OR_THEIRS = ({"cell_1": "a = 1\nb = 20\nc = 3", "cell_2": "print('ours')"}, {"cell_1": "a = 1\nb = 21\nc = 3"})
