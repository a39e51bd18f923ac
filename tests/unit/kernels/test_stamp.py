"""The stamp survives what Kaggle and its client do to a source, and changes nothing else in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.errors import UsageError
from sahel_nb.kernels.stamp import Stamp, stamp_notebook, stamp_script

STAMP = Stamp("a" * 40, "20261121T091503Z-4f1c2a", "0123456789abcdef" * 2)


def notebook(*sources: str, minor: int = 5) -> dict[str, Any]:
    cells = [
        {"cell_type": "code", "execution_count": None, "id": str(n), "metadata": {}, "outputs": [], "source": source}
        for n, source in enumerate(sources)
    ]
    return {"cells": cells, "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4, "nbformat_minor": minor}


def as_kaggles_client_sends_it(data: bytes) -> str:
    """What kaggle 2.2.4 does before it pushes: sources joined, outputs dropped, JSON written anew in ASCII."""
    body = json.loads(data)
    for cell in body["cells"]:
        if isinstance(cell["source"], list):
            cell["source"] = "".join(cell["source"])
    return json.dumps(body)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_it_is_found_again_and_the_cells_before_it_are_untouched(sources: list[str]) -> None:
    original = notebook(*sources)
    stamped = stamp_notebook(json.dumps(original).encode(), STAMP)
    assert Stamp.find(as_kaggles_client_sends_it(stamped)) == STAMP
    again = json.loads(stamped)
    assert again["cells"][:-1] == original["cells"]
    assert again["cells"][-1]["cell_type"] == "markdown"
    assert {key: value for key, value in again["metadata"].items() if key != "sahel_nb"} == original["metadata"]


def test_ids_are_given_only_where_the_format_has_them() -> None:
    assert "id" in json.loads(stamp_notebook(json.dumps(notebook("1")).encode(), STAMP))["cells"][-1]
    assert "id" not in json.loads(stamp_notebook(json.dumps(notebook("1", minor=4)).encode(), STAMP))["cells"][-1]


def test_it_counts_also_when_only_the_cell_or_only_the_metadata_survives() -> None:
    body = json.loads(stamp_notebook(json.dumps(notebook("1")).encode(), STAMP))
    assert Stamp.find(json.dumps(body["metadata"])) == STAMP
    assert Stamp.find(json.dumps(body["cells"])) == STAMP


def test_a_repeated_run_finds_its_own_stamp_not_an_older_one() -> None:
    older = Stamp("b" * 40, "20251121T091503Z-000000", "f" * 32)
    assert Stamp.find(stamp_script(stamp_script(b"print(1)", older), STAMP).decode()) == STAMP


@given(st.binary(max_size=200))
def test_a_script_keeps_its_bytes(source: bytes) -> None:
    stamped = stamp_script(source, STAMP)
    assert stamped.startswith(source)
    assert stamped.endswith(b"\n")
    assert stamped[len(source) :].strip().startswith(b"#")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"cells": 3}'])
def test_what_is_no_notebook_is_said(data: bytes) -> None:
    with pytest.raises(UsageError):
        stamp_notebook(data, STAMP)
