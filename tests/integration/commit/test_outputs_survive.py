"""Proves that no output is lost on a round trip: git takes notebooks away and gives them back, and every byte is there.

`pytest -rP` shows what was counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.commit.desk import AGAIN, COMMITTED, EDITED, KINDS, NEW, THEIRS, Desk, called, counted, desk_in


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_in(tmp_path)


def _stash(desk: Desk) -> None:
    desk.do("stash -q")
    lost = desk.lost(*COMMITTED)
    counted("stash", [*COMMITTED, NEW], lost)
    assert lost == []
    desk.do("stash pop -q")


def _stash_with_new(desk: Desk) -> None:
    desk.do("stash -q -u")
    assert not (desk.clone.root / NEW).exists()
    desk.do("stash pop -q")


def _stash_index(desk: Desk) -> None:
    desk.do("add .")
    desk.do("stash -q")
    desk.do("stash pop -q --index")


def _stash_patch_of_one(desk: Desk) -> None:
    desk.clone.must("stash", "push", "-q", "--", EDITED, AGAIN)
    desk.do("stash apply -q")


def _stash_to_branch(desk: Desk) -> None:
    desk.do("stash -q -u")
    desk.do("stash branch later")


def _switch_and_back(desk: Desk) -> None:
    desk.branch_of_bob(*COMMITTED)
    desk.commit()
    desk.do("switch -q other")
    assert desk.lost(*COMMITTED) == []
    assert desk.sources(EDITED) == [*THEIRS, called(EDITED)]
    desk.do("switch -q -")


def _checkout_and_back(desk: Desk) -> None:
    desk.branch_of_bob(*COMMITTED)
    desk.do("checkout -q -b mine")
    desk.commit()
    desk.do("checkout -q other")
    desk.do("checkout -q main")
    assert desk.lost(*COMMITTED) == []
    desk.do("checkout -q --detach other")
    desk.do("checkout -q mine")


def _switch_to_where_they_are_not(desk: Desk) -> None:
    desk.commit()
    desk.do("switch -q --orphan empty")
    assert not (desk.clone.root / EDITED).exists()
    desk.do("switch -q main")


def _reset_and_back(desk: Desk) -> None:
    desk.commit()
    desk.do("reset -q --hard HEAD~1")
    assert desk.lost(*COMMITTED) == []
    desk.do("reset -q --hard ORIG_HEAD")


def _merge_aborted(desk: Desk) -> None:
    desk.commit()
    desk.bob_edits(EDITED, sources=("a", "b, theirs", "c", "d", "e"))
    desk.do("fetch -q")
    desk.clone.run("merge", "-q", "--no-commit", "origin/main")
    desk.do("merge --abort")


def _rebase_aborted(desk: Desk) -> None:
    desk.commit()
    desk.bob_edits(EDITED, sources=("a", "b, theirs", "c", "d", "e"))
    desk.do("fetch -q")
    assert desk.clone.run("rebase", "-q", "origin/main").code != 0
    desk.do("rebase --abort")


def _pre_commit_framework(desk: Desk) -> None:
    """The real one: it puts unstaged changes aside with `git diff` and `git checkout`, and back with `git apply`."""
    _configured(desk)
    desk.clone.must("add", ".pre-commit-config.yaml")
    said = desk.clone.run("commit", "-m", "Not the notebooks", "--", ".pre-commit-config.yaml")
    assert said.code == 0, said
    assert "Stashing unstaged files" in said.out + said.err


def _pre_commit_framework_with_all_staged(desk: Desk) -> None:
    """Every notebook is staged, a new one too, and was executed or edited since: that part is put aside."""
    now = {path: desk.clone.disk(path) for path in (*KINDS, NEW)}
    for path, raw in now.items():
        desk.clone.git.write(path, raw.replace(b"second", b"earlier").replace(b"b, mine", b"b, staged"))
    _configured(desk)
    desk.do("add .")
    for path, raw in now.items():
        desk.clone.git.write(path, raw)
    said = desk.clone.run("commit", "-m", "What is staged")
    assert said.code == 0, said
    assert "Stashing unstaged files" in said.out + said.err
    assert b"b, staged" in desk.clone.committed(EDITED)


def _pre_commit_framework_with_a_new_one_announced(desk: Desk) -> None:
    _configured(desk)
    desk.do("add .pre-commit-config.yaml")
    desk.clone.must("add", "--intent-to-add", NEW)
    said = desk.clone.run("commit", "-m", "Not the notebooks")
    assert said.code == 0, said
    assert "Stashing unstaged files" in said.out + said.err


def _configured(desk: Desk) -> None:
    hook = "{id: look, name: look, entry: git status --short, language: system, pass_filenames: false, verbose: true}"
    desk.clone.git.write(".pre-commit-config.yaml", f"repos: [{{repo: local, hooks: [{hook}]}}]\n")
    program = f"!'{sys.executable}' -m pre_commit"
    desk.clone.must("-c", f"alias.framework={program}", "framework", "install", "--overwrite")


def _worktree_added(desk: Desk) -> None:
    desk.do("add .")
    desk.do("worktree add -q ../second -b second")
    desk.clone.must("-C", "../second", "status", "--short")


ROUND_TRIPS: tuple[tuple[str, Callable[[Desk], None]], ...] = (
    ("stash pop", _stash),
    ("stash pop", _stash_with_new),
    ("stash pop", _stash_index),
    ("stash pop", _stash_patch_of_one),
    ("stash pop", _stash_to_branch),
    ("switch", _switch_and_back),
    ("switch", _switch_to_where_they_are_not),
    ("checkout", _checkout_and_back),
    ("reset", _reset_and_back),
    ("merge", _merge_aborted),
    ("rebase", _rebase_aborted),
    ("commit under pre-commit", _pre_commit_framework),
    ("commit under pre-commit", _pre_commit_framework_with_all_staged),
    ("commit under pre-commit", _pre_commit_framework_with_a_new_one_announced),
    ("worktree", _worktree_added),
)


@pytest.mark.parametrize(
    ("command", "there_and_back"), [pytest.param(*trip, id=trip[1].__name__.strip("_")) for trip in ROUND_TRIPS]
)
def test_there_and_back_every_byte_is_as_it_was(
    desk: Desk, command: str, there_and_back: Callable[[Desk], None]
) -> None:
    work = desk.work()
    there_and_back(desk)
    lost = desk.lost_of(work)
    counted(command, list(work), lost)
    assert lost == []
    assert [path for path, raw in work.items() if desk.clone.disk(path) != raw] == []
