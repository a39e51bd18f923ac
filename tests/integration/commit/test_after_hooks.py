"""What a checkout or a merge left behind is said, and never fails it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.commit.pushing import clone_to_push_from
from tests.integration.commit.story import Clone, kernel
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return clone_to_push_from(tmp_path)


def test_a_merge_that_mixes_halves_is_named_afterwards(clone: Clone) -> None:
    name = kernel(clone)
    clone.must("switch", "-qc", "side")
    clone.git.write(f"{name}.py", clone.disk(f"{name}.py") + b"\n# %%\nside = 1\n")
    clone.must("commit", "-qam", "Mirror alone", "--no-verify")
    clone.must("switch", "-q", "main")
    clone.git.write("README.md")
    clone.must("add", ".")
    clone.must("commit", "-qm", "Main")
    said = clone.run("merge", "--no-edit", "side")
    assert said.code == 0
    assert "saying different things" in said.err


def test_a_checkout_names_notebooks_committed_with_outputs(clone: Clone) -> None:
    clone.must("switch", "-qc", "raw")
    clone.commit_raw("a.ipynb", simple("x = 1"))
    clone.must("switch", "-qf", "main")
    said = clone.run("switch", "raw")
    assert said.code == 0
    assert "a.ipynb: committed with outputs" in said.err
    assert "git add --renormalize" in said.err
