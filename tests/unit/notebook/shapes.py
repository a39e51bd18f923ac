"""Notebooks for property tests: every shape that nbformat 4 allows, and many that it does not."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

# No lone surrogates: they have a test of their own.
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
lines = st.lists(
    st.sampled_from(
        ["a = 1\n", "print('ŋ ɓ ɗ ɲ')\n", '"q\\t"', "\u2028x", "tab\t\n", "\r\n", "\x0c", "", "\x85y\n", "é\U0001f600"]
    ),
    max_size=4,
)
sources = st.one_of(lines, texts, lines.map("".join))
numbers = st.one_of(
    st.integers(), st.floats(), st.just(10**40), st.just(1e400), st.just(-0.0), st.booleans(), st.none()
)
values = st.recursive(
    st.one_of(numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
noise = st.sampled_from(
    ["collapsed", "ExecuteTime", "execution", "heading_collapsed", "hidden", "scrolled", "trusted", "vscode", "name"]
)
keeping = st.fixed_dictionaries(
    {},
    optional={
        "keep_output": st.booleans(),
        "init_cell": st.booleans(),
        "tags": st.lists(st.sampled_from(["keep_output", "drop", "other"]), unique=True, max_size=2),
    },
)
metadata = st.builds(
    lambda noisy, kept, odd: {**noisy, **kept, **odd},
    st.dictionaries(noise, values, max_size=3),
    st.one_of(st.just({}), st.just({}), keeping),
    st.one_of(st.just({}), st.dictionaries(texts, values, max_size=2)),
)
bundles = st.dictionaries(
    st.sampled_from(
        ["text/plain", "image/png", "image/svg+xml", "application/json", "application/x+json", "text/html"]
    ),
    st.one_of(texts, lines, values),
    max_size=3,
)
outputs = st.one_of(
    st.fixed_dictionaries({"output_type": st.just("stream"), "name": st.just("stdout"), "text": sources}),
    st.fixed_dictionaries(
        {
            "output_type": st.just("execute_result"),
            "data": bundles,
            "metadata": st.just({}),
            "execution_count": st.just(3),
        }
    ),
    st.fixed_dictionaries({"output_type": st.just("display_data"), "data": bundles, "metadata": st.just({})}),
    st.just({"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["<<<<<<< HEAD\n"]}),
    st.just({"output_type": ""}),
)


def _cell(kind: str, odd: Any) -> st.SearchStrategy[dict[str, Any]]:
    required: dict[str, Any] = {"cell_type": st.just(kind), "metadata": metadata, "source": sources}
    if kind == "code":
        required |= {
            "outputs": st.lists(outputs, max_size=2),
            "execution_count": st.one_of(st.none(), st.integers(0, 99)),
        }
    optional = {
        "id": st.one_of(st.sampled_from(["a", "b", "0", "1"]), texts),
        "attachments": st.dictionaries(texts, bundles, max_size=1),
    }
    if odd:
        optional |= {"prompt_number": st.integers(0, 9), "metadata.collapsed": st.just(1), "x": values}
    return st.fixed_dictionaries(required, optional=optional)


def cells(odd: bool = True) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.one_of(_cell("code", odd), _cell("markdown", odd), _cell("raw", odd)), max_size=4)


top_metadata = st.fixed_dictionaries(
    {},
    optional={
        "kernelspec": st.just({"name": "python3", "display_name": "Python 3", "language": "python"}),
        "widgets": values,
        "signature": texts,
        "orig_nbformat": st.just(3),
        "keep_output": st.booleans(),
        "kaggle": values,
        "language_info": st.just({"name": "python", "version": "3.11"}),
    },
)
notebooks = st.fixed_dictionaries(
    {
        "cells": cells(),
        "metadata": top_metadata,
        "nbformat": st.just(4),
        "nbformat_minor": st.sampled_from([0, 1, 2, 3, 4, 5, 5, 5]),
    },
    optional={"extra": values},
)
v3_cells = st.one_of(
    st.fixed_dictionaries(
        {
            "cell_type": st.just("code"),
            "input": sources,
            "language": st.just("python"),
            "metadata": metadata,
            "outputs": st.just([{"output_type": "pyout", "prompt_number": 2, "text": ["1"], "metadata": {}}]),
            "prompt_number": st.integers(0, 9),
            "collapsed": st.booleans(),
        }
    ),
    st.fixed_dictionaries({"cell_type": st.sampled_from(["markdown", "raw"]), "source": sources, "metadata": metadata}),
)
v3_notebooks = st.fixed_dictionaries(
    {
        "metadata": top_metadata,
        "nbformat": st.just(3),
        "nbformat_minor": st.just(0),
        "worksheets": st.lists(
            st.fixed_dictionaries({"cells": st.lists(v3_cells, max_size=3), "metadata": st.just({})}), max_size=2
        ),
    }
)
layouts = st.fixed_dictionaries({"indent": st.sampled_from([None, 1, 4, "\t"]), "ensure_ascii": st.booleans()})


def written(notebook: Any, layout: dict[str, Any]) -> bytes:
    return json.dumps(notebook, **layout).encode("utf-8")


def simple(*sources: str, outputs: bool = True, minor: int = 5) -> bytes:
    """A notebook as Jupyter would save it after running it."""
    made = []
    for index, source in enumerate(sources):
        out = [{"output_type": "stream", "name": "stdout", "text": [f"said {index}\n"]}] if outputs else []
        made.append(
            {
                "cell_type": "code",
                "execution_count": index + 1,
                "id": f"cell-{index}",
                "metadata": {},
                "outputs": out,
                "source": source.splitlines(True),
            }
        )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": minor}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()
