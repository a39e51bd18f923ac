"""From a commit to a payload, and from an ended run to an exit code: what is said when something does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.errors import OutputsIncomplete, RunCancelled, RunFailed, RunTimedOut, UsageError
from sahel_nb.kernels.metadata import Metadata
from sahel_nb.kernels.model import RunState, RunStatus
from sahel_nb.kernels.outputs import Missed
from sahel_nb.repo.objects import CommitInfo
from sahel_nb.run.finish import Finished, LockStillHeld
from sahel_nb.run.plan import Source, began, make_plan, new_run_id
from sahel_nb.run.record import RunRecord

NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
SETTINGS = """{"id": "awa/fula-lid", "title": "Fula Lid", "code_file": "x.ipynb", "kernel_type": "notebook",
    "language": "python", "dataset_sources": null, "kernel_sources": "awa/x", "model_sources": [1, "a/b/c/d"]}"""
DONE = RunRecord(
    run_id="20261121T091503Z-4f1c2a", kernel="awa/fula-lid", shared_kernel="awa/fula-lid", dev=False, commit="c" * 40,
    subject="ŋana", version=3, url="http://x", actor="Awa", account="awa", host="vm", began="2026-11-21T09:15:03Z",
    ended="2026-11-21T09:16:03Z", status="COMPLETE", failure="", source_sha256="", log_records=1, log_sha256="",
    files=(), missed=(),
)  # fmt: skip


def source(code: bytes) -> Source:
    commit = CommitInfo("c" * 40, "c" * 7, "Awa", "awa@example.org", "", "ŋana")
    return Source(commit, "my notebooks/ŋ", Metadata.from_json(SETTINGS.encode()), code, "", None)


@pytest.mark.parametrize(
    ("code", "what"), [(b"\xef\xbb\xbf" + NOTEBOOK, "byte order mark"), (b"not json", "not a version 4 notebook")]
)
def test_a_source_that_is_no_notebook_is_named(code: bytes, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        make_plan(source(code))
    assert "my notebooks/ŋ/x.ipynb" in caught.value.message
    assert caught.value.hints == ("sahel-nb lint 'my notebooks/ŋ/x.ipynb'",)


def test_sources_that_are_no_lists_are_none() -> None:
    metadata = source(NOTEBOOK).metadata
    assert metadata.sources() == ("a/b/c/d",)
    assert metadata.sources("dataset_sources") == ()
    assert any("dataset_sources" in problem.message for problem in metadata.problems())


def test_a_run_id_says_when_it_began() -> None:
    assert began("20261121T091503Z-4f1c2a") == "2026-11-21T09:15:03Z"
    assert len(began(new_run_id())) == 20


LIMIT = "Kernel has exceeded the max allowed execution duration."


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (RunStatus(RunState.ERROR, "it broke"), RunFailed),
        (RunStatus(RunState.ERROR, LIMIT), RunTimedOut),
        (RunStatus(RunState.CANCELLED, LIMIT), RunTimedOut),
        (RunStatus(RunState.CANCELLED), RunCancelled),
    ],
)
def test_the_end_of_a_run_is_its_exit_code(status: RunStatus, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        Finished(DONE, Path("runs"), status, None).raise_for_outcome()
    assert not str(caught.value).rstrip().endswith(":")


def test_missing_outputs_are_said_by_name() -> None:
    finished = Finished(replace(DONE, missed=(Missed("ɲ.txt", "no room"),)), Path(), RunStatus(RunState.COMPLETE), None)
    with pytest.raises(OutputsIncomplete) as caught:
        finished.raise_for_outcome()
    assert caught.value.details == ("ɲ.txt: no room",)


def test_a_lock_that_is_still_held_is_the_last_thing_that_an_exit_code_tells() -> None:
    held = LockStillHeld("v3 is complete, but its lock is still held")
    complete, failed = RunStatus(RunState.COMPLETE), RunStatus(RunState.ERROR, "it broke")
    with pytest.raises(LockStillHeld) as caught:
        Finished(DONE, Path(), complete, None, held).raise_for_outcome()
    assert caught.value.exit_code == 9
    with pytest.raises(OutputsIncomplete):
        Finished(replace(DONE, missed=(Missed("ɲ.txt", ""),)), Path(), complete, None, held).raise_for_outcome()
    with pytest.raises(RunFailed):
        Finished(DONE, Path(), failed, None, held).raise_for_outcome()
