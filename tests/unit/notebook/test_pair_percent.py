"""Proves that the fast way from a notebook to its mirror and back gives what jupytext gives."""

from __future__ import annotations

import warnings
from typing import Any

import jupytext
import nbformat
from hypothesis import event, given, settings

from sahel_nb.notebook import percent
from sahel_nb.notebook.strip_fast import Unsure
from tests.unit.notebook.paired import notebooks

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
