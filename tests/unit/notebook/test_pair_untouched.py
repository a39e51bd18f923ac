"""Proves that an edited line of a mirror rewrites no cell whose own text was not edited: it stays, or it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.form import Form
from sahel_nb.notebook.pair import in_step, mirror_of, notebook_from
from tests.unit.notebook.edits import cell, notebook
from tests.unit.notebook.paired import lines, notebooks

_OPEN = '    """a docstring that never ends'
_TROUBLE = (
    ("code", ["def f():", _OPEN]),
    ("code", ["'''", "# %%", "x = 1"]),
    ("code", ["s = 1", "# %% a marker in a cell", "t = 2"]),
    ("code", ["%%bash", "echo '''"]),
    ("code", ["%%R", 'x <- """']),
    ("markdown", ["It's '''odd'''' and", '"""']),
    ("markdown", ["```", "never closed"]),
    ("raw", ["'''"]),
    ("code", ["# In[3]:", "y = 1"]),
    ("code", []),
    ("code", ["x = '''", "", "", "'''", ""]),
    ("markdown", ["# Why?"]),
)


def sources(data: bytes) -> list[tuple[str, str]]:
    return [(one["cell_type"], "".join(one["source"])) for one in json.loads(data)["cells"]]


def is_within(few: list[Any], many: list[Any]) -> bool:
    rest = iter(many)
    return all(one in rest for one in few)


def around(trouble: tuple[str, list[str]]) -> bytes:
    cells = [cell("code", ["a = 1"]), cell("markdown", ["# Title"]), cell(*trouble)]
    return notebook([*cells, *(cell("code", [f"b{number} = {number}"]) for number in range(5))])


@pytest.mark.parametrize("trouble", _TROUBLE)
@pytest.mark.parametrize("edited", ["a = 1", "b0 = 0", "b4 = 4"])
def test_cells_around_an_odd_one_stay_as_they_are(trouble: tuple[str, list[str]], edited: str) -> None:
    base = around(trouble)
    text = mirror_of(base).decode().replace(edited, f"{edited}0").encode()
    made = notebook_from(text, base)
    assert sources(made) == [(kind, f"{edited}0" if source == edited else source) for kind, source in sources(base)]
    assert in_step(made, text)


@pytest.mark.parametrize("typed", ['"""', "'''", 'x = """'])
def test_a_string_that_is_left_open_takes_no_other_cell(typed: str) -> None:
    base = around(("code", ["x = 1"]))
    made = notebook_from(mirror_of(base).replace(b"b1 = 1", f"b1 = 1\n{typed}".encode()), base)
    assert sources(made) == [
        (kind, f"{source}\n{typed}" if source == "b1 = 1" else source) for kind, source in sources(base)
    ]


def test_a_cell_that_the_mirror_shows_as_an_empty_one_is_not_emptied() -> None:
    base = notebook([cell("code", ["%%"]), cell("markdown", ["a"]), cell("code", [])])
    for text in (mirror_of(base), mirror_of(base).replace(b"# a", b"# b")):
        assert sources(notebook_from(text, base))[::2] == [("code", "%%"), ("code", "")]


def test_a_notebook_that_wants_its_magics_as_they_are_is_compared_with_its_own_lines() -> None:
    base = notebook([cell("code", ["ls ", '"""']), cell("code", ["y = 1"])], jupytext={"comment_magics": False})
    with pytest.raises(NotebookError, match="cell 1 was not edited"):
        notebook_from(mirror_of(base).replace(b"y = 1", b"x = 1"), base)


def test_a_cell_that_is_lost_among_others_like_it_is_counted() -> None:
    odd = {**cell("code", []), "metadata": {"active": "py", "odd key": 1}}  # jupytext reads it back as a raw cell
    cells = [cell("raw", ["", ""]), cell("markdown", ["", ""]), cell("code", []), odd, cell("code", [])]
    base = notebook(cells, minor=4)
    text = mirror_of(base)
    edited = text.replace(b"# %% [raw]\n#", b"# %% [raw]\n%matplotlib inline")
    assert edited != text
    with pytest.raises(NotebookError, match="would be rewritten"):
        notebook_from(edited, base)


def test_two_edits_with_an_open_string_between_them() -> None:
    base = around(_TROUBLE[0])
    made = notebook_from(mirror_of(base).replace(b"a = 1", b"a = 2").replace(b"b3 = 3", b"b3 = 4"), base)
    changed = {"a = 1": "a = 2", "b3 = 3": "b3 = 4"}
    assert sources(made) == [(kind, changed.get(source, source)) for kind, source in sources(base)]


