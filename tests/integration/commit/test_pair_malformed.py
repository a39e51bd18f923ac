"""A notebook that is malformed, or a file that git was only told of, stops nothing but itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.commit.story import IN_STEP, Clone, sahel_nb, set_up
from tests.support.git import Git
from tests.unit.notebook.shapes import simple

_SHAPES: dict[str, Any] = {
    "no nbformat_minor": lambda whole: whole.pop("nbformat_minor"),
    "minor is text": lambda whole: whole.update(nbformat_minor="5"),
    "no cells": lambda whole: whole.pop("cells"),
    "no metadata": lambda whole: whole.pop("metadata"),
    "cells are no list": lambda whole: whole.update(cells={}),
    "cell without source": lambda whole: whole["cells"][0].pop("source"),
    "source is a number": lambda whole: whole["cells"][0].update(source=7),
    "cell is text": lambda whole: whole["cells"].append("x"),
    "cell without outputs": lambda whole: whole["cells"][0].pop("outputs"),
    "formats that are none": lambda whole: whole["metadata"].update(jupytext={"formats": "ipynb,py:"}),
    "jupytext is text": lambda whole: whole["metadata"].update(jupytext="x"),
    "cut short": lambda whole: whole.clear(),
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = set_up(tmp_path_factory.mktemp("pairs") / "o")
    for name in ("a", "m", "z"):
        clone.git.write(f"{name}.ipynb", simple("x = 1"))
    clone.must("add", "-A")
    clone.must("commit", "-qm", "Three pairs")
    return clone


@pytest.mark.parametrize("shape", _SHAPES)
def test_one_malformed_notebook_stops_no_other(clone: Clone, shape: str) -> None:
    clone.must("reset", "--hard", "-q")
    whole = json.loads(simple("x = 1"))
    _SHAPES[shape](whole)
    clone.git.write("m.ipynb", json.dumps(whole))
    for name in ("a.py", "m.py", "z.py"):
        path = clone.root / name
        path.write_text(path.read_text().replace("x = 1", "x = 2"))

    said = sahel_nb(clone, "pair")

    assert said.code == 3, said.err
    assert "m.ipynb: " in said.err
    assert "bug of ours" not in said.err
    assert "--from" not in said.err, "neither half can be taken for the right one"
    for name in ("a.ipynb", "z.ipynb"):
        assert "x = 2" in (clone.root / name).read_text()
    assert json.loads((clone.root / "m.ipynb").read_text()) == whole


def test_a_commit_names_every_malformed_notebook(clone: Clone) -> None:
    clone.must("reset", "--hard", "-q")
    whole = json.loads(simple("x = 1"))
    del whole["nbformat_minor"]
    for name in ("a", "z"):
        clone.git.write(f"{name}.ipynb", json.dumps(whole))
        path = clone.root / f"{name}.py"
        path.write_text(path.read_text().replace("x = 1", "x = 3"))
    clone.must("add", "-A")
    said = clone.run("commit", "-qm", "No")
    assert said.code != 0
    assert "a.ipynb" in said.err
    assert "z.ipynb" in said.err


def test_a_commit_says_how_a_notebook_of_an_old_format_becomes_a_new_one(clone: Clone) -> None:
    clone.must("reset", "--hard", "-q")
    cell = {"cell_type": "code", "input": "x = 1", "language": "python", "outputs": [], "metadata": {}}
    sheet = {"cells": [cell], "metadata": {}}
    old = {"metadata": {"name": "x"}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [sheet]}
    clone.git.write("old one.ipynb", json.dumps(old))
    clone.must("add", "-A")
    command = "jupyter nbconvert --to notebook --inplace 'old one.ipynb'"
    assert command in clone.run("commit", "-qm", "No").err
    assert f"$ {command}" in sahel_nb(clone, "pair").err
    clone.must("rm", "-qf", "old one.ipynb")


def test_what_git_was_only_told_of_blocks_no_commit(tmp_path: Path) -> None:
    clone = set_up(tmp_path / "o")
    git = clone.git
    git.write("a.ipynb", simple("x = 1"))
    clone.must("add", "-A")
    clone.must("commit", "-qm", "One")
    git.write("b.ipynb", simple("y = 1"))
    git.write("kernel-metadata.json", "{}")
    git.write("c.ipynb", simple("z = 1"))
    assert sahel_nb(clone, "pair", "c.ipynb").code == 0
    clone.must("add", "-N", "b.ipynb", "kernel-metadata.json", "c.py")
    git.write("note.txt")
    clone.must("add", "note.txt")
    clone.must("commit", "-qm", "Two")
    assert clone.must("show", "--name-only", "--format=").split() == ["note.txt"]
    clone.must("add", "c.ipynb")
    clone.must("commit", "-qm", "The mirror comes with its notebook")
    assert clone.must("show", "--name-only", "--format=").split() == ["c.ipynb", "c.py"]
    assert sahel_nb(clone, "pair").code == 0


def test_a_byte_order_mark_in_a_script_is_named(clone: Clone) -> None:
    clone.must("reset", "--hard", "-q")
    before = clone.disk("m.ipynb")
    for name in ("a.py", "m.py"):
        path = clone.root / name
        path.write_bytes((b"\xef\xbb\xbf" if name == "m.py" else b"") + path.read_bytes() + b"y = 2\n")
    said = sahel_nb(clone, "pair")
    assert (said.code, clone.disk("m.ipynb")) == (3, before)
    assert "m.ipynb: its script starts with a byte order mark (BOM)" in said.err
    assert b"y = 2" in clone.disk("a.ipynb")
    clone.must("add", "m.py")
    assert "m.ipynb: SNB303 its script starts with a byte order mark" in clone.run("commit", "-qm", "No").err


def test_a_script_without_a_header_is_committed_with_its_notebook(clone: Clone) -> None:
    clone.must("reset", "--hard", "-q")
    clone.git.write("bare.py", "# %%\na = 1\n\n# %%\nb = 2\n")
    assert sahel_nb(clone, "pair", "bare.ipynb").code == 0
    assert sahel_nb(clone, "pair", "--check").err == IN_STEP
    clone.git.write("a.py", "# %%\nx = 7\n")
    clone.must("add", "-A")
    clone.must("commit", "-qm", "A bare script, and one that lost its header")
    assert b"x = 7" in clone.disk("a.ipynb")
    said = sahel_nb(clone, "check")
    assert said.code == 0, said.err
    assert sahel_nb(clone, "pair", "--check").err == IN_STEP
    clone.must("reset", "--hard", "-q", "HEAD~1")  # the other tests have this clone, too


def test_a_clone_with_autocrlf_has_its_scripts_with_lf_and_in_step(clone: Clone, tmp_path: Path) -> None:
    clone.must("reset", "--hard", "-q")
    second = tmp_path / "second"
    clone.must("clone", "-q", "-c", "core.autocrlf=true", str(clone.root), str(second))
    other = Clone(Git(second))
    other.git.become("Bintou Sow")
    assert sahel_nb(other, "install").code == 0
    assert b"\r" not in other.disk("a.py") + other.disk("a.ipynb")
    assert sahel_nb(other, "pair", "--check").err == IN_STEP
    text = other.disk("a.py").replace(b"x = 1", b"x = 9")
    other.git.write("a.py", text.replace(b"\n", b"\r\n"))  # as an editor there may write it
    other.must("commit", "-qam", "Nine")
    assert b"x = 9" in other.committed("a.ipynb")
    assert other.committed("a.py") == text
    assert sahel_nb(other, "pair", "--check").code == 0
