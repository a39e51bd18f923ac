"""Proves that the fast way from a notebook to its mirror and back gives what jupytext gives."""

from __future__ import annotations

import warnings
from typing import Any

import jupytext
import nbformat
from hypothesis import event, given, settings
from hypothesis import strategies as st

from sahel_nb.notebook import percent, percent_read
from sahel_nb.notebook.strip_fast import Unsure
from tests.unit.notebook.paired import mirrors, notebooks

HIDDEN = "-jupytext.text_representation.jupytext_version,-jupytext.notebook_metadata_filter"


def by_jupytext(notebook: bytes) -> bytes | None:
    """Plain jupytext, told only to leave its version out; None where it refuses the notebook."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document: Any = nbformat.reads(notebook.decode(), as_version=4)
        own = document.metadata.setdefault("jupytext", {})
        own["notebook_metadata_filter"] = ",".join(filter(None, (own.get("notebook_metadata_filter"), HIDDEN)))
        try:
            return str(jupytext.writes(document, fmt="py:percent")).encode()
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


@settings(max_examples=250, deadline=None)
@given(notebooks)
def test_the_mirror_is_jupytexts(notebook: bytes) -> None:
    try:
        made = percent.write(notebook)
    except Unsure:
        event("left to jupytext")
        return
    event("written here")
    assert made.decode() == (by_jupytext(notebook) or b"").decode()


@settings(max_examples=400, deadline=None)
@given(mirrors | st.builds(by_jupytext, notebooks).filter(bool))
def test_the_cells_are_jupytexts(mirror: bytes) -> None:
    try:
        metadata, cells = percent_read.read(mirror)
    except Unsure:
        event("left to jupytext")
        return
    event("read here")
    expected = jupytext.reads(mirror.decode(), fmt="py:percent")
    assert len(cells) == len(expected.cells)
    for cell, theirs in zip(cells, expected.cells, strict=True):
        assert (cell["cell_type"], cell["metadata"]) == (theirs.cell_type, theirs.metadata)
        if cell["cell_type"] == "code":
            assert cell["source"] == theirs.source
        elif cell["source"] != theirs.source:
            # `# Why?` in Markdown: ours is what the mirror says, less one comment sign for each line.
            commented = "".join(f"# {line}\n" if line else "#\n" for line in cell["source"].split("\n"))
            assert commented in mirror.decode() + "\n"
    assert metadata.get("kernelspec") == expected.metadata.get("kernelspec")
