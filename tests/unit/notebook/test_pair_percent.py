"""Proves that the fast way from a notebook to its mirror and back gives what jupytext gives.

Of versions of jupytext that it does not know by heart it is not asked: there pair.py asks jupytext itself.
"""

from __future__ import annotations

import json
import warnings
from typing import Any

import jupytext
import nbformat
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from sahel_nb.notebook import by_jupytext as jupytext_itself
from sahel_nb.notebook import combine, percent, percent_read
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.form import Form
from sahel_nb.notebook.jupytext_version import is_known_by_heart
from sahel_nb.notebook.pair import PYTHON_KERNEL, mirror_of_stripped
from sahel_nb.notebook.strip_fast import Unsure
from tests.unit.notebook.paired import lines, mirrors, notebooks

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
        percent.write(notebook)
    except Unsure:
        event("left to jupytext")
        return
    event("written here")
    assert mirror_of_stripped(notebook).decode() == (by_jupytext(notebook) or b"").decode()


def test_a_notebook_of_another_version_is_left_to_jupytext() -> None:
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": ["x"]}
    ordinary = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    assert percent.write(json.dumps(ordinary).encode()) == by_jupytext(json.dumps(ordinary).encode())
    for other in ({**ordinary, "nbformat": 3}, {"cells": [cell], "metadata": {}}):
        with pytest.raises(Unsure):
            percent.write(json.dumps(other).encode())


@pytest.mark.parametrize("line", ["", "#   kaggle: 1", "#   papermill:", "# title: t", "x = 1", "#     a: [1"])
def test_what_stands_behind_the_kernel_in_the_header_is_left_to_jupytext(line: str) -> None:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": [], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
    mirror = percent.write(json.dumps(whole).encode())
    assert percent_read.read(mirror) == ({"kernelspec": kernel}, [])
    with pytest.raises(Unsure):
        percent_read.read(mirror.replace(b"#     name: python3\n", f"#     name: python3\n{line}\n".encode()))


@settings(max_examples=400, deadline=None)
@given(mirrors | st.builds(by_jupytext, notebooks).filter(bool))
def test_the_cells_are_jupytexts(mirror: bytes) -> None:
    try:
        metadata, cells = percent_read.read(mirror)
    except Unsure:
        event("left to jupytext")
        return
    if not is_known_by_heart(jupytext.__version__):
        metadata, cells = jupytext_itself.read(mirror, Form())
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


def executed(notebook: bytes) -> bytes:
    """As Jupyter would write it after a run."""
    document = json.loads(notebook)
    for at, cell in enumerate(document["cells"]):
        if "id" in cell:
            cell["id"] = f"cell-{at}"
        if cell["cell_type"] == "code" and at % 3 < 2:
            cell["execution_count"] = at
            cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["ŋ\n", f"{at}\n"]}]
            cell["metadata"]["execution"] = {"iopub.status.busy": "now"}
        if at % 4 == 3:
            cell["metadata"]["collapsed"] = True
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


@st.composite
def edited(draw: st.DrawFn) -> tuple[bytes, bytes | None]:
    """A mirror, and the notebook that it was written from before somebody edited it."""
    notebook = draw(notebooks)
    try:
        mirror = percent.write(notebook)
    except Unsure:
        return draw(mirrors), draw(st.none() | st.just(executed(notebook)))
    parts = mirror.decode().split("\n# %%")
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(1, len(parts)))
        what = draw(st.sampled_from(["new", "again", "gone", "line", "moved"]))
        if what == "new" or at == len(parts):
            parts.insert(at, draw(st.sampled_from(["\n", " [markdown]\n# ", ' tags=["a"]\n'])) + draw(lines) + "\n")
        elif what == "again":
            parts.insert(at, parts[at])
        elif what == "gone":
            del parts[at]
        elif what == "line":
            parts[at] = parts[at].rstrip("\n") + "\n" + draw(lines) + "\n"
        else:
            parts.append(parts.pop(at))
    return "\n# %%".join(parts).encode(), executed(notebook)


@settings(max_examples=300, deadline=None)
@given(edited())
def test_the_notebook_is_jupytexts(pair: tuple[bytes, bytes | None]) -> None:
    mirror, base = pair
    try:
        metadata, cells = percent_read.read(mirror)
        if base is None:
            made = combine.compose({"kernelspec": PYTHON_KERNEL, **metadata}, cells)
        else:
            made = combine.combine(metadata, cells, base)
    except Unsure:
        event("left to jupytext")
        return
    expected = jupytext.reads(mirror.decode(), fmt="py:percent").cells
    assume([cell["source"] for cell in cells] == [cell.source for cell in expected])  # see the test above
    event("made here")
    try:
        theirs = jupytext_itself.notebook(mirror, base, Form(), PYTHON_KERNEL)
    except NotebookError as exc:
        raise AssertionError(exc.message) from exc
    # What jupytext would rewrite beside the edited lines, `notebook_from` keeps: test_pair_untouched.py.
    assert made.decode() == theirs.decode()


LAYOUTS: list[dict[str, Any]] = [
    {"indent": 2},
    {"indent": 4, "sort_keys": True},
    {"indent": "\t"},
    {"separators": (",", ":")},
    {"separators": (", ", ": "), "sort_keys": True},
]


@settings(max_examples=120, deadline=None)
@given(edited(), st.sampled_from(LAYOUTS), st.booleans())
def test_a_notebook_keeps_its_layout(pair: tuple[bytes, bytes | None], layout: dict[str, Any], newline: bool) -> None:
    mirror, base = pair
    assume(base is not None)
    assert base is not None
    try:
        metadata, cells = percent_read.read(mirror)
        expected = json.loads(combine.combine(metadata, cells, base))
    except Unsure:
        event("left to jupytext")
        return
    event("made here")
    other = json.dumps(json.loads(base), ensure_ascii=False, **layout) + "\n" * newline
    made = combine.combine(metadata, cells, other.encode())
    assert json.loads(made) == expected
    assert made.decode() == json.dumps(json.loads(made), ensure_ascii=False, **{**layout, "sort_keys": False}) + "\n"


@pytest.mark.parametrize(
    "text", ['{ "cells": []}', '{\n\n "cells": []\n}', '{"cells": [],"metadata": {}}', "[]", "{}", ""]
)
def test_a_layout_that_nobody_writes_is_left_to_jupytext(text: str) -> None:
    with pytest.raises(Unsure):
        combine.combine({}, [], text.encode())
