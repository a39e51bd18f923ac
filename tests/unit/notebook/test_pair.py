"""Proves pairing: mirrors that do not depend on versions, outputs that survive, and a direction decided by content."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.errors import UsageError
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.generate import from_text, with_kernel
from sahel_nb.notebook.pair import Direction, decide, in_step, looks_like_mirror, mirror_of, notebook_from
from sahel_nb.notebook.strip import is_stripped, strip
from tests.unit.notebook.shapes import simple

RUN = simple("import os", "print('ŋ ɓ ɗ ɲ')")
HEAD = strip(RUN)
MIRROR = mirror_of(HEAD)
EDITED_RUN = simple("import os", "print('edited')")
EDITED = strip(EDITED_RUN)
EDITED_MIRROR = mirror_of(EDITED)


def sources(notebook: bytes) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(notebook)["cells"]]


def test_the_mirror_ignores_outputs_and_versions() -> None:
    assert mirror_of(RUN) == MIRROR
    assert b"jupytext_version" not in MIRROR
    assert "print('ŋ ɓ ɗ ɲ')".encode() in MIRROR


def test_there_and_back() -> None:
    made = notebook_from(MIRROR)
    assert strip(made) == HEAD
    assert mirror_of(made) == MIRROR


def test_an_edited_mirror_keeps_outputs_ids_and_hidden_metadata() -> None:
    base = json.loads(RUN)
    base["metadata"]["kaggle"] = {"accelerator": "none"}
    made = json.loads(notebook_from(MIRROR.replace(b"import os", b"import sys") + b"\n# %%\nlast = 1\n", _dumped(base)))
    assert [cell["id"] for cell in made["cells"]] == ["cell-0", "cell-1", "new-2"]
    assert made["cells"][1]["outputs"][0]["text"] == ["said 1\n"]
    assert made["cells"][0]["source"] == ["import sys"]
    assert made["metadata"]["kaggle"] == {"accelerator": "none"}
    assert "jupytext" not in made["metadata"]


def _dumped(notebook: object) -> bytes:
    return json.dumps(notebook).encode()


def test_the_result_is_the_same_every_time() -> None:
    text = MIRROR + b"\n# %%\nnew = 1\n\n# %%\nnewer = 2\n"
    assert notebook_from(text, RUN) == notebook_from(text, RUN)
    assert notebook_from(text) == notebook_from(text)


@pytest.mark.parametrize(
    ("now", "mirror", "expected"),
    [
        (HEAD, MIRROR, Direction.NOTHING),
        (RUN, MIRROR, Direction.NOTHING),
        (EDITED_RUN, MIRROR, Direction.TO_MIRROR),
        (RUN, EDITED_MIRROR, Direction.TO_NOTEBOOK),
        (EDITED, EDITED_MIRROR, Direction.NOTHING),
        (EDITED, MIRROR + b"\n# %%\nother = 1\n", Direction.CONFLICT),
        (HEAD, None, Direction.TO_MIRROR),
        (None, MIRROR, Direction.TO_NOTEBOOK),
        (None, None, Direction.NOTHING),
    ],
)
def test_the_direction(now: bytes | None, mirror: bytes | None, expected: Direction) -> None:
    assert decide(HEAD, MIRROR, now, mirror) is expected


def test_two_new_halves_must_agree() -> None:
    assert decide(None, None, HEAD, MIRROR) is Direction.NOTHING
    assert decide(None, None, HEAD, EDITED_MIRROR) is Direction.CONFLICT
    assert decide(None, MIRROR, HEAD, MIRROR) is Direction.TO_MIRROR


@pytest.mark.parametrize("fmt", ["py:percent", "py:hydrogen", "py:light"])
@pytest.mark.parametrize("base", [None, HEAD])
def test_a_notebook_follows_a_mirror_that_names_no_kernel_and_is_in_step(base: bytes | None, fmt: str) -> None:
    bare = b"a = 1\n" if fmt == "py:light" else b"# %%\na = 1\n"
    made = notebook_from(bare, base, fmt)
    assert json.loads(made)["metadata"]["kernelspec"]["name"] == "python3"
    assert in_step(made, bare, fmt)
    assert not in_step(HEAD, bare, fmt)
    assert not in_step(made.replace(b'"python3"', b'"conda"'), mirror_of(made, fmt), fmt), "another kernel is named"


def test_another_layout_of_the_mirror_is_in_step() -> None:
    older = MIRROR.replace(b"format_version: '1.3'", b"format_version: '1.3'\n#       jupytext_version: 1.10.0")
    assert older != MIRROR
    assert in_step(HEAD, older)
    assert not in_step(HEAD, EDITED_MIRROR)


code = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20).map(
    lambda t: f"# {t}\nx = 1"
)


@settings(max_examples=60, deadline=None)
@given(st.lists(code, min_size=1, max_size=4))
def test_a_notebook_and_its_own_mirror_are_in_step(cells: list[str]) -> None:
    notebook = strip(simple(*cells))
    mirror = mirror_of(notebook)
    assert in_step(notebook, mirror)
    followed = strip(notebook_from(mirror, notebook))
    assert in_step(followed, mirror)
    assert is_stripped(followed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MIRROR, True),
        (b"x = 1\n\n# %%\ny = 2\n", True),
        (b"# %% first\n", True),
        (b"import os\n\ndef main():\n    pass\n", False),
        (b"s = '# %%'\n", False),
        (b"", False),
    ],
)
def test_what_looks_like_a_mirror(text: bytes, expected: bool) -> None:
    assert looks_like_mirror(text) is expected


def test_what_cannot_be_converted_says_so() -> None:
    with pytest.raises(NotebookError, match="UTF-8"):
        notebook_from(b"# %%\n\xff")
    with pytest.raises(UsageError, match=r"pair\.format"):
        mirror_of(HEAD, "py:nonsense")
    with pytest.raises(NotebookError, match="nbformat 4"):
        mirror_of(b'{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}')


def test_generated_notebooks_name_their_kernel() -> None:
    made = from_text(b"print('no markers, so one cell')\n")
    assert sources(made) == ["print('no markers, so one cell')"]
    assert json.loads(made)["metadata"]["kernelspec"]["name"] == "python3"
    bare = simple("x").replace(b'"kernelspec"', b'"other"')
    assert json.loads(with_kernel(bare))["metadata"]["kernelspec"]["name"] == "python3"
    assert is_stripped(with_kernel(bare))
