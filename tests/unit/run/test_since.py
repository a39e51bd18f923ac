"""What has changed since the last run failed: the last by the clock, among those on one service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.kernels.model import KernelRef
from sahel_nb.lock.record import Outcome
from sahel_nb.repo.worktree import Worktree
from sahel_nb.run import record
from sahel_nb.run.record import RunRecord
from sahel_nb.run.since import since_failure
from support.git import Git, Origin

REF = KernelRef("awa", "fula-lid")
HERE = "embedded"
REHEARSED = RunRecord(
    run_id="20261121T091503Z-4f1c2a", kernel=str(REF), shared_kernel=str(REF), dev=False, commit="", subject="ŋana",
    version=7, url="http://x", actor="Awa", account="awa", host="vm", began="2026-11-21T09:15:03Z",
    ended="2026-11-21T09:16:03Z", status="ERROR", failure="ValueError", source_sha256="", log_records=0,
    log_sha256="", files=(), missed=(), service="embedded",
)  # fmt: skip


@pytest.fixture
def repo(tmp_path: Path) -> Git:
    git = Git.init(tmp_path / "lab")
    git.write("notebooks/fula/fula.py", "print(1)\n")
    git.commit("notebooks", message="One")
    return git


def keep(repo: Git, found: RunRecord, name: str) -> str:
    commit = repo("rev-parse", "HEAD")
    folder = repo.root / "runs/fula-lid" / name
    folder.mkdir(parents=True)
    record.write(replace(found, commit=commit), folder)
    return commit


def test_a_run_is_compared_with_runs_and_a_rehearsal_with_rehearsals(repo: Git) -> None:
    """A rehearsal's versions are counted by another service: v7 there may be older than v1 on Kaggle."""
    commit = keep(repo, REHEARSED, "rehearsed")
    runs = repo.root / "runs"
    assert since_failure(runs, Worktree.discover(repo.root), REF, commit, "notebooks/fula", HERE) is not None
    assert since_failure(runs, Worktree.discover(repo.root), REF, commit, "notebooks/fula", "kaggle") is None
    keep(repo, replace(REHEARSED, version=1, began="2026-11-21T10:00:00Z", status="COMPLETE"), "rehearsed-again")
    assert since_failure(runs, Worktree.discover(repo.root), REF, commit, "notebooks/fula", HERE) is None
    # As an earlier version wrote them, without the service: their address names it.
    of_old = replace(REHEARSED, service="", url="https://www.kaggle.com/code/awa/fula-lid")
    keep(repo, of_old, "ran")
    assert since_failure(runs, Worktree.discover(repo.root), REF, commit, "notebooks/fula", "kaggle") is not None


def test_of_two_runs_in_one_second_the_later_version_is_the_last_one(repo: Git) -> None:
    commit = keep(repo, REHEARSED, "v7")
    keep(repo, replace(REHEARSED, version=8), "v8")
    found = since_failure(repo.root / "runs", Worktree.discover(repo.root), REF, commit, "notebooks/fula", HERE)
    assert found is not None
    assert found.failed.version == 8


def test_the_lines_that_changed_are_shown_and_a_notebook_by_its_mirror(repo: Git) -> None:
    old = keep(repo, replace(REHEARSED, failure="Exception encountered at \"In [3]\": KeyError: 'ŋ'"), "v7")
    repo.write("notebooks/fula/fula.py", "print('ɓ')\n-- x\n")
    repo.write("notebooks/fula/fula.ipynb", "{}")
    repo.write("notebooks/fula/ŋ-words.txt", "".join(f"{n}\n" for n in range(20)))
    repo.write("notebooks/other/x.py", "1")
    new = repo.commit("notebooks", message="Two")
    found = since_failure(repo.root / "runs", Worktree.discover(repo.root), REF, new, "notebooks/fula", HERE)
    assert found is not None
    assert str(found).startswith(f"since v7 failed at {old[:8]} (KeyError: 'ŋ'): notebooks/fula/fula.ipynb | 1 +;")
    assert "notebooks/fula/ŋ-words.txt | 20 +" in str(found)
    assert found.changed[:4] == (
        "notebooks/fula/fula.py:1 - print(1)",
        "notebooks/fula/fula.py:1 + print('ɓ')",
        "notebooks/fula/fula.py:2 + -- x",
        "notebooks/fula/ŋ-words.txt:1 + 0",
    )
    assert len(found.changed) == 13
    assert found.changed[-1] == f"… and 11 more: git diff {old[:8]} {new[:8]} -- notebooks/fula"


def test_a_clone_without_runs_asks_the_lock(repo: Git) -> None:
    commit = repo("rev-parse", "HEAD")
    outcome = Outcome("r", 3, "ERROR", commit, "Binta", "", "", "", "")
    runs = repo.root / "runs"
    found = since_failure(runs, Worktree.discover(repo.root), REF, commit, "notebooks/fula", HERE, lambda: outcome)
    assert found is not None
    assert str(found) == f"v3 failed at {commit[:8]}, and nothing of this kernel was changed since"
    complete = replace(outcome, status="COMPLETE")
    assert (
        since_failure(runs, Worktree.discover(repo.root), REF, commit, "notebooks/fula", HERE, lambda: complete) is None
    )
    elsewhere = replace(outcome, commit="0" * 40)
    assert (
        since_failure(runs, Worktree.discover(repo.root), REF, commit, "notebooks/fula", HERE, lambda: elsewhere)
        is None
    )
    keep(repo, replace(REHEARSED, status="COMPLETE"), "ran")
    assert (
        since_failure(runs, Worktree.discover(repo.root), REF, commit, "notebooks/fula", HERE, lambda: outcome) is None
    )


def test_the_commit_of_a_failure_is_fetched_though_its_branch_is_gone(repo: Git, tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    repo("remote", "add", "origin", str(origin.path))
    repo.push()
    repo.write("notebooks/fula/fula.py", "print(2)\n")
    ran = repo.commit("notebooks", message="On a branch")
    repo("push", "-q", "origin", f"{ran}:refs/sahel/commits/{ran}")
    other = origin.clone("moussa", f"file://{origin.path}")
    outcome = Outcome("r", 3, "ERROR", ran, "Awa", "", "", "", "")
    found = since_failure(
        other.root / "runs", Worktree.discover(other.root), REF, other.head(), "notebooks/fula", HERE, lambda: outcome
    )
    assert found is not None
    assert found.changed == ("notebooks/fula/fula.py:1 - print(2)", "notebooks/fula/fula.py:1 + print(1)")
