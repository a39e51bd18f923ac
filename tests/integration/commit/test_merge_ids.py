"""A permanent id through merges: a deliberate change stays; what puts it back is refused at commit, push, check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.commit.pushing import clone_to_push_from
from tests.integration.commit.story import Clone, kernel, sahel_nb

META = "notebooks/fula-model/kernel-metadata.json"
ALLOWED = {"SAHEL_NB_ALLOW_ID_CHANGE": "1"}
BACK = "changes the permanent id team/fula-model to awa/fula-model"


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """On a branch `t` that was made before main moved the kernel to the team."""
    clone = clone_to_push_from(tmp_path)
    kernel(clone)
    clone.must("push", "-q", "-u", "origin", "main")
    clone.must("branch", "t")
    change(clone, id="team/fula-model")
    assert clone.run("commit", "-qam", "Move to the team", **ALLOWED).code == 0
    assert clone.run("push", "-q", "origin", "main", **ALLOWED).code == 0
    clone.must("switch", "-q", "t")
    return clone


def change(clone: Clone, **keys: Any) -> None:
    clone.git.write(META, json.dumps(json.loads(clone.disk(META)) | keys, indent=2) + "\n")


def identity(clone: Clone, rev: str = "HEAD") -> str:
    return str(json.loads(clone.committed(META, rev))["id"])


def test_a_merge_brings_a_changed_id(clone: Clone) -> None:
    change(clone, enable_internet=True)
    clone.must("commit", "-qam", "Work")
    clone.must("merge", "-q", "--no-edit", "main")
    assert identity(clone) == "team/fula-model"
    assert json.loads(clone.committed(META))["enable_internet"] is True
    clone.must("push", "-q", "origin", "t:main", "t")
    assert sahel_nb(clone, "check", "--range", "main..HEAD").code == 0


def test_a_merge_that_stops_for_another_reason_brings_it_too(clone: Clone) -> None:
    change(clone, enable_internet=True)
    clone.git.write("notes.txt", "theirs\n")
    clone.must("add", ".")
    clone.must("commit", "-qm", "Work")
    clone.must("switch", "-q", "main")
    clone.git.write("notes.txt", "ours\n")
    clone.must("add", ".")
    clone.must("commit", "-qm", "Notes")
    clone.must("switch", "-q", "t")
    assert clone.run("merge", "-q", "--no-edit", "main").code == 1
    clone.git.write("notes.txt", "both\n")
    clone.must("add", "notes.txt")
    clone.must("commit", "-qm", "Merged")
    assert identity(clone) == "team/fula-model"


@pytest.mark.parametrize("also", [{}, {"enable_gpu": True}])
def test_a_merge_that_puts_the_old_id_back_is_refused(clone: Clone, also: dict[str, Any]) -> None:
    change(clone, enable_internet=True)
    clone.must("commit", "-qam", "Work")
    clone.must("merge", "-q", "--no-commit", "main")
    change(clone, id="awa/fula-model", **also)
    clone.must("add", META)
    for command in (("commit", "-qm", "Merged"), ("-c", "core.hooksPath=/nowhere", "commit", "-qm", "Merged")):
        said = clone.run(*command)
        assert (said.code == 0) == ("-c" in command), said
        assert (BACK in said.err) == (said.code != 0)
    for ref in ("t:main", "t", "t:new"):
        said = clone.run("push", "-q", "origin", ref)
        assert said.code != 0
        assert BACK in said.err
    checked = sahel_nb(clone, "check", "--range", "main..HEAD")
    assert checked.code == 3
    assert BACK in checked.out + checked.err
    assert clone.run("push", "-q", "origin", "t", **ALLOWED).code == 0


def test_a_branch_that_has_not_merged_yet_changes_nothing(clone: Clone) -> None:
    change(clone, enable_internet=True)
    clone.must("commit", "-qam", "Work")
    clone.must("push", "-q", "-u", "origin", "t")
    assert sahel_nb(clone, "check", "--range", "main..HEAD").code == 0
