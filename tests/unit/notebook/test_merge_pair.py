"""Both halves of a pair were edited: one pair comes out with every line that was added, or a conflict and nothing."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import event, given, settings

from sahel_nb.notebook.merge_pair import MergedPair, merge_pair
from sahel_nb.notebook.pair import in_step, mirror_of
from sahel_nb.notebook.strip import strip
from tests.unit.notebook.edits import branches, cells_of, lines_of, notebook
from tests.unit.notebook.shapes import simple

RUN = simple("import os", "print(1)", "x = 2")
HEAD = strip(RUN)
MIRROR = mirror_of(HEAD)


def executed(cells: list[dict[str, Any]]) -> bytes:
    document = json.loads(notebook(cells))
    for at, cell in enumerate(document["cells"]):
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [f"{cell['source']} {at}\n"]}]
    return json.dumps(document, indent=1).encode() + b"\n"


def outputs(data: bytes) -> set[str]:
    return {json.dumps(cell["outputs"], sort_keys=True) for cell in cells_of(data) if cell.get("outputs")}


@settings(max_examples=80)
@given(branches(unique=True))
def test_a_pair_in_step_with_every_line_or_a_conflict(sides: tuple[list[dict[str, Any]], ...]) -> None:
    base, ours, theirs = sides
    head = notebook(base)
    mine = executed(ours)
    done = merge_pair((head, mirror_of(head)), mine, mirror_of(notebook(theirs)))
    event("conflict" if done.problem else "merged")
    if done.problem:
        assert done == MergedPair(conflicts=done.conflicts)
        return
    assert in_step(done.notebook, done.mirror)
    assert done.mirror == mirror_of(done.notebook)
    result, before = lines_of(cells_of(done.notebook)), lines_of(base)
    assert lines_of(ours) - (before - lines_of(theirs)) <= result
    assert lines_of(theirs) - (before - lines_of(ours)) <= result
    still = {"".join(cell["source"]) for cell in cells_of(done.notebook)}
    for cell in cells_of(mine):
        if cell.get("outputs") and "".join(cell["source"]) in still:
            assert json.dumps(cell["outputs"], sort_keys=True) in outputs(done.notebook)


@settings(max_examples=60)
@given(branches(unique=False))
def test_whatever_repeats_itself_too(sides: tuple[list[dict[str, Any]], ...]) -> None:
    base, ours, theirs = sides
    head = notebook(base)
    done = merge_pair((head, mirror_of(head)), executed(ours), mirror_of(notebook(theirs)))
    if not done.problem:
        assert in_step(done.notebook, done.mirror)
        result = lines_of(cells_of(done.notebook))
        assert lines_of(ours) - lines_of(base) <= result
        assert lines_of(theirs) - lines_of(base) <= result


def edited(source: str) -> bytes:
    document = json.loads(RUN)
    document["cells"][1]["source"] = [source]
    return json.dumps(document, indent=1).encode() + b"\n"


def test_edits_of_different_cells_meet_and_outputs_stay() -> None:
    mirror = MIRROR.replace(b"import os", b"import sys") + "\n# %%\nnew = 'ŋ'\n".encode()
    done = merge_pair((HEAD, MIRROR), edited("print(111)"), mirror)
    assert done.problem == ""
    assert ["".join(cell["source"]) for cell in cells_of(done.notebook)] == [
        *("import sys", "print(111)", "x = 2", "new = 'ŋ'")
    ]
    assert outputs(done.notebook) == outputs(RUN)
    again = merge_pair((HEAD, MIRROR), done.notebook, mirror)
    assert again == done  # a merge that was stopped after its first file


def test_edits_of_one_cell_are_a_conflict_that_names_it() -> None:
    done = merge_pair((HEAD, MIRROR), edited("print(111)"), MIRROR.replace(b"print(1)", b"print(3)"))
    assert done.conflicts == ("cell 2: both sides changed the same lines",)


def test_without_a_pair_in_git_nothing_is_guessed() -> None:
    mirror = MIRROR + b"\n# %%\nnew = 1\n"
    for head in ((None, None), (HEAD, None), (HEAD, MIRROR.replace(b"x = 2", b"x = 3"))):
        assert "git has no pair in step" in merge_pair(head, edited("y"), mirror).problem


def test_what_the_header_alone_says_is_not_dropped() -> None:
    mirror = MIRROR.replace(b"# jupyter:\n", b"# jupyter:\n#   team: Awa\n") + b"\n# %%\nnew = 1\n"
    done = merge_pair((HEAD, MIRROR), edited("y"), mirror)
    assert done.problem or b"team: Awa" in done.mirror
    older = MIRROR.replace(b"format_version: '1.3'", b"format_version: '1.3'\n#       jupytext_version: 1.10.0")
    assert merge_pair((HEAD, MIRROR), edited("y"), older + b"\n# %%\nnew = 1\n").problem == ""
