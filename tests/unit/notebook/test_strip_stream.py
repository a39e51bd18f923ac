"""The stream strips what strip.py strips, to the same bytes, or says that it is unsure; however it is fed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.strip import strip
from sahel_nb.notebook.strip_fast import MARK, Unsure
from sahel_nb.notebook.strip_stream import StripStream
from tests.unit.notebook import shapes

TINY = [(1, 40, 8), (64, 300, 32), (500, 2_000, 100), (1 << 17, 1 << 18, 1 << 12)]
"""Limits (step, most, small) under which ordinary notebooks are large ones."""


def streamed(pieces: Iterable[bytes], limits: tuple[int, int, int] = TINY[0]) -> bytes | None:
    """The stripped notebook; None for "unsure"."""
    stream = StripStream(*limits)
    try:
        for piece in pieces:
            stream.feed(piece)
        return stream.finish()
    except Unsure:
        return None


def in_pieces(data: bytes, seed: int) -> Iterable[bytes]:
    rng = random.Random(seed)
    at = 0
    while at < len(data):
        size = rng.choice((1, 7, 100, 1000, 65516))
        yield data[at : at + size]
        at += size


def told(data: bytes) -> bytes | None:
    try:
        return strip(data)
    except NotebookError:
        return None


def as_jupyter(notebook: Any) -> bytes:
    return (json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode("utf-8", "surrogatepass")


def long_outputs(seed: int) -> dict[str, Any]:
    """A notebook whose cells have printed, drawn and tabulated much, in one of many orders."""
    rng = random.Random(seed)
    words = ("ŋana", "ɓiɗɗo", 'say "hi"', "back\\slash", "\x1b[31mred\x1b[0m", "tab\t", "𝄞 \ud83d", "<b>", "n\\n")

    def text(most: int) -> str:
        return " ".join(rng.choice(words) for _ in range(rng.randrange(most))) + rng.choice(("", "\n"))

    def made() -> Any:
        return rng.choice(
            (
                lambda: {
                    "name": "stdout",
                    "output_type": "stream",
                    "text": [text(9) for _ in range(rng.randrange(60))],
                },
                lambda: {"name": "stderr", "output_type": "stream", "text": text(300)},
                lambda: _shown({"image/png": "iVBORw0KGgo" * rng.randrange(99) + "\n", "text/plain": ["<Figure>"]}),
                lambda: _shown(
                    {"application/json": [[rng.random() for _ in range(9)] for _ in range(rng.randrange(9))]}
                ),
                lambda: _shown(
                    {"application/vnd.x+json": {f"k{k}": {"a": [True, None, {"b": "x"}]} for k in range(9)}}
                ),
                lambda: {"ename": "E", "evalue": text(3), "output_type": "error", "traceback": [text(20)]},
            )
        )()

    def cell(count: int) -> dict[str, Any]:
        source = [f"{text(5).strip()}\n" for _ in range(rng.randrange(4))]
        outputs = [made() for _ in range(rng.randrange(7))]
        known = {"cell_type": "code", "execution_count": count, "metadata": {}, "outputs": outputs, "source": source}
        return known | ({"id": f"c{count}"} if minor == 5 else {})

    minor = rng.choice((4, 5))
    kernel = {"kernelspec": {"display_name": "Python 3", "name": "python3"}}
    cells = [cell(count) for count in range(1, rng.randrange(2, 6))]
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": minor}


def _shown(data: dict[str, Any]) -> dict[str, Any]:
    return {"data": data, "metadata": {}, "output_type": "display_data"}


@settings(max_examples=300)
@given(st.integers(0, 1 << 32), st.integers(0, 1 << 32), st.sampled_from(TINY))
def test_an_executed_notebook_is_streamed_to_the_same_bytes(seed: int, cuts: int, limits: tuple[int, int, int]) -> None:
    data = as_jupyter(long_outputs(seed)).replace(b"\xed\xa0\xbd", b"\\ud83d")
    expected = told(data)
    found = streamed(in_pieces(data, cuts), limits)
    assert found == expected or found is None
    # Half of a surrogate pair in a source is for strip.py to refuse; all else the stream must manage by itself.
    assert found is not None or expected is None or limits[2] < 32


@settings(max_examples=300)
@given(shapes.notebooks, st.integers(0, 1 << 32), st.sampled_from(TINY))
def test_whatever_the_shape_it_is_right_or_unsure(notebook: Any, cuts: int, limits: tuple[int, int, int]) -> None:
    data = as_jupyter(notebook)
    found = streamed(in_pieces(data, cuts), limits)
    assert found is None or found == told(data)


@settings(max_examples=400)
@given(st.integers(0, 1 << 32), st.data())
def test_a_damaged_notebook_is_never_taken_for_a_whole_one(seed: int, draw: st.DataObject) -> None:
    data = bytearray(as_jupyter(long_outputs(seed)).replace(b"\xed\xa0\xbd", b"?"))
    for _ in range(draw.draw(st.integers(1, 2))):
        at = draw.draw(st.integers(0, len(data) - 1))
        length = draw.draw(st.sampled_from((0, 1, 1, 9)))
        data[at : at + length] = draw.draw(
            st.sampled_from((b"", b'"', b"\\", b"\n", b",", b"]", b"}", b"\x01", b"\xff", b"<<<<<<< a\n"))
        )
    found = streamed(in_pieces(bytes(data), seed), draw.draw(st.sampled_from(TINY)))
    assert found is None or found == told(bytes(data))


@pytest.mark.parametrize("limits", TINY)
def test_a_notebook_cut_short_anywhere_is_no_notebook(limits: tuple[int, int, int]) -> None:
    data = as_jupyter(long_outputs(4)).replace(b"\xed\xa0\xbd", b"?")
    for cut in range(0, len(data) - 1, 97):
        assert streamed([data[:cut]], limits) is None


@pytest.mark.parametrize("written", ["ߒߞߏ", "አማርኛ", "𞤆𞤵𞤤𞤢𞤪", "\\u014b\\u0253", "\\\\", '\\"', "\\n", "ɓ\\\\n"])
@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_a_long_line_in_any_script_is_streamed(written: str, before: str) -> None:
    """Pieces of any size end inside characters and inside escapes."""
    text = as_jupyter(_printed("TEXT")).replace(b"TEXT", (before + written * 6000).encode())
    for size in (997, 65_516):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        for limits in ((1000, 2000, 100), (1 << 12, 1 << 13, 1 << 9)):
            assert streamed(pieces, limits) == strip(text)


def test_a_comma_too_many_is_no_notebook() -> None:
    """Found by the fuzzer, where such a line was the last of those that are looked at together."""
    document = _printed("0")
    document["cells"][0]["outputs"][0]["text"] = [f"epoch {number}\n" for number in range(60)]
    whole = as_jupyter(document)
    damaged = whole.replace(b'epoch 41\\n",', b'epoch 41\\n",,')
    assert told(damaged) is None
    for cut in range(300, len(whole)):
        assert streamed((damaged[:cut], damaged[cut:]), TINY[1]) is None
        assert streamed((whole[:cut], whole[cut:]), TINY[1]) == told(whole)


def _printed(text: str) -> dict[str, Any]:
    output = {"name": "stdout", "output_type": "stream", "text": [text]}
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [output], "source": ["a"]}
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}


def test_a_mark_in_what_is_kept_is_noticed() -> None:
    """Somebody's own metadata that looks like outputs, and a source that speaks of the mark."""
    notebook = long_outputs(1)
    notebook["cells"][0]["metadata"] = {"mine": {"image/png": "A" * 5000, "rows": [[1, 2, "x\n"]] * 400}}
    notebook["cells"][0]["source"] = [MARK.decode()]
    data = as_jupyter(notebook).replace(b"\xed\xa0\xbd", b"?")
    for limits in TINY:
        found = streamed([data], limits)
        assert found is None or found == told(data)
    assert told(data) is not None


def test_memory_does_not_grow_with_the_outputs() -> None:
    """What is held at any time is a small part of what has gone through."""
    line = b'      "epoch 7 \xc5\x8b loss 0.123456789\\n",\n'
    head = (
        b'{\n "cells": [\n  {\n   "cell_type": "code",\n   "execution_count": 1,\n   "metadata": {},\n   "outputs": [\n'
        b'    {\n     "name": "stdout",\n     "output_type": "stream",\n     "text": [\n'
    )
    tail = (
        b'      "end\\n"\n     ]\n    }\n   ],\n   "source": [\n    "train()"\n   ]\n  }\n ],\n "metadata": {},\n'
        b' "nbformat": 4,\n "nbformat_minor": 4\n}\n'
    )
    stream = StripStream()
    stream.feed(head)
    most = 0
    for _ in range(300):
        stream.feed(line * 1000)
        most = max(most, len(stream._buffer) + sum(map(len, stream._kept)))
    stream.feed(tail)
    assert stream.finish() == told(head + tail)
    assert most < 1_000_000
