"""Proves that stripping writes nbstripout 0.9.1's bytes: every nbformat version, shape, spelling and option.

Each example is generated, and stripped by nbstripout's own main function for comparison. For many more, and a word
about what they were:

    STRIP_EXAMPLES=5000 pytest --hypothesis-show-statistics tests/unit/notebook/test_strip_identity.py
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.strip import (
    StripOptions,
    has_something_to_strip,
    is_stripped,
    strip,
)
from sahel_nb.notebook.strip_check import certainly_stripped
from sahel_nb.notebook.strip_fast import strip_ordinary
from tests.unit.notebook import reference, shapes
from tests.unit.notebook.spelling import spelt


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """nbformat logs a page for each notebook that is invalid, and many here are."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


FEW = int(os.environ.get("STRIP_EXAMPLES", settings().max_examples))
MANY = int(os.environ.get("STRIP_EXAMPLES", 2 * settings().max_examples))


def seen(notebook: Any, expected: bytes | None) -> None:
    """For the statistics: of which version it was, and what nbstripout made of it."""
    version = f"{notebook.get('nbformat', 'none')}.{notebook.get('nbformat_minor', 'none')}"
    known = version in ("1.none", "2.0", "3.0", *(f"4.{minor}" for minor in range(6)))
    event(f"nbformat {version if known else 'odd'}: {'refused' if expected is None else 'stripped'}")


def ours(data: bytes, options: StripOptions | None = None) -> bytes | None:
    try:
        return strip(data, options or StripOptions())
    except NotebookError:
        return None


@given(shapes.everything, shapes.seeds)
@settings(max_examples=MANY)
def test_default_options_give_the_same_bytes(notebook: Any, seed: int) -> None:
    data = spelt(notebook, seed)
    expected = reference.stripped(data)
    seen(notebook, expected)
    assert ours(data) == expected
    assert strip_ordinary(data) in (None, expected)


@given(shapes.everything, shapes.seeds)
@settings(max_examples=FEW)
def test_what_is_to_be_stripped_is_what_nbstripout_would_strip(notebook: Any, seed: int) -> None:
    data = spelt(notebook, seed)
    if reference.stripped(data) is not None:
        assert has_something_to_strip(data) == reference.changes(data)


@given(shapes.notebooks, shapes.seeds)
@settings(max_examples=FEW)
def test_what_is_stripped_is_recognised_and_stays(notebook: Any, seed: int) -> None:
    # A key that is spelt with the dot shields the real one for a round, in nbstripout too.
    assume(not any("metadata.collapsed" in cell for cell in notebook["cells"]))
    data = spelt(notebook, seed)
    stripped = ours(data)
    if stripped is None:
        return
    assert strip(stripped) == stripped
    assert is_stripped(stripped)
    assert not has_something_to_strip(stripped)
    assert is_stripped(data) == (stripped == data)
    if certainly_stripped(data):
        assert stripped == data


plain = st.fixed_dictionaries(
    {
        "cells": st.lists(
            st.one_of(
                st.fixed_dictionaries(
                    {
                        "cell_type": st.just("code"),
                        "execution_count": st.sampled_from([None, None, None, 1]),
                        "metadata": st.just({}),
                        "outputs": st.just([]),
                        "source": shapes.sources,
                    },
                    optional={"id": st.sampled_from(["0", "1", "2"])},
                ),
                st.fixed_dictionaries(
                    {"cell_type": st.just("markdown"), "metadata": st.just({}), "source": shapes.sources},
                    optional={"id": st.sampled_from(["0", "1", "2"])},
                ),
            ),
            max_size=3,
        ),
        "metadata": shapes.top_metadata,
        "nbformat": st.just(4),
        "nbformat_minor": st.sampled_from([2, 4, 5]),
    }
)


