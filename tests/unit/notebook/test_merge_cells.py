"""Three-way merge of notebooks: what is promised for any two people's work on one notebook."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.notebook.document import NotebookError, parse
from sahel_nb.notebook.merge import Labels, merge
from sahel_nb.notebook.merge_lines import has_markers
from sahel_nb.notebook.strip import is_stripped
from tests.unit.notebook.edits import KERNEL, Writer, branches, cell, cells_of, lines_of, notebook

MINORS = st.sampled_from((4, 5))


def valid(data: bytes) -> None:
    read: Any = nbformat.reads(data.decode(), as_version=nbformat.NO_CONVERT)
    nbformat.validate(read)
    ids = [one["id"] for one in read.cells if "id" in one]
    assert len(set(ids)) == len(ids)


def code(*sources: str) -> list[dict[str, Any]]:
    return [cell("code", source.split("\n")) for source in sources]


def sources(data: bytes) -> list[str]:
    return ["".join(one["source"]) for one in cells_of(data)]


def merged(base: list[str] | None, ours: list[str], theirs: list[str]) -> tuple[list[str], int]:
    before = None if base is None else notebook(code(*base))
    done = merge(before, notebook(code(*ours)), notebook(code(*theirs)))
    return sources(done.content), len(done.conflicts)


@given(branches(unique=True))
def test_no_line_is_lost(sides: tuple[list[dict[str, Any]], ...]) -> None:
    base, ours, theirs = sides
    done = merge(notebook(base), notebook(ours), notebook(theirs))
    result = lines_of(cells_of(done.content))
    before, mine, others = lines_of(base), lines_of(ours), lines_of(theirs)
    assert mine - (before - others) <= result
    assert others - (before - mine) <= result


@given(branches(unique=True))
def test_what_one_side_deleted_from_a_cell_that_the_other_left_alone_is_gone(
    sides: tuple[list[dict[str, Any]], ...],
) -> None:
    base, ours, theirs = sides
    result = lines_of(cells_of(merge(notebook(base), notebook(ours), notebook(theirs)).content))
    for mine, others in ((ours, theirs), (theirs, ours)):
        untouched = [one for one in base if any(one["source"] == other["source"] for other in others)]
        assert not (lines_of(untouched) - lines_of(mine)) & result


@given(branches(unique=False), st.tuples(MINORS, MINORS, MINORS))
def test_the_result_is_a_stripped_notebook_whatever_is_merged(
    sides: tuple[list[dict[str, Any]], ...], minors: tuple[int, int, int]
) -> None:
    base, ours, theirs = (notebook(one, minor) for one, minor in zip(sides, minors, strict=True))
    for before in (base, None):
        done = merge(before, ours, theirs)
        valid(done.content)
        assert is_stripped(done.content)
        assert any(map(has_markers, sources(done.content))) <= bool(done.conflicts)
        for conflict in done.conflicts:
            assert conflict.cell is None or conflict.cell < len(cells_of(done.content))


@given(branches(unique=False), MINORS)
def test_one_side_alone_is_that_side(sides: tuple[list[dict[str, Any]], ...], minor: int) -> None:
    base, ours, _ = sides
    before, one = notebook(base, minor), notebook(ours, minor)
    # A key that only the other side has makes the bytes differ: nothing is answered by comparing files.
    noted = notebook(base, minor, note="n")
    expected = notebook(ours, minor, note="n")
    assert merge(before, one, before).content == one
    assert merge(before, before, one).content == one
    assert merge(before, one, one).content == one
    for done in (merge(before, one, noted), merge(before, noted, one), merge(before, one, expected)):
        assert done.content == expected
        assert done.conflicts == ()


@given(branches(unique=False))
def test_the_sides_can_change_places(sides: tuple[list[dict[str, Any]], ...]) -> None:
    base, ours, theirs = map(notebook, sides)
    same_from_both_sides(base, ours, theirs)


def test_which_of_two_cells_is_the_same_does_not_depend_on_who_merges() -> None:
    ours = notebook([*code("x = 1\nx = 1\nx = 1"), *code("", "", "")])
    theirs = notebook([cell("markdown", []), *code("x = 1\nx = 1")])
    same_from_both_sides(notebook([]), ours, theirs)


def same_from_both_sides(base: bytes, ours: bytes, theirs: bytes) -> None:
    one, other = merge(base, ours, theirs), merge(base, theirs, ours)
    assert bool(one.conflicts) == bool(other.conflicts)
    assert lines_of(cells_of(one.content)) == lines_of(cells_of(other.content))


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        pytest.param(["a", "b"], ["a 1", "b"], ["a", "b 2"], ["a 1", "b 2"], id="edits of different cells"),
        pytest.param(["p\nq\nr"], ["P\nq\nr"], ["p\nq\nR"], ["P\nq\nR"], id="edits of different lines of a cell"),
        pytest.param(["p\nq\nr"], ["p\nq\nr\ns"], ["P\nq\nr"], ["P\nq\nr\ns"], id="a line behind the last one"),
        pytest.param(["a"], ["a", "mine"], ["a", "yours"], ["a", "mine", "yours"], id="both append: ours come first"),
        pytest.param(["a"], ["a", "new"], ["a", "new"], ["a", "new"], id="both append the same cell"),
        pytest.param(["a 1"], ["a 2"], ["a 2"], ["a 2"], id="both make the same edit"),
        pytest.param(["a", "b", "c"], ["a", "c"], ["a", "b", "c", "d"], ["a", "c", "d"], id="deleted and appended"),
        pytest.param(["a", "b"], ["b"], ["a"], [], id="each deletes one"),
        pytest.param(
            ["a x y", "b", "c"], ["b", "c", "a x y"], ["a x z", "b", "c"], ["b", "c", "a x z"], id="moved and edited"
        ),
        pytest.param(
            ["a", "b", "c", "d"], ["d", "a", "b", "c"], ["b", "c", "a", "d"], ["d", "b", "c", "a"], id="moves"
        ),
        pytest.param(["", ""], ["", "", "x"], ["y", "", ""], ["y", "", "", "x"], id="empty cells"),
        pytest.param([], ["a"], ["b"], ["a", "b"], id="from nothing"),
    ],
)
def test_clean_merges(base: list[str], ours: list[str], theirs: list[str], result: list[str]) -> None:
    assert merged(base, ours, theirs) == (result, 0)


def test_a_conflict_stands_in_the_cell() -> None:
    base, ours, theirs = ["import os", "a = 1\nb = 2\nc = 3"], ["import os", "a = 1\nb = 20\nc = 3"], None
    theirs = ["import os", "a = 1\nb = 30\nc = 3\nd = 4"]
    expected = "a = 1\n<<<<<<< ours\nb = 20\n=======\nb = 30\n>>>>>>> theirs\nc = 3\nd = 4"
    assert merged(base, ours, theirs) == (["import os", expected], 1)
    done = merge(*(notebook(code(*one)) for one in (base, ours, theirs)), Labels("HEAD", "feature", "base", 9))
    assert sources(done.content)[1] == (
        "a = 1\n<<<<<<<<< HEAD\nb = 20\n||||||||| base\nb = 2\n=========\nb = 30\n>>>>>>>>> feature\nc = 3\nd = 4"
    )
    assert [str(conflict) for conflict in done.conflicts] == ["cell 2: both sides changed the same lines"]
    parse(done.content)  # markers in the text of a cell are none in the JSON
    valid(done.content)


def test_deleted_on_one_side_and_changed_on_the_other() -> None:
    result, conflicts = merged(["a = 1\nb = 2", "c"], ["c"], ["a = 1\nb = 3", "c"])
    assert result == ["<<<<<<< ours\n=======\na = 1\nb = 3\n>>>>>>> theirs", "c"]
    assert conflicts == 1


READ, USE = "secret = read(1)\nkeep(secret)", "def g(x):\n    return x + one\nprint(g(2))"


@pytest.mark.parametrize(
    ("base", "deleted", "moved", "result"),
    [
        pytest.param(
            ["one = 1", READ, USE, "two = 2"],
            ["one = 1", USE, "two = 2"],
            ["one = 1", f"{READ}\n{USE}", "two = 2"],
            ["one = 1", f"<<<<<<< ours\n=======\n{READ}\n>>>>>>> theirs\n{USE}", "two = 2"],
            id="joined into the next cell",
        ),
        pytest.param(
            ["one = 1", USE, READ, "two = 2"],
            ["one = 1", USE, "two = 2"],
            ["one = 1", f"{USE}\n\n{READ}", "two = 2"],
            ["one = 1", f"{USE}\n\n<<<<<<< ours\n=======\n{READ}\n>>>>>>> theirs", "two = 2"],
            id="joined into the one before",
        ),
        pytest.param(
            [READ, USE, "two = 2"],
            [USE, "two = 2"],
            [f"{USE}", "two = 2", f"with lock:\n    {READ}\nprint('over and out', flush=True)\nclose(everything)"],
            None,
            id="wrapped into a new cell",
        ),
        pytest.param(
            [f"{READ}\n{USE}", "two = 2"],
            [USE, "two = 2"],
            [USE, READ, "two = 2"],
            [USE, f"<<<<<<< ours\n=======\n{READ}\n>>>>>>> theirs", "two = 2"],
            id="the lines of a cell that was split",
        ),
    ],
)
def test_what_one_side_deleted_and_the_other_moved_is_a_conflict(
    base: list[str], deleted: list[str], moved: list[str], result: list[str] | None
) -> None:
    found, conflicts = merged(base, deleted, moved)
    assert conflicts == 1
    assert result is None or found == result
    assert merged(base, moved, deleted)[1] == 1


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        pytest.param([READ, USE], [f"{READ}\n{USE}"], [f"{READ}\n{USE}"], [f"{READ}\n{USE}"], id="joined by both"),
        pytest.param([READ, USE], [USE], [USE], [USE], id="deleted by both"),
        pytest.param(
            ["import os\nx = 1", "y = 2"], ["x = 1", "y = 2"], ["x = 1", "import os\ny = 2"],
            ["x = 1", "import os\ny = 2"], id="one line that moved",
        ),
        pytest.param([READ, USE], [READ, USE, "a"], [f"{READ}\n{USE}"], [f"{READ}\n{USE}", "a"], id="joined by one"),
    ],
)  # fmt: skip
def test_moves_that_bring_nothing_back_are_clean(
    base: list[str], ours: list[str], theirs: list[str], result: list[str]
) -> None:
    assert merged(base, ours, theirs) == (result, 0)
    assert merged(base, theirs, ours)[1] == 0


@given(st.data())
def test_no_clean_merge_brings_back_a_cell_that_was_deleted(data: st.DataObject) -> None:
    """Ours deletes a cell and theirs joins it to a neighbour, whatever else either does to other cells."""
    writer = Writer(data.draw, "base")
    base = [cell("code", [writer.line() for _ in range(data.draw(st.integers(1, 4)))]) for _ in range(5)]
    at = data.draw(st.integers(0, 3))
    joined = cell("code", [line for one in base[at : at + 2] for line in "".join(one["source"]).split("\n")])
    gone = at + data.draw(st.integers(0, 1))
    ours, theirs = base[:gone] + base[gone + 1 :], [*base[:at], joined, *base[at + 2 :]]
    for side in (ours, theirs):
        others = [one for one in range(len(side)) if side[one] in base[:at] + base[at + 2 :]]
        if data.draw(st.booleans()) and others:
            edited = data.draw(st.sampled_from(others))
            side[edited] = cell("code", ["".join(side[edited]["source"]), f"edited_{side is ours} = 1"])
    for one, other in ((ours, theirs), (theirs, ours)):
        assert merge(notebook(base), notebook(one), notebook(other)).conflicts


ATTACHED = {"x.png": {"image/png": "iVBORw0KGgo="}}


@pytest.mark.parametrize("kind", ["markdown", "raw"])
@pytest.mark.parametrize("before", [None, {"old.png": {"image/png": "AAAA"}}])
def test_an_attachment_against_a_change_to_code_opens(kind: str, before: dict[str, Any] | None) -> None:
    was = cell(kind, ["![x](attachment:x.png)", "two three four"])
    base, ours = was | ({"attachments": before} if before else {}), was | {"attachments": ATTACHED}
    sides = [notebook([one]) for one in (base, ours, cell("code", ["![x](attachment:x.png)", "two three four"]))]
    for done in (merge(*sides), merge(sides[0], sides[2], sides[1])):
        valid(done.content)
        assert cells_of(done.content)[0]["attachments"]["x.png"] == ATTACHED["x.png"]
        assert any("attachments" in str(conflict) for conflict in done.conflicts)


@pytest.mark.parametrize("before", [None, {"x.png": {"image/png": "AAAA"}}])
def test_an_attachment_against_a_deletion_is_a_conflict(before: dict[str, Any] | None) -> None:
    was = cell("markdown", ["![x](attachment:x.png)"])
    base = was | ({"attachments": before} if before else {})
    sides = notebook([base]), notebook([was | {"attachments": ATTACHED}]), notebook([])
    for done in (merge(*sides), merge(sides[0], sides[2], sides[1])):
        assert cells_of(done.content)[0]["attachments"] == ATTACHED
        assert "got attachments on the other; it is kept" in str(done.conflicts[0])
    assert merge(sides[1], notebook([was]), notebook([])).conflicts == (), "it lost them, and nothing is lost"


def test_a_cell_that_became_code_and_lost_its_attachment_is_clean() -> None:
    was = cell("markdown", ["a b c"])
    done = merge(notebook([was | {"attachments": ATTACHED}]), notebook([cell("code", ["a b c"])]), notebook(
        [was | {"attachments": ATTACHED}, cell("code", ["new"])]
    ))  # fmt: skip
    valid(done.content)
    assert done.conflicts == ()
    assert "attachments" not in cells_of(done.content)[0]


def test_two_notebooks_without_a_base_share_their_cells() -> None:
    result, conflicts = merged(None, ["import os", "x = load(1)", "mine"], ["import os", "x = load(2)", "yours()"])
    assert result == [
        "import os",
        "<<<<<<< ours\nx = load(1)\n=======\nx = load(2)\n>>>>>>> theirs",
        "mine",
        "yours()",
    ]
    assert conflicts == 1


def test_metadata_is_merged_by_key() -> None:
    base = notebook(code("x"), kaggle={"a": 1, "b": 1, "c": 1}, language_info={"version": "3.10"})
    ours = notebook(code("x"), kaggle={"a": 2, "b": 1}, language_info={"version": "3.11"})
    theirs = notebook(code("x"), kaggle={"a": 1, "b": 3, "c": 1, "d": 4}, language_info={"version": "3.12"})
    done = merge(base, ours, theirs)
    assert json.loads(done.content)["metadata"] == {
        "kaggle": {"a": 2, "b": 3, "d": 4},
        "kernelspec": KERNEL,
        "language_info": {"version": "3.11"},
    }
    assert done.conflicts == ()
    (conflict,) = merge(base, ours, notebook(code("x"), kaggle={"a": 9, "b": 1, "c": 1})).conflicts
    assert str(conflict) == "metadata.kaggle.a was changed on both sides; it is 2 now, theirs was 9"


def test_tags_are_a_set() -> None:
    def tagged(*tags: str) -> bytes:
        return notebook([cell("code", ["x"]) | {"metadata": {"tags": list(tags)}}])

    done = merge(tagged("a", "b"), tagged("b", "mine"), tagged("yours", "a", "b"))
    assert cells_of(done.content)[0]["metadata"] == {"tags": ["b", "mine", "yours"]}
    assert done.conflicts == ()


def test_the_newer_format_gives_every_cell_an_id_and_the_older_none() -> None:
    old, new = notebook(code("x"), 4), notebook(code("x", "y"), 5)
    assert [one.get("id") for one in cells_of(merge(old, notebook(code("z", "x"), 4), new).content)] == ["0", "1", "2"]
    back = merge(notebook(code("x"), 5), notebook(code("z", "x"), 4), new)
    assert json.loads(back.content)["nbformat_minor"] == 4
    assert not any("id" in one for one in cells_of(back.content))
    valid(back.content)


def test_a_cell_keeps_the_outputs_of_the_side_whose_source_it_has() -> None:
    out = [{"name": "stdout", "output_type": "stream", "text": ["1\n"]}]
    run = [one | {"id": f"c-{at}", "outputs": out, "execution_count": at} for at, one in enumerate(code("a", "b", "c"))]
    ours = json.dumps({**json.loads(notebook([])), "cells": run}, indent=2).encode()
    base, theirs = notebook(code("a", "b", "c")), notebook(code("a", "b 2", "c", "d"))
    for done in (merge(base, ours, theirs), merge(base, theirs, ours)):
        cells = cells_of(done.content)
        assert sources(done.content) == ["a", "b 2", "c", "d"]
        assert [one["outputs"] for one in cells] == [out, [], out, []]
        assert [one["execution_count"] for one in cells] == [0, None, 2, None]
        valid(done.content)
    assert merge(base, ours, theirs).content.startswith(b'{\n  "cells"')


def test_ids_that_people_keep_stay_and_are_there_once() -> None:
    def kept(*names: str) -> bytes:
        cells = [one | {"id": name} for one, name in zip(code("a", "b", "c", "d"), names, strict=False)]
        return json.dumps({**json.loads(notebook([])), "cells": cells}, indent=1).encode()

    base = kept("k-a", "k-b")
    ours, theirs = kept("k-a", "k-b", "k-c"), kept("k-a", "k-b", "k-c").replace(b'"c"', b'"other"')
    done = merge(base, ours, theirs)
    assert [one["id"] for one in cells_of(done.content)] == ["k-a", "k-b", "k-c", "3"]
    valid(done.content)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"nbformat": 3, "worksheets": [], "metadata": {}}'])
def test_what_is_no_notebook_of_today_is_refused(data: bytes) -> None:
    fine = notebook(code("x"))
    for sides in ((data, fine, notebook([])), (fine, data, notebook([])), (fine, notebook([]), data)):
        with pytest.raises(NotebookError):
            merge(*sides)


def test_neither_a_big_notebook_nor_a_big_cell_takes_long_to_go_through() -> None:
    """Not judged by the clock: a quadratic step would not end."""
    long = [f"line {number % 50}" for number in range(3000)]
    base = code(*(f"cell {at}\nx_{at} = {at}" for at in range(2000)), "\n".join(long))
    ours, theirs = base[1000:] + base[:1000] + code("mine"), code("yours") + base[::-1]
    done = merge(notebook(base), notebook(ours), notebook(theirs))
    assert lines_of(base) <= lines_of(cells_of(done.content))
