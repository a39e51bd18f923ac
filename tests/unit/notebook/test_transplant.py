"""Proves that outputs move to the version that is checked out, that git never sees it, and that nothing can raise."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.strip import strip
from sahel_nb.notebook.transplant import transplant
from tests.unit.notebook.shapes import layouts, notebooks, simple, texts, v3_notebooks, written

Notebook = dict[str, Any]


def ran(*sources: str, mark: str = "") -> bytes:
    """Executed: every cell has an output that names it and the run."""
    notebook = json.loads(simple(*sources, outputs=False))
    for index, cell in enumerate(notebook["cells"]):
        cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": [f"{mark}{index}\n"]}]
    return _bytes(notebook)


def said(notebook: bytes | None) -> list[str]:
    assert notebook is not None
    return ["".join(text for out in cell["outputs"] for text in out["text"]) for cell in json.loads(notebook)["cells"]]


def _bytes(notebook: Notebook) -> bytes:
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def test_untouched_cells_keep_what_they_had_and_the_others_get_nothing() -> None:
    assert said(transplant(strip(simple("new", "b", "c2", "a")), [ran("a", "b", "c")])) == ["", "1\n", "", "0\n"]


def test_the_same_notebook_gets_its_own_bytes_back() -> None:
    known = ran("a", "b = 'ŋ ɓ ɗ ɲ'", "c")
    assert transplant(strip(known), [known]) == known


def test_equal_cells_are_told_apart_by_their_order() -> None:
    known = ran("plot()", "x = 1", "plot()", "x = 2", "plot()")
    assert said(transplant(strip(simple("plot()", "x = 2", "plot()")), [known])) == ["0\n", "3\n", "4\n"]
    assert said(transplant(strip(simple("x = 2", "plot()", "x = 1", "plot()")), [known])) == [
        "3\n",
        "0\n",
        "1\n",
        "4\n",
    ]


def test_the_newest_that_has_a_cell_gives_it_and_older_ones_the_rest() -> None:
    newest, older = ran("a", "b", mark="new "), ran("b", "c", "a", mark="old ")
    assert said(transplant(strip(simple("c", "a", "b", "d")), [newest, older])) == ["old 1\n", "new 0\n", "new 1\n", ""]


def test_a_version_that_cannot_be_read_keeps_no_other_from_giving() -> None:
    assert said(transplant(strip(simple("a", "b")), [b'{"a": ', b"a\xff", ran("a"), ran("b")])) == ["0\n", "0\n"]


def test_notebooks_that_share_too_little_give_nothing() -> None:
    stripped = strip(simple("a", "b", "c", "d"))
    assert transplant(stripped, [ran("a", "x", "y", "z")], akin=0.5) is None
    assert said(transplant(stripped, [ran("a", "x", "y", "z"), ran("b", "a"), ran("c", "a", "b")], akin=0.5)) == [
        "1\n",
        "2\n",
        "0\n",
        "",
    ]


@pytest.mark.parametrize("source", ["'ŋ'\nx", "'</b>'\n\"q\" & \\\\", "\t", "x = 1  # plain\n'ɗ'"])
def test_an_older_version_is_found_however_its_json_is_spelt(source: str) -> None:
    older = json.dumps(json.loads(ran(source)), ensure_ascii=True, separators=(",", ":")).encode()
    assert said(transplant(strip(simple("a", source)), [ran("a"), older])) == ["0\n", "0\n"]


def test_a_cell_that_was_cleared_last_stays_so() -> None:
    assert said(transplant(strip(simple("a", "b")), [simple("a", outputs=False), ran("a", "b")])) == ["", "1\n"]


def test_metadata_that_stripping_takes_comes_along_and_other_metadata_is_as_git_has_it() -> None:
    known = json.loads(ran("a", "b"))
    known["metadata"] |= {"widgets": {"state": 1}, "signature": "sha256:old", "mine": 1}
    known["cells"][0]["metadata"] = {"scrolled": True, "ExecuteTime": {"end": 1}, "tags": ["old"], "trusted": True}
    theirs = json.loads(simple("a", "c"))
    theirs["cells"][0]["metadata"] = {"tags": ["new"]}
    result = json.loads(transplant(strip(_bytes(theirs)), [_bytes(known)]) or b"")
    assert result["cells"][0]["metadata"] == {"scrolled": True, "ExecuteTime": {"end": 1}, "tags": ["new"]}
    assert result["cells"][0]["execution_count"] == 1
    assert sorted(result["metadata"]) == ["kernelspec", "widgets"]


def test_outputs_that_git_keeps_stay_as_git_has_them() -> None:
    kept = json.loads(ran("a", "b"))
    kept["cells"][0]["metadata"]["keep_output"] = True
    known = json.loads(ran("a", "b", mark="mine "))
    result = transplant(strip(_bytes(kept)), [_bytes(known)])
    assert said(result) == ["0\n", "mine 1\n"]


def test_ids_stay_those_that_the_editor_knows_and_stay_different() -> None:
    known = json.loads(ran("a", "b", "c"))
    for cell, name in zip(known["cells"], ("0", "2", "2"), strict=True):
        cell["id"] = name
    result = json.loads(transplant(strip(simple("new", "a", "newer", "b", "c")), [_bytes(known)]) or b"")
    assert [cell["id"] for cell in result["cells"]] == ["0-", "0", "2-", "2", "4"]


def test_half_a_surrogate_pair_in_an_output_comes_along() -> None:
    known = ran("a", "b").replace(b'"0\\n"', b'"\\ud83d"')
    result = transplant(strip(known), [known])
    assert result == known
    assert b"\\ud83d" in known


def test_nothing_to_carry_is_none() -> None:
    stripped = strip(simple("a", "b"))
    assert transplant(stripped, []) is None
    assert transplant(stripped, [stripped]) is None
    assert transplant(stripped, [ran("c", "d")]) is None


def test_what_git_would_see_is_none() -> None:
    raw = ran("a", "b")  # committed with outputs: whatever is put into it, it does not clean to itself
    assert transplant(raw, [ran("a", "b", mark="mine ")]) is None
    assert transplant(strip(raw), [raw], clean=lambda data: data) is None


def test_thousands_of_equal_cells_take_their_turn() -> None:
    many = [""] * 3000
    known = ran("a", *many, "b", *many)
    result = said(transplant(strip(simple(*many, "b", "c", *many)), [known]))
    assert result[3000:3002] == ["3001\n", ""]
    assert all(result[index] for index in range(6001) if index != 3001)


edits = st.lists(
    st.one_of(
        st.tuples(st.just("drop"), st.integers(0, 9)),
        st.tuples(st.just("swap"), st.integers(0, 9)),
        st.tuples(st.just("edit"), st.integers(0, 9)),
        st.tuples(st.just("copy"), st.integers(0, 9)),
    ),
    max_size=4,
)


def _edited(notebook: Notebook, made: list[tuple[str, int]]) -> Notebook:
    changed: Notebook = json.loads(json.dumps(notebook))
    cells = changed["cells"]
    for kind, number in made if cells else ():
        at = number % len(cells)
        if kind == "drop" and len(cells) > 1:
            del cells[at]
        elif kind == "swap":
            cells[at], cells[0] = cells[0], cells[at]
        elif kind == "copy":
            cells.insert(at, json.loads(json.dumps(cells[at])))
        else:
            cells[at]["source"] = f"edited {number}"
    return changed


@settings(max_examples=150)
@given(notebooks, layouts, edits)
def test_whatever_is_carried_git_sees_nothing_of_it(
    notebook: Notebook, layout: dict[str, Any], made: list[tuple[str, int]]
) -> None:
    known = written(notebook, layout)
    try:
        stripped = strip(written(_edited(notebook, made), layout))
    except NotebookError:
        return
    result = transplant(stripped, [known])
    assert result is None or strip(result) == stripped


@st.composite
def executed_notebooks(draw: st.DrawFn) -> Notebook:
    """As Jupyter writes them; sources repeat, and every output is another one."""
    sources = draw(st.lists(st.sampled_from(["", "plot()", "x = 1", "print('ŋ')\nx", "y"]), max_size=9))
    notebook: Notebook = json.loads(ran(*sources))
    for index, cell in enumerate(notebook["cells"]):
        if draw(st.integers(0, 3)) == 0:
            notebook["cells"][index] = {key: cell[key] for key in ("id", "metadata", "source")} | {
                "cell_type": draw(st.sampled_from(["markdown", "raw"]))
            }
    return notebook


@settings(max_examples=200)
@given(executed_notebooks(), edits)
def test_no_output_of_an_untouched_cell_is_lost(notebook: Notebook, made: list[tuple[str, int]]) -> None:
    changed = _edited(notebook, made)
    stripped = strip(_bytes(changed))
    result = transplant(stripped, [_bytes(notebook)]) or stripped
    assert strip(result) == stripped
    have, wanted = _computed(notebook), Counter(_source(cell) for cell in changed["cells"] if "outputs" in cell)
    found = _computed(json.loads(result))
    for source, outputs in have.items():
        # All of them, or as many as the new version has cells for; and none of them twice.
        assert len(found[source]) == min(len(outputs), wanted[source])
        assert not found[source] - outputs


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _computed(notebook: Notebook) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for cell in notebook["cells"]:
        if cell.get("outputs"):
            found[_source(cell)].add(cell["outputs"][0]["text"][0])
    return found


@settings(max_examples=50)
@given(
    st.one_of(notebooks, v3_notebooks, st.just([]), st.just({"nbformat": 4, "metadata": {}, "cells": [3]})),
    st.one_of(notebooks, v3_notebooks, st.just({"nbformat": 4}), texts),
)
def test_it_never_raises(notebook: Any, other: Any) -> None:
    layout = {"indent": 1, "ensure_ascii": True}
    for stripped in (written(notebook, layout), b"", b"\xff", b"[" * 5000):
        for known in (written(other, layout), b"", b"\xff{", b"[" * 5000):
            result = transplant(stripped, [known])
            assert result is None or strip(result) == stripped
