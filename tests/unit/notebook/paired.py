"""Notebooks made of everything that a mirror can stumble over: magics, quotes, definitions, blank lines, odd breaks."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from sahel_nb.notebook.strip import strip

_LINES = (
    *("", "", " ", "\t", "x = 1", "y = f(x)", "    return x", "\tz", ")", "@decorate", "def f(x):", "async def g():"),
    *("class A:", "# a comment", "#", "#comment", "# # twice", "  # indented", 'print("ŋ ɓ ɗ ɲ")', "s = '#'", 's = "#'),
    *('"""', "'''", 's = """text', 'text"""', "'''one line'''", '\\"""', "it's", 'x = "\\""', "'", '"', '"" ""'),
    *(
        "%matplotlib inline",
        "%%time",
        "%%timeit -n 1",
        "%%bash",
        "%%html",
        "%%R -i x",
        "%%",
        "%% ",
        "%",
        "% x",
        "%%%go",
    ),
    *("# %matplotlib", "#%load", "# # %who", "  %cd data", "%run x # noescape", "%run y # escape", "%alias a \\"),
    *("!ls", "! pip list", "!", "!=", "files = !ls *.csv", "a.b = !x", "t = %timeit -o f()", "x = 5 % y", "t = %%x"),
    *("?print", "print?", "x.y??", "# really?", "# Why not?", "what is this?", "#?", "? x", "# !x", "  !x"),
    *("ls", "ls *.csv", "ls = 3", "ls,", "ls ", "cat(x)", "cd ..", "# cp a b", "rmdir x", "rm\tx", "echo", "mkdir=1"),
    *("ls %x", "echo hi!", "# cat who?", "x = 1  # why?", "copy !", "cd %s % x"),
    *("# %%", "# %% title", "#%%", "# %% [markdown]", "# In[3]:", "# <codecell>", "# +", "# + x", "# -", "```", "~~~"),
    *("---", "# ---", "# Heading", "- item", "* [link](x)", "$$x^2$$", "x \\", "a\u2028b", "a\x0cb", "a\x85b", "k: v"),
)
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
lines = st.one_of(st.sampled_from(_LINES), st.sampled_from(_LINES), _TEXT)
sources = st.one_of(
    st.lists(lines, max_size=6).map("\n".join),
    st.lists(st.sampled_from(_LINES), max_size=2).map(lambda x: "\n".join(x) + "\n"),
)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 99), st.sampled_from(["", "ŋ", 'a "b"', "k=v", "{x}"])),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
_cell_metadata = st.one_of(
    st.just({}),
    st.just({}),
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "tags": st.lists(st.sampled_from(["parameters", "hide", "active-py"]), max_size=2, unique=True),
            "title": st.sampled_from(["Load", "", "% deep", "a [b] c", "k=v", "two  words"]),
            "lines_to_next_cell": st.integers(0, 3),
            "scrolled": st.booleans(),
            "collapsed": st.booleans(),
            "slideshow": st.just({"slide_type": "slide"}),
            "name": st.sampled_from(["x", "y z"]),
            "trusted": st.booleans(),
            "vscode": st.just({"languageId": "python"}),
            "hide_input": st.booleans(),
            "active": st.just("py"),
            "odd key": st.just(1),
            "k.e-y/": _values,
        },
    ),
)
_METADATA = (
    {},
    {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}},
    {"kernelspec": {"display_name": "Python [conda env:x]", "language": "python", "name": "conda"}, "toc": {"a": 1}},
    {"kernelspec": {"display_name": "yes", "name": "3"}},
    {"kernelspec": {"display_name": "R", "language": "R", "name": "ir"}},
    {"kernelspec": {"display_name": "a: b", "language": "Python", "name": "ŋ"}},
    {"kaggle": {"accelerator": "gpu"}, "language_info": {"name": "python", "version": "3.11"}},
    {"jupytext": {"formats": "ipynb,py:percent"}, "kernelspec": {"display_name": "x", "name": "y"}},
    {"jupytext": {"formats": "ipynb,md", "encoding": "# -*- coding: utf-8 -*-"}},
    {"jupytext": {"notebook_metadata_filter": "-jupytext.text_representation.jupytext_version"}},
    {"jupytext": {"notebook_metadata_filter": "-all", "cell_metadata_filter": "-all"}},
    {"jupytext": {"notebook_metadata_filter": "kaggle"}, "kaggle": {"x": 1}},
    {"jupytext": {"main_language": "python", "text_representation": {"extension": ".py", "format_name": "percent"}}},
    {"jupytext": {"comment_magics": False}},
    {"kernel_info": {"name": "python3"}},
)


def _cell(kind: str, source: str, metadata: dict[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": dict(metadata), "source": source}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell


cells = st.builds(_cell, st.sampled_from(["code", "code", "code", "markdown", "raw"]), sources, _cell_metadata)


def notebook(made: list[dict[str, Any]], metadata: dict[str, Any], minor: int = 5) -> bytes:
    """Stripped; of nbformat 4.`minor`."""
    numbered = [{**cell, "id": str(at)} if minor == 5 else cell for at, cell in enumerate(made)]
    body = {"cells": numbered, "metadata": metadata, "nbformat": 4, "nbformat_minor": minor}
    return strip(json.dumps(body).encode())


_MARKERS = (
    *("# %%", "# %%", "# %% [markdown]", "# %% [markdown]", "# %% [raw]", "# %% Title", "# %% Title [markdown]"),
    *('# %% tags=["a"]', '# %% [markdown] a=1 b="x"', "# %%%% deep", "#%%", "  # %%", '# %% a="b=c"', "# %% .x"),
    *('# %% language="bash"', '# %% magic_args="-x" language="html"', "# %% lines_to_next_cell=2", "# %% {"),
)
_KERNEL = "#   kernelspec:\n#     display_name: Python 3\n#     language: python\n#     name: python3\n"
_REPRESENTATION = "#     text_representation:\n#       extension: .py\n#       format_name: percent\n"
_HEADERS = (
    "",
    f"# ---\n# jupyter:\n{_KERNEL}# ---\n\n",
    f"# ---\n# jupyter:\n#   jupytext:\n{_REPRESENTATION}#       jupytext_version: 1.16.1\n{_KERNEL}# ---\n\n",
    "# ---\n# jupyter:\n#   jupytext:\n#     cell_metadata_filter: -all\n#     formats: ipynb,py:light\n# ---\n\n",
    "# ---\n# jupyter:\n#   kernelspec:\n#     name: R\n#     language: R\n# ---\n",
)
_typed = st.one_of(lines, lines, st.sampled_from(_MARKERS), sources.map(lambda text: "# " + text.replace("\n", "\n# ")))
mirrors = st.builds(
    lambda header, first, typed, end: (header + "\n".join([first, *typed]) + end).encode(),
    st.sampled_from(_HEADERS),
    st.sampled_from(_MARKERS[:6]),
    st.lists(_typed, max_size=12),
    st.sampled_from(["\n", "\n", "", "\n\n"]),
)
"""What a person may type."""

notebooks = st.builds(
    notebook,
    st.lists(cells, max_size=5),
    st.sampled_from(_METADATA[:3]) | st.sampled_from(_METADATA),
    st.sampled_from([5, 5, 4]),
)
