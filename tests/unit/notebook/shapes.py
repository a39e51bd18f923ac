"""Notebooks for property tests: every shape that nbformat 4 allows, and many that it does not."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

# No lone surrogates: they have a test of their own.
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
lines = st.lists(
    st.sampled_from(
        [
            *(
                "a = 1\n",
                "print('ŋ ɓ ɗ ɲ')\n",
                '"q\\t"',
                "\u2028x",
                "tab\t\n",
                "\r\n",
                "\x0c",
                "",
                "\x85y\n",
                "é\U0001f600",
            ),
            # What only looks like an escape, or like the end of something, in the text of a JSON file.
            *("\\n", "n", "\\", "\\\n", "x\\\\n", '",\n', '"\n   ]\n  }', "<<<<<<< HEAD\n", "\x00\x1f\x7f"),
        ]
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
v3_outputs = st.one_of(
    st.just({"output_type": "pyout", "prompt_number": 2, "text": ["1"], "metadata": {}}),
    st.fixed_dictionaries(
        {"output_type": st.sampled_from(["stream", "display_data", "pyerr", ""])},
        optional={
            "stream": st.just("stdout"),
            "text": sources,
            "html": sources,
            "svg": sources,
            "json": st.one_of(sources, values),
            "png": st.one_of(st.just("aGk=\n"), texts),
            "prompt_number": st.integers(0, 9),
            "metadata": values,
        },
    ),
)
v3_cells = st.one_of(
    st.fixed_dictionaries(
        {"cell_type": st.just("code"), "outputs": st.lists(v3_outputs, max_size=2)},
        optional={
            "input": sources,
            "language": st.just("python"),
            "metadata": metadata,
            "prompt_number": st.integers(0, 9),
            "collapsed": st.booleans(),
            "trusted": st.booleans(),
            "execution_count": st.integers(0, 9),
            "id": texts,
        },
    ),
    st.fixed_dictionaries(
        {"cell_type": st.sampled_from(["markdown", "raw", "heading", "html"]), "source": sources},
        optional={"metadata": metadata, "level": st.integers(1, 6), "rendered": sources, "prompt_number": st.just(1)},
    ),
)


def _with_worksheets(major: int) -> st.SearchStrategy[dict[str, Any]]:
    sheet = st.fixed_dictionaries({"cells": st.lists(v3_cells, max_size=3)}, optional={"metadata": st.just({})})
    return st.fixed_dictionaries(
        {
            "metadata": top_metadata,
            "nbformat": st.just(major),
            "nbformat_minor": st.just(0),
            "worksheets": st.lists(sheet, max_size=2),
        },
        optional={"orig_nbformat": st.just(2), "extra": values},
    )


v3_notebooks = _with_worksheets(3)
v2_notebooks = _with_worksheets(2)
# Version 1 has cells at the top; what has no version at all is taken for it.
v1_notebooks = st.fixed_dictionaries(
    {"cells": cells()}, optional={"nbformat": st.just(1), "metadata": top_metadata, "worksheets": st.just([])}
)
nested = st.integers(1, 60).map(lambda depth: _nested(depth))
junk = st.one_of(values, nested, st.sampled_from([None, [], {}, "", 0, 4.0, True, [{}], [[]], {"a": {}}]))
_PARTS = ["nbformat", "nbformat_minor", "metadata", "cells", "worksheets"]
_CELL_PARTS = ["cell_type", "metadata", "source", "outputs", "execution_count", "id", "attachments", "input"]
_OUTPUT_PARTS = ["output_type", "text", "data", "metadata", "name", "execution_count"]


def _nested(depth: int) -> Any:
    value: Any = "ŋ"
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A notebook of which one part, somewhere, is missing or something else than it should be."""
    notebook = draw(st.one_of(notebooks, v3_notebooks))
    holder, parts = notebook, _PARTS
    found = notebook.get("cells") or [cell for sheet in notebook.get("worksheets", []) for cell in sheet["cells"]]
    if found and draw(st.booleans()):
        holder, parts = draw(st.sampled_from(found)), _CELL_PARTS
        if holder.get("outputs") and draw(st.booleans()):
            holder, parts = draw(st.sampled_from(holder["outputs"])), _OUTPUT_PARTS
    part = draw(st.sampled_from(parts))
    if draw(st.booleans()):
        holder.pop(part, None)
    else:
        holder[part] = draw(junk)
    return notebook


def name_cells(notebook: Any, seed: int) -> bool:
    """Give each cell of a version 4 notebook a name of its own, two times out of three; False where there was none."""
    cells = notebook.get("cells")
    if seed % 3 == 0 or not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return False
    for index, cell in enumerate(cells):
        cell["id"] = f"n{(index + seed) % 97}-{index}"
    return True


def wants_ids(notebook: Any) -> bool:
    """Whether nbformat names the cells that have no id."""
    version = notebook.get("nbformat", 1), notebook.get("nbformat_minor", 0)
    return all(isinstance(part, int) for part in version) and version >= (4, 5)


_KINDS = [*3 * [notebooks], v3_notebooks, v2_notebooks, v1_notebooks, spoilt()]
everything = st.integers(0, len(_KINDS) - 1).flatmap(_KINDS.__getitem__)
"""Nearly half of them of version 4; `one_of` would take notice of each strategy once, however often it is named."""
seeds = st.integers(0, 2**32)
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
