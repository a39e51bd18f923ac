"""A notebook and its mirror, merged one by one as git does it, are a pair again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.merge import Labels, is_unresolved, merge
from sahel_nb.notebook.merge_mirror import is_unresolved_mirror, merge_mirrors
from sahel_nb.notebook.pair import in_step, mirror_of, notebook_from
from tests.unit.notebook.edits import branches, cell, notebook


@settings(max_examples=60)
@given(branches(unique=False))
def test_the_halves_of_a_pair_come_out_alike(sides: tuple[list[dict[str, Any]], ...]) -> None:
    base, ours, theirs = map(notebook, sides)
    whole = merge(base, ours, theirs)
    mirror = merge_mirrors(mirror_of(base), mirror_of(ours), mirror_of(theirs), ours)
    assert in_step(whole.content, mirror.content)
    assert bool(whole.conflicts) == bool(mirror.conflicts)


def code(*sources: str) -> bytes:
    return notebook([cell("code", source.split("\n")) for source in sources])


def test_a_conflict_stands_in_both_halves() -> None:
    base, ours, theirs = (
        notebook([cell("code", ["import os"]), cell("markdown", ["# Title", f"by {name}"])])
        for name in ("nobody", "Awa", "Boubacar")
    )
    labels = Labels("HEAD", "feature")
    mirror = merge_mirrors(mirror_of(base), mirror_of(ours), mirror_of(theirs), ours, labels=labels)
    whole = merge(base, ours, theirs, labels)
    assert mirror.content == mirror_of(whole.content)
    assert b"# <<<<<<< HEAD\n# by Awa\n# =======\n# by Boubacar\n# >>>>>>> feature\n" in mirror.content
    assert is_unresolved_mirror(mirror.content)
    assert is_unresolved(whole.content)
    resolved = mirror.content.replace(b"# <<<<<<< HEAD\n# by Awa\n# =======\n", b"").replace(
        b"# >>>>>>> feature\n", b""
    )
    assert notebook_from(resolved, whole.content) == theirs
    assert not is_unresolved_mirror(resolved)
    assert not is_unresolved(theirs)


def test_a_mirror_that_came_up_on_both_sides() -> None:
    ours, theirs = code("import os", "x"), code("import os", "y")
    done = merge_mirrors(None, mirror_of(ours), mirror_of(theirs), None)
    assert in_step(merge(None, ours, theirs).content, done.content)


def test_one_side_alone_keeps_its_layout() -> None:
    base = mirror_of(code("a", "b"))
    theirs = base.replace(b"a\n\n", b"a\n\n\n\n") + b"\n\n"
    assert merge_mirrors(base, base, theirs, None).content == theirs
    assert merge_mirrors(base, theirs, base, None).content == theirs


def test_the_notebook_says_how_its_mirror_is_written() -> None:
    options = {"jupytext": {"notebook_metadata_filter": "kaggle"}, "kaggle": {"gpu": True}}
    base, ours, theirs = (
        notebook([cell("code", [one])], **options) for one in ("a = 1\nb\nc", "a = 2\nb\nc", "a = 1\nb\nd")
    )
    done = merge_mirrors(mirror_of(base), mirror_of(ours), mirror_of(theirs), base)
    assert b"kaggle:" in done.content
    assert done.content == mirror_of(merge(base, ours, theirs).content)


@pytest.mark.parametrize("text", [b"import os\n", b"x = 1\n# ---\n"])
def test_an_ordinary_module_is_no_mirror(text: bytes) -> None:
    mirror = mirror_of(code("a"))
    with pytest.raises(NotebookError):
        merge_mirrors(mirror, text, mirror + b"\n# %%\nx\n", None)
