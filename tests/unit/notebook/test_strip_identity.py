"""Proves that stripping writes nbstripout 0.9.1's bytes, for generated notebooks of every shape and for its options.

The reference is nbstripout's own main function, called as its command line calls it, in this process.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import nbstripout._nbstripout as reference
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.strip import (
    StripOptions,
    _certainly_stripped,
    has_something_to_strip,
    is_stripped,
    strip,
)
from sahel_nb.notebook.strip_fast import strip_ordinary
from tests.unit.notebook import shapes

EXAMPLES = int(os.environ.get("STRIP_EXAMPLES", "60"))
QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """nbformat logs a page for each notebook that is invalid, and many here are."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class _Kept(io.BytesIO):
    """nbstripout wraps the stream and lets the wrapper go, which would close it."""

    def close(self) -> None:
        pass


def by_nbstripout(data: bytes, *flags: str) -> bytes | None:
    """stdin → stdout of `nbstripout FLAGS`; None where it refuses or dies."""
    before = sys.argv, sys.stdin, sys.stdout, sys.stderr
    path = os.environ.pop("PATH", "")  # without git it asks git for no settings: two processes fewer each time
    out = _Kept()
    sys.argv = ["nbstripout", *flags]
    sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(_Kept(data)), io.TextIOWrapper(out), io.StringIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reference.main()
    except (Exception, SystemExit):  # noqa: BLE001  it lets everything through that it does not foresee
        return None
    finally:
        sys.argv, sys.stdin, sys.stdout, sys.stderr = before
        os.environ["PATH"] = path
    return out.getvalue()


def ours(data: bytes, options: StripOptions | None = None) -> bytes | None:
    try:
        return strip(data, options or StripOptions())
    except NotebookError:
        return None


@QUICK
@given(shapes.notebooks, shapes.layouts)
def test_default_options_give_the_same_bytes(notebook: Any, layout: dict[str, Any]) -> None:
    data = shapes.written(notebook, layout)
    expected = by_nbstripout(data)
    assert ours(data) == expected
    fast = strip_ordinary(data)
    assert fast is None or fast == expected


@QUICK
@given(shapes.notebooks, shapes.layouts)
def test_what_is_stripped_is_recognised_and_stays(notebook: Any, layout: dict[str, Any]) -> None:
    # A key that is spelt with the dot shields the real one for a round, in nbstripout too.
    assume(not any("metadata.collapsed" in cell for cell in notebook["cells"]))
    data = shapes.written(notebook, layout)
    stripped = ours(data)
    if stripped is None:
        return
    assert strip(stripped) == stripped
    assert is_stripped(stripped)
    assert not has_something_to_strip(stripped)
    assert is_stripped(data) == (stripped == data)
    if _certainly_stripped(data):
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


@QUICK
@given(plain, st.booleans(), st.data())
def test_the_regular_expression_never_says_yes_wrongly(notebook: Any, spoil: bool, data: st.DataObject) -> None:
    """Near misses on purpose: a layout that is almost the writer's, one byte changed."""
    import json

    text = (json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    if spoil:
        at = data.draw(st.integers(0, len(text) - 1))
        text = text[:at] + data.draw(st.sampled_from([b"", b" ", b"\\", b'"', b"\n", b"\xff", b"1"])) + text[at + 1 :]
    if _certainly_stripped(text):
        assert by_nbstripout(text) == text


def test_the_regular_expression_knows_an_ordinary_notebook() -> None:
    assert _certainly_stripped(strip(shapes.simple("import os\nprint('ŋ')\n", 'x = "\\\\"\n', "")))


OPTIONS = {
    "--keep-output": {"keep_output": True},
    "--keep-count": {"keep_count": True},
    "--strip-init-cells": {"strip_init_cells": True},
    "--drop-empty-cells": {"drop_empty_cells": True},
    "--drop-tagged-cells=drop": {"drop_tagged_cells": ("drop",)},
    "--max-size=8": {"max_size": 8},
    "--keep-output-type=stream": {"keep_output_types": frozenset(["stream"])},
    "--drop-output-type=stream:stdout": {"drop_output_types": frozenset(["stream:stdout"])},
    "--extra-keys=metadata.kaggle cell.metadata.vscode": {"extra_keys": ("metadata.kaggle", "cell.metadata.vscode")},
    "--keep-metadata-keys=cell.metadata.hidden": {"keep_metadata_keys": ("cell.metadata.hidden",)},
}


@QUICK
@given(shapes.notebooks, st.sets(st.sampled_from(sorted(OPTIONS)), min_size=1, max_size=3))
def test_options_give_the_same_bytes(notebook: Any, flags: set[str]) -> None:
    data = shapes.written(notebook, {})
    given_options: dict[str, Any] = {}
    for flag in flags:
        given_options |= OPTIONS[flag]
    assert ours(data, StripOptions(**given_options)) == by_nbstripout(data, *sorted(flags))


@settings(QUICK, max_examples=EXAMPLES // 2)
@given(shapes.v3_notebooks)
def test_nbformat_3_gives_the_same_bytes(notebook: Any) -> None:
    data = shapes.written(notebook, {})
    assert ours(data) == by_nbstripout(data)


@QUICK
@given(shapes.cells(odd=False))
def test_keep_id_where_ids_are_whole(found: list[dict[str, Any]]) -> None:
    for index, cell in enumerate(found):
        cell["id"] = f"n{index}"
    data = shapes.written({"cells": found, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, {})
    assert ours(data, StripOptions(keep_id=True)) == by_nbstripout(data, "--keep-id")


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
    assert by_nbstripout(data) in (None, b"")
    with pytest.raises(NotebookError):
        strip(data)
