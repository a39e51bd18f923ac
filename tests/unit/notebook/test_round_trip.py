"""A notebook to Kaggle and back: nothing but what a person edited is a difference."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.kernels.stamp import Stamp, stamp_notebook, stamp_script
from sahel_nb.notebook.cell_diff import cell_diff
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.round_trip import notebook_home, script_home, sources
from sahel_nb.notebook.strip import is_stripped, strip

STAMP = Stamp("0" * 40, "20261121T091503Z-4f1c2a", "a" * 32)
TEXT = st.text(alphabet="ab ŋɓ\n#'\"=(), ", max_size=40)
CELLS = st.lists(st.tuples(st.sampled_from(["code", "markdown"]), TEXT), max_size=6)


def notebook(cells: list[tuple[str, str]], minor: int = 5) -> bytes:
    made: list[dict[str, Any]] = []
    for index, (kind, source) in enumerate(cells):
        cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source.splitlines(True)}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        if minor >= 5:
            cell["id"] = f"c{index}"
        made.append(cell)
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    body = {"cells": made, "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": minor}
    return strip(json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n")


def as_kaggle_has_it(pushed: bytes) -> bytes:
    """Run, and saved in Kaggle's editor: outputs, counts, its own metadata, other ids."""
    value = json.loads(stamp_notebook(pushed, STAMP))
    value["metadata"] |= {"kaggle": {"accelerator": "gpu"}, "language_info": {"name": "python", "version": "3.11.13"}}
    for index, cell in enumerate(value["cells"]):
        cell["metadata"] |= {"trusted": True, "execution": {"iopub.status.busy": "2026"}, "_uuid": f"u{index}"}
        if "id" in cell:
            cell["id"] = f"kaggle{index}"
        if cell["cell_type"] == "code":
            cell |= {
                "execution_count": index + 1,
                "outputs": [{"output_type": "stream", "name": "stdout", "text": "ŋ"}],
            }
    return json.dumps(value).encode()


@given(CELLS, st.sampled_from([4, 5]))
def test_a_round_trip_changes_nothing(cells: list[tuple[str, str]], minor: int) -> None:
    pushed = notebook(cells, minor)
    home = notebook_home(as_kaggle_has_it(pushed), pushed)
    assert json.loads(home) == json.loads(pushed)
    assert cell_diff(sources(pushed), sources(home)) == ()


@given(CELLS, CELLS)
def test_an_edit_is_all_that_comes_home(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    pushed, edited = notebook(before), notebook(after)
    home = notebook_home(as_kaggle_has_it(edited), pushed)
    assert sources(home) == sources(edited)
    assert is_stripped(home)
    ids = [cell["id"] for cell in json.loads(home)["cells"]]
    assert len(set(ids)) == len(ids)


@given(CELLS, CELLS)
def test_no_difference_is_hidden_and_none_is_made_up(
    before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    assert (cell_diff(before, after) == ()) == (before == after)


def test_a_difference_reads_like_one() -> None:
    before = [("code", "x = 1\ny = 2"), ("markdown", "# title"), ("code", "print(x)")]
    after = [("code", "x = 1\ny = 3"), ("code", "print(x)"), ("markdown", "ŋana")]
    assert cell_diff(before, after) == (
        "@@ cell 1, code @@",
        " x = 1",
        "-y = 2",
        "+y = 3",
        "@@ cell 2, markdown: deleted @@",
        "-# title",
        "@@ cell 3, markdown: new @@",
        "+ŋana",
    )


def test_what_was_typed_under_the_stamp_comes_home() -> None:
    pushed = notebook([("code", "x = 1")])
    value = json.loads(stamp_notebook(pushed, STAMP))
    value["cells"][-1]["source"] += "\n\nLook at the loss ɓ."
    home = notebook_home(json.dumps(value).encode(), pushed)
    assert sources(home) == [("code", "x = 1"), ("markdown", "Look at the loss ɓ.")]


def test_a_script_loses_its_stamp_and_nothing_else() -> None:
    text = "print('ŋ')\n".encode()
    assert script_home(stamp_script(text, STAMP).replace(b"\n", b"\r\n")) == text


def test_a_notebook_of_an_old_format_comes_home_with_all_of_its_cells() -> None:
    pushed = notebook([("code", "x = 1"), ("markdown", "## ŋana")])
    old = {
        "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""},
        "worksheets": [{"metadata": {}, "cells": [
            {"cell_type": "code", "language": "python", "input": ["x = 2"], "outputs": [], "metadata": {}},
            {"cell_type": "heading", "level": 2, "source": ["ŋana"], "metadata": {}},
        ]}],
    }  # fmt: skip
    home = notebook_home(json.dumps(old).encode(), pushed)
    assert sources(home) == [("code", "x = 2"), ("markdown", "## ŋana")]
    assert is_stripped(home)


@pytest.mark.parametrize("worksheets", [None, [], [{"cells": 3}], 7])
def test_an_old_format_without_cells_that_can_be_read_is_refused(worksheets: object) -> None:
    pushed = notebook([("code", "x = 1")])
    old = json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": worksheets}).encode()
    with pytest.raises(NotebookError):
        notebook_home(old, pushed)