@pytest.mark.parametrize("fmt", ["py:hydrogen", "R:percent", "md", "py:light", "Rmd"])
def test_another_format_keeps_or_refuses_and_names_the_cell(fmt: str) -> None:
    base = around(("code", ["x = 1"]))
    text = mirror_of(base, fmt)
    opened = text.replace(b"b1 = 1", b"b1 = '''\n```{r}" if "md" in fmt.lower() else b"b1 = '''")
    try:
        made = notebook_from(opened, base, fmt)
    except NotebookError as exc:
        assert "cell " in exc.message  # noqa: PT017  either is right
    else:
        assert is_within([one for one in sources(base) if "b1" not in one[1]], sources(made))
    plain = notebook_from(text.replace(b"b1 = 1", b"b1 = 2"), base, fmt)
    assert sources(plain) == [(kind, source.replace("b1 = 1", "b1 = 2")) for kind, source in sources(base)]


@pytest.mark.parametrize("fmt", ["md", "py:light"])
def test_cells_are_joined_where_blank_lines_part_them(fmt: str) -> None:
    base = notebook(
        [cell("code", ["a = 1"]), cell("code", ["b = 2"]), cell("code", ["c = 3"]), cell("code", ["d = 4"])]
    )
    text = mirror_of(base, Form(fmt))
    joined = text.replace(b"a = 1\n```\n\n```python\nb", b"a = 1\nb").replace(b"a = 1\n\nb", b"a = 1\nb")
    assert joined != text
    assert sources(notebook_from(joined, base, fmt))[0] == ("code", "a = 1\nb = 2")


def test_an_edit_that_takes_cells_with_it_is_refused_where_their_lines_are_not_apart() -> None:
    """In the light format a cell's last marker depends on the next cell: written alone it has other lines."""
    long = [cell("code", [f"{name} = 1\n", "\n", f"{name}2 = 2"]) for name in "abc"]
    base = notebook([*long, cell("code", ["d = 4"])])
    text = mirror_of(base, "py:light")
    with pytest.raises(NotebookError, match="more than one cell would be rewritten"):
        notebook_from(text.replace(b"b = 1", b"b = '''"), base, "py:light")
    plain = notebook_from(text.replace(b"b = 1", b"b = 3"), base, "py:light")
    assert sources(plain) == [(kind, source.replace("b = 1", "b = 3")) for kind, source in sources(base)]


def is_marker(line: str) -> bool:
    return line.lstrip().startswith("#") and line.lstrip("# \t").startswith("%%")


def alone(base: bytes) -> list[bytes]:
    """A notebook of each of its cells."""
    whole = json.loads(base)
    return [json.dumps({**whole, "cells": [one]}).encode() for one in whole["cells"]]


def owners(base: bytes, text: bytes) -> list[tuple[int, int]]:
    """Each line of the mirror that is not blank, and the cell that it was written for, as the cell alone shows."""

    def full(text: bytes) -> list[int]:
        """Below the header, which differs by the metadata of the cells."""
        every = text.split(b"\n")
        headed = b"# jupyter:" in every[:3] and b"%%" not in b"".join(every[:2])
        start = every.index(b"# ---", every.index(b"# ---") + 1) + 1 if headed else 0
        return [at for at, line in enumerate(every) if line.strip() and at >= start]

    cells = [mirror_of(one) for one in alone(base)]
    owner = [number for number, one in enumerate(cells) for _ in full(one)]
    places = full(text)
    assume(len(owner) == len(places))
    return list(zip(places, owner, strict=True))


@settings(max_examples=120, deadline=None)
@given(notebooks, st.data())
def test_one_edited_line(base: bytes, data: Any) -> None:
    try:
        text = mirror_of(base)
        owned = owners(base, text)
    except NotebookError:
        assume(False)
    assume(owned)
    at, owner = data.draw(st.sampled_from(owned))
    old = text.split(b"\n")
    typed = data.draw(lines.filter(lambda one: len(one.splitlines()) == 1 and bool(one.strip())))
    assume(not is_marker(typed) and not is_marker(old[at].decode()))
    new = b"\n".join([*old[:at], typed.encode(), *old[at + 1 :]])
    try:
        made = notebook_from(new, base)
    except NotebookError:
        event("refused")
        return
    event("made")
    cells = sources(base)
    # Of cells that look the same in the mirror any will do: `%%` alone looks like an empty one.
    looks = [[line for line in mirror_of(one).split(b"\n") if line.strip()] for one in alone(base)]
    wanted = [{cells[at] for at, look in enumerate(looks) if look == looks[number]} for number in range(len(cells))]
    found = iter(sources(made))
    assert all(any(one in choice for one in found) for number, choice in enumerate(wanted) if number != owner)
