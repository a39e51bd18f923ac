"""Proves that settings of other people's are read within limits: what is none is named, and at once."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.config import load
from sahel_nb.config_text import MOST_BYTES, parse_json, parse_toml, parse_yaml
from sahel_nb.errors import UsageError
from sahel_nb.hooks.forms import Forms
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.pair import notebook_from

LEVELS = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
LEVELS += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
BOMB = "\n".join([*LEVELS, 'formats: "ipynb,py:percent"', "cell_markers: *a8", ""])
DEEP = 30_000
PARTS = ".".join(["a"] * 60_000)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("jupytext.yml", BOMB),
        (".jupytext.yaml", "formats: &f ipynb,py\nother: *f\n"),
        ("jupytext.yml", "a: " + "[" * DEEP),
        ("jupytext.yml", "- " * DEEP),
        ("jupytext.yml", "? " * DEEP),
        ("jupytext.yml", "a: !!python/object/apply:os.system [id]\n"),
        ("jupytext.json", "[" * DEEP),
        ("jupytext.toml", "a = " + "[" * DEEP),
        ("jupytext", "a = " + "{b = " * DEEP),
        ("jupytext.toml", PARTS + " = 1\n" + PARTS + ".b = 1\n"),
        ("jupytext.toml", f"[{PARTS}]\nb = 1\n[{PARTS}.c]\n"),
        ("pyproject.toml", "[tool.jupytext]\na = " + "[" * DEEP),
        ("jupytext.toml", "# " + "x" * MOST_BYTES),
        ("jupytext.toml", "a = " + "9" * 5000),
        (".jupytext.py", "raise SystemExit('it was run')"),
    ],
)
def test_what_is_no_settings_is_refused_with_the_files_name(name: str, text: str) -> None:
    files = {f"notebooks/{name}": text.encode()}
    with pytest.raises(UsageError, match=f"^notebooks/{name}"):
        Forms(None, files.get).of_notebook(b"notebooks/a.ipynb")


@pytest.mark.parametrize("text", ["a = " + "[" * DEEP, PARTS + " = 1", "# " + "x" * MOST_BYTES, "\udcff"])
def test_our_own_file_has_the_same_limits(text: str) -> None:
    with pytest.raises(UsageError, match=r"^sahel-nb\.toml is not valid TOML"):
        load(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("fmt", ["py:percent", "md", "md:myst", "Rmd"])
def test_aliases_in_the_header_of_a_script_are_not_followed(fmt: str) -> None:
    header = ["---", "jupyter:", *(f"  {line}" for line in LEVELS), "---"]
    comment = "# " if fmt.startswith("py") else ""
    script = "\n".join([*(comment + line for line in header), "", f"{comment}%% a" if comment else "text", ""])
    with pytest.raises(NotebookError, match="aliases of YAML are not followed"):
        notebook_from(script.encode(), None, fmt)


def test_a_long_text_is_settings_all_the_same() -> None:
    assert parse_toml(b'readme = "' + b"A sentence. " * 2000 + b'"\n')["readme"].startswith("A sentence.")


VALUES = st.recursive(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])) | st.booleans() | st.integers(-999, 999),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_what_json_and_yaml_say_is_read(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    assert parse_json(text) == value
    assert parse_yaml(text) == value


@given(st.binary(max_size=60))
@pytest.mark.parametrize("parse", [parse_toml, parse_json, parse_yaml])
def test_anything_else_is_a_value_error(parse: Callable[[bytes], object], data: bytes) -> None:
    try:
        parse(data)
    except ValueError:
        return
