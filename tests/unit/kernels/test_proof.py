"""Kaggle's copy against git's source: what its way does to the bytes is no difference, an edit of one letter is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sahel_nb.kernels.proof import Copy, compare
from sahel_nb.kernels.stamp import Stamp, stamp_notebook, stamp_script
from sahel_nb.notebook.round_trip import script_home

STAMP = Stamp("c" * 40, "20261121T091503Z-4f1c2a", "d" * 32)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
cells = st.lists(st.tuples(st.sampled_from(["code", "markdown", "raw"]), texts), max_size=5)


def notebook(items: list[tuple[str, str]]) -> bytes:
    body = [
        {"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)}
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        for kind, text in items
    ]
    return json.dumps({"cells": body, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


def by_the_client(stamped: bytes) -> str:
    """What Kaggle's client sends of a notebook, and the service gives back."""
    value: dict[str, Any] = json.loads(stamped)
    for cell in value["cells"]:
        cell["source"] = "".join(cell["source"])
    value["metadata"]["kernelspec"] = {"name": "python3"}
    return json.dumps(value)


@given(cells)
def test_a_notebook_that_went_to_kaggle_and_back_is_the_same(items: list[tuple[str, str]]) -> None:
    code = notebook(items)
    copy = by_the_client(stamp_notebook(code, STAMP))
    assert compare(copy, code, notebook=True, nonce=STAMP.nonce).copy is Copy.SAME


@given(cells, cells)
def test_a_notebook_with_other_cells_differs(items: list[tuple[str, str]], others: list[tuple[str, str]]) -> None:
    assume([(kind, _plain(text)) for kind, text in items] != [(kind, _plain(text)) for kind, text in others])
    copy = by_the_client(stamp_notebook(notebook(others), STAMP))
    found = compare(copy, notebook(items), notebook=True, nonce=STAMP.nonce)
    assert found.copy is Copy.DIFFERS
    assert "cccccccccccc" in found.why


@given(texts)
def test_a_script_is_the_same_whatever_became_of_its_line_ends(text: str) -> None:
    copy = stamp_script(text.encode(), STAMP).decode().replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    assert compare(copy, text.encode(), notebook=False, nonce=STAMP.nonce).copy is Copy.SAME


@pytest.mark.parametrize("where", ["# before\n{}", "{}# after\n", "{}\nprint(2)\n"])
def test_a_script_with_a_line_more_differs(where: str) -> None:
    copy = where.format(stamp_script(b"print(1)\n", STAMP).decode())
    assert compare(copy, b"print(1)\n", notebook=False, nonce=STAMP.nonce).copy is Copy.DIFFERS


def test_the_copy_of_another_attempt_differs_even_with_the_same_source() -> None:
    other = Stamp(STAMP.commit, STAMP.run_id, "e" * 32)
    copy = stamp_script(b"print(1)\n", other).decode()
    for source, why in ((copy, "another attempt"), ("print(1)\n", "no stamp")):
        found = compare(source, b"print(1)\n", notebook=False, nonce=STAMP.nonce)
        assert found.copy is Copy.DIFFERS
        assert why in found.why


def test_what_is_no_notebook_any_more_differs() -> None:
    copy = f"<html>{STAMP.text()}"
    assert compare(copy, notebook([]), notebook=True, nonce=STAMP.nonce).copy is Copy.DIFFERS


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def test_a_report_in_r_markdown_is_stamped_by_a_comment_that_is_no_heading() -> None:
    text = b"---\ntitle: x\n---\n\n```{r}\nprint(1)\n```\n"
    stamped = stamp_script(text, STAMP, markdown=True)
    assert stamped.splitlines()[-1] == f"<!-- {STAMP.text()} -->".encode()
    assert compare(stamped.decode(), text, notebook=False, nonce=STAMP.nonce).copy is Copy.SAME
    assert script_home(stamped) == text
