"""Two kernel folders with one id are one kernel on Kaggle, with one lock: lint, check, the hooks and run say no."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.commit.pushing import clone_to_push_from
from tests.integration.commit.story import Clone, Said, kernel, sahel_nb

SAID = "SNB305"


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = clone_to_push_from(tmp_path)
    kernel(made, "first-kernel")
    made.must("push", "-qu", "origin", "main")
    return made


def copied(clone: Clone, to: str = "notebooks/second kernel", **changes: object) -> None:
    shutil.copytree(clone.root / "notebooks/first-kernel", clone.root / to)
    file = clone.root / to / "kernel-metadata.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes, indent=2) + "\n")
    clone.must("add", ".")


def refused(said: Said) -> None:
    assert said.code in (1, 3), said
    assert SAID in said.err + said.out, said
    assert "awa/first-kernel is the id of " in said.err + said.out


@pytest.mark.parametrize("changes", [{}, {"id": "AWA/First-Kernel"}], ids=["the same", "by another case"])
def test_a_copied_folder_is_refused_by_all_of_them(clone: Clone, changes: dict[str, object]) -> None:
    copied(clone, **changes)
    refused(sahel_nb(clone, "lint"))
    refused(sahel_nb(clone, "lint", "second kernel", cwd=clone.root / "notebooks"))  # the other one is not asked for
    refused(clone.run("commit", "-m", "two"))
    clone.must("commit", "-qm", "two", "--no-verify")
    refused(sahel_nb(clone, "check"))
    refused(sahel_nb(clone, "check", "--tree", "HEAD"))
    refused(clone.run("push"))
    clone.must("push", "-q", "--no-verify")

    said = sahel_nb(clone, "run", "--dry-run", "--local", "notebooks/first-kernel")
    sahel_nb(clone, "local", "stop")

    assert said.code == 3, said
    assert "awa/first-kernel is the id of notebooks/second kernel, too" in said.err
    assert "git rm -r 'notebooks/second kernel'" in sahel_nb(clone, "lint").out
    clone.must("rm", "-rq", "notebooks/second kernel")  # as was said
    clone.must("commit", "-qm", "one")
    assert sahel_nb(clone, "check", "--tree", "HEAD").code == 0


def test_a_folder_that_is_moved_keeps_its_id(clone: Clone) -> None:
    clone.must("mv", "notebooks/first-kernel", "notebooks/moved")
    clone.must("commit", "-qm", "moved")
    clone.must("push", "-q")


def test_a_copy_with_an_id_of_its_own_is_a_kernel(clone: Clone) -> None:
    copied(clone, id="awa/second-kernel", title="Second Kernel")
    clone.must("commit", "-qm", "two")
    assert sahel_nb(clone, "lint").code == 0


def test_who_changes_something_else_is_not_stopped(clone: Clone) -> None:
    copied(clone)
    clone.must("commit", "-qm", "two", "--no-verify")
    clone.git.write("README.md", "words\n")
    clone.must("add", "README.md")
    clone.must("commit", "-qm", "words")
