"""Notebooks that the fuzzer, a property or a reader found to be stripped otherwise than by nbstripout."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.strip import has_something_to_strip, strip
from sahel_nb.notebook.strip_check import certainly_stripped
from sahel_nb.notebook.strip_fast import Unsure, strip_ordinary
from sahel_nb.notebook.strip_stream import StripStream
from tests.unit.notebook import reference


def jupyter(*cells: dict[str, Any], **more: Any) -> bytes:
    """As Jupyter lays it out."""
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4, **more}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()


def markdown(*lines: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, **more, "source": list(lines)}


FOUND = {
    # A backslash and an n end the line, no newline; the n of the next line made an escape of what was left of them.
    "lines that only look whole": jupyter(markdown("foo\\n", "n")),
    # nbformat cannot write it: it can be stripped, but not laid out anew to see what that changes.
    "an output without a type": jupyter(
        {"cell_type": "code", "metadata": {}, "outputs": [{"text": "x"}], "source": [], "execution_count": None}
    ),
    # The text is no list to nbformat, and none when it is written; nothing is taken out, and nothing is changed.
    "a text without lines, kept": jupyter(
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {"tags": ["keep_output"]},
            "outputs": [{"output_type": "t", "text": []}],
            "source": [],
        }
    ),
    "no version at all": jupyter().replace(b'"nbformat"', b'"format"'),
}


@pytest.mark.parametrize("data", FOUND.values(), ids=list(FOUND))
def test_is_stripped_as_nbstripout_does_it(data: bytes) -> None:
    expected = reference.stripped(data)
    assert expected is not None
    assert strip(data) == expected
    assert strip_ordinary(data) in (None, expected)
    assert has_something_to_strip(data) == reference.changes(data)


# A version that is only equal to a number: nbformat looks for its schema in a module that there is not.
REFUSED = {"true for a version": jupyter(nbformat=True)}


@pytest.mark.parametrize("data", REFUSED.values(), ids=list(REFUSED))
def test_is_refused_as_nbstripout_does_it(data: bytes) -> None:
    assert reference.stripped(data) is None
    with pytest.raises(NotebookError):
        strip(data)


@pytest.mark.parametrize(("step", "size"), [(1, 7), (7, 1), (7, 7), (64, 3)])
def test_an_output_of_empty_texts_stays_in_a_stream_of_small_pieces(step: int, size: int) -> None:
    """There is nothing in it that nbstripout would call output. Its line had not ended yet, and was taken for long."""
    known = {"cell_type": "code", "execution_count": None, "metadata": {}}
    data = jupyter({**known, "outputs": [{"output_type": ""}], "source": ["x = 1"]})
    with pytest.raises(Unsure):
        streamed(data, StripStream(step=step, most=16, small=120), size)


def streamed(data: bytes, stream: StripStream, size: int) -> bytes:
    for at in range(0, len(data), size):
        stream.feed(data[at : at + size])
    return stream.finish()


FOUND_UNCLEAN = {
    # Two backslashes between the lines: no string, no JSON. Taken out as an escaped one, they left a proper break.
    "backslashes between lines": strip(jupyter(markdown("a\n", "b"))).replace(b'\\n",\n', b'\\n",\\\\\n'),
    # The version does not stand last: keys that sort behind it may follow.
    "no ids, and a key behind the version": strip(jupyter(markdown("a"), s=4)).replace(b'minor": 4', b'minor": 5'),
}


@pytest.mark.parametrize("data", FOUND_UNCLEAN.values(), ids=list(FOUND_UNCLEAN))
def test_is_not_taken_for_stripped(data: bytes) -> None:
    assert reference.stripped(data) != data
    assert not certainly_stripped(data)
