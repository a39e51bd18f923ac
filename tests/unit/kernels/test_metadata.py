"""kernel-metadata.json: what would be refused, silently changed or charged for in vain is found before a push."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.errors import UsageError
from sahel_nb.kernels.metadata import Metadata, slugify_title, title_for
from sahel_nb.kernels.model import KernelRef

GOOD: dict[str, Any] = {
    "id": "awa/fula-lid-trainer",
    "title": "Fula LID trainer",
    "code_file": "fula.ipynb",
    "language": "python",
    "kernel_type": "notebook",
    "is_private": True,
    "enable_gpu": False,
    "enable_tpu": False,
    "enable_internet": False,
    "dataset_sources": ["awa/fula-text"],
}


def parse(**changes: Any) -> Metadata:
    return Metadata.from_json(json.dumps({**GOOD, **changes}).encode())


def blocking(**changes: Any) -> list[str]:
    return [problem.key for problem in parse(**changes).problems() if problem.blocks]


def test_a_good_one_has_no_problem() -> None:
    assert parse().problems() == ()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"title": "Another title"}, "title"),
        ({"title": "Abcd", "id": "awa/abcd"}, "title"),
        ({"kernel_type": "book"}, "kernel_type"),
        ({"language": "julia"}, "language"),
        ({"code_file": "../x.ipynb"}, "code_file"),
        ({"id_no": 12}, "id_no"),
        ({"dataset_sources": ["fula-text"]}, "dataset_sources"),
        ({"dataset_sources": "awa/fula-text"}, "dataset_sources"),
        ({"model_sources": ["awa/m"]}, "model_sources"),
    ],
)
def test_what_kaggle_would_refuse_or_change_blocks(changes: dict[str, Any], key: str) -> None:
    assert key in blocking(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"dataset_sources": ["awa/fula-text/3"]}, {"model_sources": ["g/gemma/pyTorch/2b/1"]}, {"kernel_sources": []}],
)
def test_near_misses_do_not_block(changes: dict[str, Any]) -> None:
    assert blocking(**changes) == []


def test_advice_does_not_block() -> None:
    problems = parse(machine_shape="NvidiaL4x4").problems()
    assert [(problem.blocks, "NvidiaL4" in problem.message) for problem in problems] == [(False, True)]
    assert not any(problem.blocks for problem in parse(machine_shape="NvidiaTeslaP100").problems())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"id": 3}', b"\xff", b'{"id": "a b/c"}'])
def test_what_is_no_metadata_is_a_usage_error(data: bytes) -> None:
    with pytest.raises(UsageError):
        Metadata.from_json(data)


def test_everything_is_written_out_and_nothing_is_dropped() -> None:
    written = json.loads(Metadata.from_json(json.dumps({**GOOD, "ŋ": "ɓ", "enable_gpu": "true"}).encode()).to_json())
    assert written["ŋ"] == "ɓ"
    assert written["enable_gpu"] is True
    assert written["competition_sources"] == written["model_sources"] == written["keywords"] == []


def test_a_personal_copy_forgets_the_shared_number() -> None:
    ref = KernelRef("binta", "fula-lid-trainer-dev")
    renamed = parse(id_no=7).renamed(ref, "Fula Lid Trainer Dev")
    assert json.loads(renamed.to_json())["id"] == "binta/fula-lid-trainer-dev"
    assert "id_no" not in json.loads(renamed.to_json())
    assert renamed.problems() == ()


@given(st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,5}", fullmatch=True))
def test_a_title_made_for_a_slug_resolves_to_it(slug: str) -> None:
    assert slugify_title(title_for(slug)) == slug