@given(plain, st.booleans(), st.data())
@settings(max_examples=FEW)
def test_the_check_never_says_yes_wrongly(notebook: Any, spoil: bool, data: st.DataObject) -> None:
    """Near misses on purpose: a layout that is almost the writer's, one byte changed."""
    text = (json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    if spoil:
        at = data.draw(st.integers(0, len(text) - 1))
        text = text[:at] + data.draw(st.sampled_from([b"", b" ", b"\\", b'"', b"\n", b"\xff", b"1"])) + text[at + 1 :]
    if certainly_stripped(text):
        assert reference.stripped(text) == text


def test_the_check_knows_an_ordinary_notebook() -> None:
    assert certainly_stripped(strip(shapes.simple("import os\nprint('ŋ')\n", 'x = "\\\\"\n', "", 'y = "z"')))


@dataclass(frozen=True)
class Choice:
    """Options as they are typed, and as they are known here."""

    flags: tuple[str, ...]
    options: StripOptions

    @property
    def takes_ids_away(self) -> bool:
        return "cell.id" in self.options.keys

    def without_ids(self) -> Choice:
        """For a format that wants ids nbstripout then makes random ones: ours are what they are without `cell.id`."""
        flags = tuple(flag.replace("cell.id", "") for flag in self.flags if flag != "--keep-id")
        return Choice(flags, self.options)


KEYS = st.lists(
    st.sampled_from(
        [
            *("metadata.kaggle", "metadata.language_info.name", "metadata.kernelspec", "metadata.widgets"),
            *("cell.metadata.vscode", "cell.metadata.tags", "cell.metadata.hidden", "cell.metadata.collapsed"),
            *(
                "cell.source",
                "cell.attachments",
                "cell.id",
                "cell.input",
                "metadata.",
                "cell.x",
                "nonsense",
                "other.key",
            ),
        ]
    ),
    max_size=3,
)
TYPES = st.lists(
    st.sampled_from(
        ["stream", "stream:stdout", "stream:stderr", "error", "execute_result", "display_data", "pyout", "", "a:b:c"]
    ),
    min_size=1,
    max_size=3,
)
SIZES = {"0": 0, "1": 1, "12": 12, "-1": -1, "1k": 1000, "2M": 2_000_000}


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """Any combination. Left out is what ours does better: see test_strip_better.py."""
    flags: list[str] = []
    known: dict[str, Any] = {}
    for name in ("keep_output", "keep_count", "strip_init_cells", "keep_id", "drop_empty_cells"):
        if draw(st.integers(0, 3)) == 0:
            flags.append("--" + name.replace("_", "-"))
            known[name] = True
    if draw(st.integers(0, 3)) == 0:
        flags += ["--drop-tagged-cells", tag := draw(st.sampled_from(["drop", "keep_output", "other"]))]
        known["drop_tagged_cells"] = (tag,)
    if draw(st.integers(0, 2)) == 0:
        size = draw(st.sampled_from(sorted(SIZES)))
        flags.append(f"--max-size={size}")
        known["max_size"] = SIZES[size]
    for name in ("keep", "drop"):
        if draw(st.integers(0, 3)) == 0:
            types = draw(TYPES)
            flags += [f"--{name}-output-type", *types]
            known[f"{name}_output_types"] = frozenset(types)
    for flag, name in (("--extra-keys", "extra_keys"), ("--keep-metadata-keys", "keep_metadata_keys")):
        if draw(st.integers(0, 3)) == 0:
            keys = draw(KEYS)
            flags.append(f"{flag}={' '.join(keys)}")
            known[name] = tuple(keys)
    return Choice(tuple(flags), StripOptions(**known))


def is_comparable(notebook: Any, options: StripOptions) -> bool:
    """Not where ours differs on purpose."""
    old = notebook.get("nbformat", 4) in (1, 2, 3)
    if options.drop_empty_cells and old:
        return False
    return not options.keep_id or old or _ids_are_whole(notebook)


def _ids_are_whole(notebook: Any) -> bool:
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return True
    ids = [json.dumps(cell["id"]) for cell in cells if "id" in cell]
    return len(set(ids)) == len(cells)


@given(shapes.everything, shapes.seeds, choices())
@settings(max_examples=MANY)
def test_any_options_give_the_same_bytes(notebook: Any, seed: int, choice: Choice) -> None:
    if choice.options.keep_id and shapes.name_cells(notebook, seed):
        assert _ids_are_whole(notebook)
    assume(is_comparable(notebook, choice.options))
    data = spelt(notebook, seed)
    flags = choice.flags
    if choice.takes_ids_away and shapes.wants_ids(notebook):
        flags = choice.without_ids().flags
        by_chance = reference.stripped(data, *choice.flags)
        assert without_ids(by_chance) == without_ids(reference.stripped(data, *flags))
    expected = reference.stripped(data, *flags)
    seen(notebook, expected)
    assert ours(data, choice.options) == expected
    if expected is not None:
        assert has_something_to_strip(data, choice.options) == reference.changes(data, *flags)


def without_ids(notebook: bytes | None) -> str | None:
    """What it says but for its cells' ids; a text, lest NaN is unlike itself."""
    if notebook is None:
        return None
    whole = json.loads(notebook)
    for cell in whole["cells"]:
        del cell["id"]
    return json.dumps(whole)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  \n",
        b"\xef\xbb\xbf" + shapes.simple("x"),
        b"<<<<<<< HEAD\n" + shapes.simple("x"),
        shapes.simple("x")[:-40],
        b"{}",
        b"[]",
        b"null",
        shapes.simple("x").replace(b'"nbformat": 4', b'"nbformat": 5'),
        shapes.simple("x").replace(b"x", b"\\ud83d", 1),
        shapes.simple("x").replace(b"said", b"\xff\xfe"),
        shapes.simple("x").replace(b'"outputs"', b'"out"'),
        shapes.simple("x") + b"{}",
    ],
)
def test_what_nbstripout_refuses_is_refused(data: bytes) -> None:
    assert reference.stripped(data) in (None, b"")
    with pytest.raises(NotebookError):
        strip(data)
