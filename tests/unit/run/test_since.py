"""What has changed since the last run failed: the last by the clock, whichever service numbered it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.kernels.model import KernelRef
from sahel_nb.run import record
from sahel_nb.run.record import RunRecord
from sahel_nb.run.since import since_failure
from support.git import Git

REF = KernelRef("awa", "fula-lid")
REHEARSED = RunRecord(
    run_id="20261121T091503Z-4f1c2a", kernel=str(REF), shared_kernel=str(REF), dev=False, commit="", subject="ŋana",
    version=7, url="http://x", actor="Awa", account="awa", host="vm", began="2026-11-21T09:15:03Z",
    ended="2026-11-21T09:16:03Z", status="ERROR", failure="ValueError", source_sha256="", log_records=0,
    log_sha256="", files=(), missed=(),
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


def test_a_run_that_went_well_after_a_rehearsal_that_failed_is_the_last_one(repo: Git) -> None:
    """A rehearsal's versions are counted by another service: v7 there may be older than v1 on Kaggle."""
    commit = keep(repo, REHEARSED, "rehearsed")
    runs = repo.root / "runs"
    assert since_failure(runs, repo.root, REF, commit, "notebooks/fula") is not None
    keep(repo, replace(REHEARSED, version=1, began="2026-11-21T10:00:00Z", status="COMPLETE"), "ran")
    assert since_failure(runs, repo.root, REF, commit, "notebooks/fula") is None


def test_of_two_runs_in_one_second_the_later_version_is_the_last_one(repo: Git) -> None:
    commit = keep(repo, REHEARSED, "v7")
    keep(repo, replace(REHEARSED, version=8), "v8")
    found = since_failure(repo.root / "runs", repo.root, REF, commit, "notebooks/fula")
    assert found is not None
    assert found.failed.version == 8
