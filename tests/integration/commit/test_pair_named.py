"""Proves that a mirror which only its notebook names is seen when it alone is touched: pushed, committed, on disk.

It lies in another folder, the configuration knows nothing of it, and its own header need not say so either.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sahel_nb.notebook.strip import strip
from tests.integration.commit.pushing import clone_to_push_from, pushed
from tests.integration.commit.story import Clone, sahel_nb, sources_of
from tests.unit.notebook.shapes import simple

NOTEBOOK, MIRROR = "notebooks/ŋ a.ipynb", "scripts/ŋ a.py"
FORMATS = "notebooks//ipynb,scripts//py:percent"
EDIT = b"\n# %%\nedited = 1\n"


def naming(**jupytext: str) -> bytes:
    document = json.loads(simple("import os", "x = 'ŋ'"))
    document["metadata"]["jupytext"] = {"formats": FORMATS, **jupytext}
    return strip(json.dumps(document).encode())


HEADERS = {
    "the mirror says it too": naming(),
    "only the notebook says it": naming(notebook_metadata_filter="-all"),
}


def with_pair(tmp_path: Path, header: str) -> Clone:
    made = clone_to_push_from(tmp_path)
    made.git.write("scripts/other.py", "import os\n")
    made.git.write(NOTEBOOK, HEADERS[header])
    made.must("add", ".")
    made.must("commit", "-qm", "A pair in two folders")
    assert (b"formats" in made.committed(MIRROR)) == (header == "the mirror says it too")
    return made


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return with_pair(tmp_path, "only the notebook says it")


def edit_mirror(clone: Clone) -> None:
    clone.git.write(MIRROR, clone.disk(MIRROR) + EDIT)


@pytest.mark.parametrize("header", HEADERS)
def test_a_push_that_touches_the_mirror_alone(tmp_path: Path, header: str) -> None:
    clone = with_pair(tmp_path, header)
    base = clone.git.head()
    assert pushed(clone, "HEAD").code == 0
    edit_mirror(clone)
    clone.must("commit", "-qam", "The mirror alone", "--no-verify")
    clone.must("commit", "-q", "--allow-empty", "-m", "Later", "--no-verify")
    said = pushed(clone, "HEAD", base=base)
    assert said.code != 0
    assert "SNB303" in said.err
    assert NOTEBOOK in said.err
    assert pushed(clone, "HEAD", base=base).code != 0  # what was not clean is not remembered as such
    assert sahel_nb(clone, "check", "--tree", "HEAD").code == 3


def test_a_mirror_that_is_removed_is_missed(clone: Clone) -> None:
    base = clone.git.head()
    clone.must("rm", "-q", MIRROR)
    clone.must("commit", "-qm", "Without it", "--no-verify")
    said = pushed(clone, "HEAD", base=base)
    assert said.code != 0
    assert "SNB304" in said.err


def test_a_notebook_that_named_its_mirror_at_the_time(clone: Clone) -> None:
    base = clone.git.head()
    edit_mirror(clone)
    clone.must("commit", "-qam", "The mirror alone", "--no-verify")
    clone.must("rm", "-q", NOTEBOOK)
    clone.must("commit", "-qm", "And then no notebook", "--no-verify")
    said = pushed(clone, "HEAD", base=base)
    assert said.code != 0
    assert "SNB303" in said.err


def test_other_texts_are_nobodys_mirror(clone: Clone) -> None:
    base = clone.git.head()
    clone.git.write("scripts/other.py", "import sys\n")
    clone.must("commit", "-qam", "A module")
    assert pushed(clone, "HEAD", base=base).code == 0
    assert clone.git("show", "--format=", "--name-only") == "scripts/other.py"


def test_a_commit_of_the_mirror_alone_takes_the_notebook_along(clone: Clone) -> None:
    edit_mirror(clone)
    clone.must("commit", "-qam", "The mirror alone")
    assert sources_of(clone.committed(NOTEBOOK))[-1] == "edited = 1"
    assert clone.status() == ""


def test_on_disk(clone: Clone) -> None:
    edit_mirror(clone)
    assert sahel_nb(clone, "pair").err == f"{NOTEBOOK} was brought in step\n"
    clone.must("checkout", "-q", "--", NOTEBOOK)
    assert sahel_nb(clone, "pair", MIRROR).err == f"{NOTEBOOK} was brought in step\n"
    assert sources_of(clone.disk(NOTEBOOK))[-1] == "edited = 1"


def test_in_a_new_clone(clone: Clone, tmp_path: Path) -> None:
    clone.must("push", "-q", "--no-verify", "origin", "HEAD:refs/heads/main")
    clone.must("clone", "-q", "-b", "main", clone.git("remote", "get-url", "origin"), str(tmp_path / "bob"))
    bob = Clone(type(clone.git)(tmp_path / "bob"))
    assert sahel_nb(bob, "install").code == 0
    assert "merge: sahel-nb-mirror" in bob.git("check-attr", "merge", "--", MIRROR)
    edit_mirror(bob)
    bob.must("-c", "user.name=Bob", "-c", "user.email=b@example.org", "commit", "-qam", "The mirror alone")
    assert sources_of(bob.committed(NOTEBOOK))[-1] == "edited = 1"
