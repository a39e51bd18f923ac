"""Proves where stripping is kinder than nbstripout: nothing is lost to chance, to a bug in it, or to a surrogate."""

from __future__ import annotations

import json

import pytest

from sahel_nb.errors import UsageError
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.strip import StripOptions, has_something_to_strip, parse_size, strip
from tests.unit.notebook.shapes import simple


def notebook(*cells: dict[str, object], minor: int = 5) -> bytes:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}).encode()


def markdown(source: str, **more: object) -> dict[str, object]:
    return {"cell_type": "markdown", "metadata": {}, "source": source, **more}


def test_keep_id_names_missing_and_doubled_ids_by_content() -> None:
    data = notebook(markdown("a"), markdown("b", id="x"), markdown("c", id="x"), markdown("d", id="0"))
    once = strip(data, StripOptions(keep_id=True))
    assert [cell["id"] for cell in json.loads(once)["cells"]] == ["0-", "x", "2", "0"]
    assert strip(data, StripOptions(keep_id=True)) == once


def test_ids_that_are_to_go_where_the_format_wants_them_are_numbers() -> None:
    data = notebook(markdown("a", id="x"), markdown("b"))
    for options in (StripOptions(extra_keys=("cell.id",)), StripOptions(extra_keys=("cell.id",), keep_id=True)):
        stripped = strip(data, options)
        assert stripped == strip(data)
        assert not has_something_to_strip(stripped, options)
    assert b'"id"' not in strip(notebook(markdown("a", id="x"), minor=4), StripOptions(extra_keys=("cell.id",)))


def test_every_tag_is_dropped() -> None:
    tagged = [markdown(tag, id=tag, metadata={"tags": [tag]}) for tag in ("one", "two", "three")]
    stripped = strip(notebook(*tagged), StripOptions(drop_tagged_cells=("one", "two")))
    assert [cell["source"] for cell in json.loads(stripped)["cells"]] == [["three"]]


def test_a_code_cell_of_nbformat_3_is_not_called_empty() -> None:
    code = {"cell_type": "code", "input": ["x = 1"], "language": "python", "metadata": {}, "outputs": []}
    data = json.dumps({"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": [code]}]})
    stripped = strip(data.encode(), StripOptions(drop_empty_cells=True))
    assert json.loads(stripped)["worksheets"][0]["cells"][0]["input"] == ["x = 1"]


def test_half_of_a_surrogate_pair_is_an_error_that_names_it() -> None:
    with pytest.raises(NotebookError, match=r"\\ud83d"):
        strip(simple("x").replace(b'"x"', b'"\\ud83d"'))


def test_west_african_letters_come_through_byte_for_byte() -> None:
    text = "ŋana ɓiɗɗo ɲinaa"
    assert text.encode() in strip(simple(f"print('{text}')"))


def test_layout_alone_is_nothing_to_strip() -> None:
    stripped = strip(simple("x"))
    assert not has_something_to_strip(json.dumps(json.loads(stripped)).encode())
    assert has_something_to_strip(simple("x"))


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("10", 10), ("10k", 10_000), ("2M", 2_000_000), ("1G", 10**9), ("-1", -1)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "K", "ten", "1T", "²"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)
