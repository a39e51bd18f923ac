"""What Kaggle has otherwise than git pushed it: every setting, and what it was made from is never guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sahel_nb.errors import Refused
from sahel_nb.kernels.metadata import Metadata
from sahel_nb.kernels.model import KernelRef
from sahel_nb.kernels.settings import Settings
from sahel_nb.kernels.stamp import Stamp, stamp_notebook
from sahel_nb.repo.objects import CommitInfo
from sahel_nb.run.drift import Origin, find_drift, rescue
from sahel_nb.run.plan import Source

REF = KernelRef("awa", "fula-lid")
STAMP = Stamp("c" * 40, "20261121T091503Z-4f1c2a", "d" * 32)
ASKED: dict[str, Any] = {
    "id": str(REF), "title": "Fula Lid", "code_file": "fula-lid.ipynb", "language": "python",
    "kernel_type": "notebook", "is_private": True, "enable_gpu": False, "enable_tpu": False, "enable_internet": False,
    "dataset_sources": [], "keywords": ["utility script"],
}  # fmt: skip
GIVEN: dict[str, Any] = {
    "is_private": True, "enable_gpu": False, "enable_tpu": False, "enable_internet": False, "dataset_sources": [],
    "competition_sources": [], "kernel_sources": [], "model_sources": [], "keywords": ["util-script"],
    "docker_image": "python:a", "machine_shape": "None",
}  # fmt: skip
GPU = {"enable_gpu": True}
T4 = {"enable_gpu": True, "machine_shape": "NvidiaTeslaT4"}


def notebook(*cells: str) -> bytes:
    made = [
        {"cell_type": "code", "execution_count": None, "id": str(n), "metadata": {}, "outputs": [], "source": [text]}
        for n, text in enumerate(cells)
    ]
    return (json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n").encode()


CODE = notebook("import os", "print('ŋ')")
SCRIPT = "import os\nprint('ŋ', 2)\n"


def git(asked: dict[str, Any] | None = None, commit: str = STAMP.commit) -> Source:
    metadata = Metadata.from_json(json.dumps({**ASKED, **(asked or {})}).encode())
    return Source(CommitInfo(commit, commit[:7], "Awa", "awa@example.org", "", "ŋ"), "nb", metadata, CODE, "", None)


def kaggle(given: dict[str, Any] | None = None, source: str = "", **other: str) -> Settings:
    source = source or stamp_notebook(CODE, STAMP).decode()
    named = {"title": "Fula Lid", "language": "python", "kernel_type": "notebook"} | other
    return Settings(version=0, source=source, raw={**GIVEN, **(given or {})}, **named)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "pushed", "now", "expected"),
    [
        ({}, {}, {}, {}),
        ({}, {}, T4, {"enable_gpu": True, "machine_shape": "NvidiaTeslaT4"}),
        (T4, T4, {}, {"enable_gpu": False, "machine_shape": ""}),
        (GPU, T4, T4, {}),
        ({"enable_tpu": True, "machine_shape": "tpuv232"}, {}, {}, {}),
        ({"machine_shape": "NvidiaTeslaT4"}, T4, {**T4, "enable_gpu": False}, {}),
        ({"machine_shape": "NvidiaTeslaT4"}, T4, T4, {}),
        (GPU, T4, {**T4, "machine_shape": "NvidiaL4"}, {"machine_shape": "NvidiaL4"}),
        ({"machine_shape": "NvidiaTeslaP100"}, T4, T4, {}),
        ({}, {}, {"enable_tpu": True, "machine_shape": "TpuV5E8"}, {"enable_tpu": True, "machine_shape": "TpuV5E8"}),
        ({}, {}, {"docker_image": "python:b"}, {"docker_image": "python:b"}),
        ({"docker_image": "x"}, {"docker_image": "x"}, {"docker_image": "x"}, {}),
        ({}, {}, {"is_private": False, "enable_internet": True}, {"is_private": False, "enable_internet": True}),
        ({}, {}, {"keywords": ["util-script", "nlp"]}, {"keywords": ["utility script", "nlp"]}),
        ({}, {}, {"title": "FULA lid"}, {"title": "FULA lid"}),
    ],
)  # fmt: skip
def test_a_setting_that_was_changed_on_kaggle_comes_home(
    asked: dict[str, Any], pushed: dict[str, Any], now: dict[str, Any], expected: dict[str, Any]
) -> None:
    named = {key: now.pop(key) for key in ("title",) if key in now}
    versions = {1: kaggle(pushed), 2: kaggle(now, **named)}
    found = find_drift(REF, 2, versions.get, lambda _: git(asked), git(asked))
    assert {one.key: one.kaggle for one in found.settings} == expected
    assert all(one.brought for one in found.settings)
    before = json.dumps({**ASKED, **asked}, indent=2).encode()
    home = json.loads(rescue(found, CODE, before, before).metadata)
    assert {key: home.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("other", "key", "why"),
    [
        ({"title": "Another Name"}, "title", "which is another kernel"),
        ({"language": "r"}, "language", "written in"),
        ({"kernel_type": "script", "source": SCRIPT}, "kernel_type", "does not rewrite a notebook as a script"),
    ],
)
def test_what_a_rescue_cannot_take_home_is_named_with_the_reason(other: dict[str, str], key: str, why: str) -> None:
    found = find_drift(REF, 2, {1: kaggle(), 2: kaggle({}, **other)}.get, lambda _: git(), git())
    (one,) = found.settings
    assert (one.key, one.brought, why in one.kept_out) == (key, False, True)


def test_a_notebook_that_became_a_script_is_shown_and_never_written() -> None:
    versions = {1: kaggle(), 2: kaggle({}, source=SCRIPT, kernel_type="script")}
    found = find_drift(REF, 2, versions.get, lambda _: git(), git())
    assert (found.origin, "+print('ŋ', 2)" in found.diff) == (Origin.BELOW, True)
    with pytest.raises(Refused, match="is a script on Kaggle, and a notebook in git"):
        rescue(found, CODE, b"{}", b"{}")


def test_a_commit_that_cannot_be_had_is_named_and_nothing_else_is_taken_for_it() -> None:
    older = stamp_notebook(CODE, Stamp("e" * 40, "20261120T091503Z-4f1c2a", "f" * 32)).decode()
    versions = {1: kaggle({}, source=older), 2: kaggle()}
    with pytest.raises(Refused, match=f"commit {'c' * 12} is not in this clone"):
        find_drift(REF, 2, versions.get, lambda sha: git() if sha == "e" * 40 else None, git())
    named = find_drift(REF, 2, versions.get, lambda _: None, git(), git(commit="e" * 40))
    assert (named.origin, named.base.commit.sha, named.drifted) == (Origin.NAMED, "e" * 40, False)


def test_a_copy_that_was_made_from_nothing_known_is_shown_beside_head_and_never_brought() -> None:
    versions = {1: kaggle({}, source=notebook("import sys").decode())}
    found = find_drift(REF, 1, versions.get, lambda _: None, git())
    assert (found.origin, found.drifted) == (Origin.GUESSED, True)
    with pytest.raises(Refused, match="what it was made from is not known"):
        rescue(found, CODE, b"{}", b"{}")
    named = find_drift(REF, 1, versions.get, lambda _: None, git(), git())
    assert b"import sys" in rescue(named, CODE, json.dumps(ASKED).encode(), json.dumps(ASKED).encode()).code
