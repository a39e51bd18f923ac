"""Three-way merge of lines against git's own, the markers, and the rule that finds them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.notebook.lint import lint_notebook
from sahel_nb.notebook.merge_lines import Labels, has_markers, marked_line, matching_blocks, merge_lines
from tests.unit.notebook.edits import cell, notebook

LINES = st.lists(st.sampled_from("abcdefgh"), max_size=8)


@given(LINES, LINES)
def test_blocks_are_common_and_in_order(a: list[str], b: list[str]) -> None:
    end = (0, 0)
    for i, j, size in matching_blocks(a, b):
        assert size > 0
        assert a[i : i + size] == b[j : j + size]
        assert (i, j) >= end and i >= end[0] and j >= end[1]  # noqa: PT018  one statement about one block
        end = (i + size, j + size)


@given(LINES, LINES, LINES)
def test_one_side_alone_is_that_side(base: list[str], ours: list[str], theirs: list[str]) -> None:
    for one in (ours, theirs):
        for sides in ((one, base), (base, one), (one, one)):
            done = merge_lines(base, *sides, Labels())
            assert (list(done.lines), done.conflicts) == (one, 0)


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ("abcdef", "aBcdef", "abcdEf"),
        ("abc", "aBc", "aXc"),
        ("abc", "aBc", "abC"),
        ("abc", "abc12", "abc13"),
        ("abcd", "ad", "abcXd"),
        ("abc", "", "abc"),
        ("abc", "1abc", "abc2"),
        ("abc", "", "aXc"),
    ],
)
def test_it_is_what_git_makes_of_it(tmp_path: Path, base: str, ours: str, theirs: str) -> None:
    for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
        (tmp_path / name).write_text("".join(line + "\n" for line in text))
    git = subprocess.run(
        ["git", "merge-file", "-p", "-L", "ours", "-L", "base", "-L", "theirs", "ours", "base", "theirs"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    done = merge_lines(base, ours, theirs, Labels())
    assert "".join(line + "\n" for line in done.lines) == git.stdout
    assert done.conflicts == git.returncode


MARKED = "x = 1\n<<<<<<< HEAD\ny = 2\n=======\ny = 3\n>>>>>>> feature\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (MARKED, 2),
        (MARKED.replace("\n", "\r\n"), 2),
        ("".join(f"# {line}\n" for line in MARKED.splitlines()), 2),
        ("<<<<<<<<< a\n=========\n>>>>>>>>> b", 1),
        (MARKED.replace("=======", "||||||| base\n======="), 2),
        (MARKED.replace("=======", "======"), 0),
        (MARKED.replace("<<<<<<<", "<<<<<<"), 0),
        ("Heading\n=======\n", 0),
        ("cat <<<<<<<EOF\n=======\n>>>>>>> x", 0),
        ("", 0),
    ],
)
def test_markers_are_found(text: str, line: int) -> None:
    assert marked_line(text) == line
    assert has_markers(text) == bool(line)


@pytest.mark.parametrize("kind", ["code", "markdown", "raw"])
def test_lint_refuses_a_cell_with_markers(kind: str) -> None:
    found = lint_notebook(notebook([cell("code", ["x"]), cell(kind, MARKED.split("\n"))]), "a.ipynb", committed=True)
    assert [(one.code, one.where, one.blocks) for one in found] == [("SNB207", "cell 2, line 2", True)]
