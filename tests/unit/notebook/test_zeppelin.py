"""Zeppelin's notebooks are stripped to nbstripout's bytes, or refused as it refuses them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.notebook import zeppelin
from sahel_nb.notebook.document import NotebookError
from tests.unit.notebook import reference, shapes
from tests.unit.notebook.spelling import spelt

paragraphs = st.lists(
    st.one_of(
        st.fixed_dictionaries({}, optional={"text": shapes.texts, "results": shapes.values, "config": shapes.values}),
        shapes.junk,
    ),
    max_size=4,
)
notebooks = st.one_of(
    st.fixed_dictionaries({"paragraphs": paragraphs}, optional={"name": shapes.texts, "info": shapes.values}),
    st.fixed_dictionaries({}, optional={"paragraphs": shapes.junk, "results": shapes.values}),
    shapes.junk,
)


@given(notebooks, shapes.seeds)
def test_the_bytes_are_nbstripouts(notebook: Any, seed: int) -> None:
    data = spelt(notebook, seed)
    expected = reference.stripped(data, "-m", "zeppelin")
    if expected is None:
        for refuses in (zeppelin.strip, zeppelin.has_something_to_strip):
            with pytest.raises(NotebookError):
                refuses(data)
    else:
        assert zeppelin.strip(data) == expected
        assert zeppelin.has_something_to_strip(data) == reference.changes(data, "-m", "zeppelin")


def nested(depth: int) -> bytes:
    return b'{"paragraphs": [{"results": %s}]}' % (b"[" * depth + b"]" * depth)


def test_what_is_nested_deep_is_stripped_and_what_is_nested_too_deep_is_refused() -> None:
    whole = json.dumps({"paragraphs": [{"results": {}}]}, indent=2).encode() + b"\n"
    assert zeppelin.strip(nested(400)) == whole
    assert zeppelin.has_something_to_strip(nested(400))
    for refuses in (zeppelin.strip, zeppelin.has_something_to_strip):
        with pytest.raises(NotebookError):
            refuses(nested(200_000))
