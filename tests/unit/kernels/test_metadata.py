"""kernel-metadata.json: what would be refused, silently changed or charged for in vain is found before a push."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.errors import UsageError
from sahel_nb.kernels.metadata import Metadata, fix_metadata, slugify_title, title_for
from sahel_nb.kernels.model import KernelRef
from sahel_nb.kernels.shapes import LIVING, nearest

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
        ({"code_file": "../x.ipynb"}, "code_file"),
        ({"code_file": "/x.ipynb"}, "code_file"),
        ({"code_file": "a/../../x.ipynb"}, "code_file"),
        ({"code_file": "a\\x.ipynb"}, "code_file"),
        ({"code_file": ".git/x.ipynb"}, "code_file"),
        ({"code_file": "a/kernel-metadata.json", "kernel_type": "script"}, "code_file"),
        ({"code_file": "fula.py"}, "code_file"),
        ({"code_file": "fula.ipynb", "kernel_type": "script"}, "code_file"),
        ({"dataset_sources": ["awa//x"]}, "dataset_sources"),
        ({"dataset_sources": ["awa/x/y"]}, "dataset_sources"),
        ({"kernel_sources": ["awa"]}, "kernel_sources"),
        ({"competition_sources": ["a/b"]}, "competition_sources"),
        ({"model_sources": ["metric/nemotron/Transformers/default"]}, "model_sources"),
        ({"dataset_sources": ["fula-text"]}, "dataset_sources"),
        ({"dataset_sources": "awa/fula-text"}, "dataset_sources"),
        ({"model_sources": ["awa/m"]}, "model_sources"),
        ({"kernel_type": "notebook", "language": "rmarkdown", "code_file": "fula.Rmd"}, "code_file"),
        ({"language": "r", "code_file": "fula.irnb"}, "code_file"),
        ({"language": "julia"}, "language"),
        ({"language": "R"}, "language"),
        ({"kernel_type": "script", "language": "python", "code_file": "fula.R"}, "language"),
        ({"kernel_type": "script", "language": "r", "code_file": "fula.py"}, "language"),
    ],
)
def test_what_kaggle_would_refuse_or_change_blocks(changes: dict[str, Any], key: str) -> None:
    assert key in blocking(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset_sources": ["awa/fula-text/3"]},
        {"model_sources": ["g/gemma-2.0/pyTorch/2b/1"]},
        {"kernel_sources": []},
        {"competition_sources": ["titanic"]},
        {"dataset_sources": ["datasets/fula"], "kernel_sources": ["code/fula-lid"]},
        {"id_no": 12},
        {"title": None},
        {"title": ""},
        {"code_file": "./fula.ipynb"},
        {"code_file": "folder/fula.ipynb"},
        {"id": "awa/Fula-LID-trainer"},
        {"dataset_sources": ""},
        {"dataset_sources": [""]},
        {"kernel_type": "script", "language": "rmarkdown", "code_file": "fula.Rmd"},
        {"kernel_type": "script", "language": "r", "code_file": "fula.R"},
        {"language": "rmarkdown"},
        {"language": "r"},
    ],
)
def test_near_misses_do_not_block(changes: dict[str, Any]) -> None:
    found = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    metadata = Metadata.from_json(json.dumps(found).encode())
    assert [problem.key for problem in metadata.problems() if problem.blocks] == []
    pushed = json.loads(metadata.to_json())
    assert ("id_no" in pushed, pushed["code_file"][:1], "" in pushed["dataset_sources"]) == (False, "f", False)
    assert slugify_title(pushed["title"]) == "fula-lid-trainer"


@pytest.mark.parametrize(
    ("key", "name", "plain"),
    [
        ("dataset_sources", "datasets/o/s", "o/s"),
        ("dataset_sources", "https://www.kaggle.com/datasets/o/s", "o/s"),
        ("dataset_sources", "kaggle.com/datasets/o/s/versions/3", "o/s/3"),
        ("dataset_sources", "/o/s/", "o/s"),
        ("kernel_sources", "code/o/s", "o/s"),
        ("kernel_sources", "https://www.kaggle.com/code/o/s", "o/s"),
        ("competition_sources", "c/titanic", "titanic"),
        ("competition_sources", "competitions/titanic", "titanic"),
        ("model_sources", "models/o/m/pyTorch/v/1", "o/m/pyTorch/v/1"),
        ("model_sources", "kaggle.com/models/o/m/frameworks/pyTorch/variations/v/versions/1", "o/m/pyTorch/v/1"),
        ("dataset_sources", "https://www.kaggle.com/datasets/o/s/data?select=a.csv", "o/s"),
        ("dataset_sources", "https://www.kaggle.com/o/s/version/3", "o/s/3"),
        ("dataset_sources", "/kaggle/input/datasets/o/s", "o/s"),
        ("kernel_sources", "https://www.kaggle.com/code/o/s/notebook?scriptVersionId=3", "o/s"),
        ("kernel_sources", "o/s/output", "o/s"),
        ("competition_sources", "https://www.kaggle.com/competitions/titanic/overview", "titanic"),
    ],
)
def test_a_source_with_a_prefix_blocks_and_is_fixed_and_is_never_pushed_so(key: str, name: str, plain: str) -> None:
    metadata = parse(**{key: [name]})
    (problem,) = metadata.problems()
    assert (problem.key, problem.blocks, problem.fixable, repr(plain) in problem.message) == (key, True, True, True)
    fixed = fix_metadata(json.dumps({**GOOD, key: [name]}, indent=4).encode())
    assert Metadata.from_json(fixed).problems() == ()
    assert (json.loads(fixed)[key], fixed.startswith(b'{\n    "id"')) == ([plain], True)


def test_a_file_that_was_pulled_is_fixed_once_and_for_all() -> None:
    pulled = {**GOOD, "id_no": 1, "machine_shape": "None", "keywords": [""], "code_file": "./fula.ipynb"}
    del pulled["enable_tpu"], pulled["title"], pulled["enable_internet"]
    problems = Metadata.from_json(json.dumps(pulled).encode()).problems()
    expected = {"id_no", "title", "code_file", "enable_internet", "keywords"}
    assert ({one.key for one in problems}, {one.blocks for one in problems}) == (expected, {False})
    fixed = fix_metadata(json.dumps(pulled).encode())
    assert (Metadata.from_json(fixed).problems(), fix_metadata(fixed)) == ((), fixed)
    assert json.loads(Metadata.from_json(fixed).to_json())["machine_shape"] == ""


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("None", ""),
        ("Gpu", ""),
        ("NvidiaL4", ""),
        ("gpuT4x2", "the nearest is NvidiaTeslaT4"),
        ("NvidiaL4x4", "the nearest is NvidiaL4"),
        ("nvidiateslap100x", "the nearest is NvidiaTeslaT4"),
        ("NvidiaTeslaP100", "is retired; Kaggle silently gives NvidiaTeslaT4"),
        ("tpuV232", "is retired; Kaggle silently gives a CPU"),
        ("tpu-v3-8", "the nearest is TpuV5E8"),
        ("TPU VM v3-8", "the nearest is TpuV5E8"),
        ("RTX 6000", "the nearest is NvidiaRtxPro6000"),
        ("NvidiaTeslaK80", "leave it out for any machine"),
        ("tpu", "leave it out for any machine"),
        ("banana", "leave it out for any machine"),
    ],
)
def test_a_shape_is_led_to_one_that_can_be_had_or_to_none(shape: str, said: str) -> None:
    problems = parse(machine_shape=shape).problems()
    assert [(one.key, one.blocks) for one in problems] == ([("machine_shape", False)] if said else [])
    assert all(one.message.endswith(said) for one in problems)


@pytest.mark.parametrize("value", [None, "", "on", "prviate", [], 1.5])
def test_a_kernel_is_made_public_only_by_a_plain_no(value: Any) -> None:
    metadata = parse(is_private=value)
    (problem,) = metadata.problems()
    assert (problem.key, problem.blocks) == ("is_private", value not in (None, ""))
    assert json.loads(metadata.to_json())["is_private"] is True
    assert problem.blocks or Metadata.from_json(fix_metadata(json.dumps(metadata.raw).encode())).problems() == ()


@pytest.mark.parametrize(("value", "flag"), [("False", False), ("no", False), (0, False), (1, True), ("t", True)])
def test_a_plain_yes_or_no_is_read_however_it_is_spelled(value: Any, flag: bool) -> None:
    metadata = parse(is_private=value, enable_gpu=value)
    assert metadata.problems() == ()
    pushed = json.loads(metadata.to_json())
    assert (pushed["is_private"], pushed["enable_gpu"], metadata.uses_gpu) == (flag, flag, flag)


@given(st.text(max_size=20))
def test_no_retired_shape_is_ever_suggested(shape: str) -> None:
    assert nearest(shape) in (*LIVING, "")


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


NAMES = st.lists(
    st.sampled_from(
        ["", "o/s", "datasets/o/s", "c/x", "code/o/s", "o/s/3", "/o/s/", "a/b/c/d/1", "x", "kaggle.com/c/x"]
    )
    | st.text(max_size=8),
    max_size=4,
)
ANY = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("dataset_sources", "kernel_sources", "competition_sources", "model_sources", "keywords"), NAMES
        ),
        "title": st.sampled_from(["", "Fula LID trainer", "Other"]),
        "id": st.sampled_from(["awa/fula-lid-trainer", "awa/Fula-LID-Trainer"]),
        "code_file": st.sampled_from(["./fula.ipynb", "fula.ipynb", "x/y.ipynb", "../y.ipynb"]),
        "id_no": st.integers(0, 9),
        "machine_shape": st.sampled_from(["", "None", "NvidiaTeslaT4", "gpuT4x2"]),
    },
)


@given(ANY, st.sampled_from([None, 2]))
def test_a_fix_leaves_nothing_to_fix_and_changes_nothing_that_is_pushed(
    given_: dict[str, Any], indent: int | None
) -> None:
    data = json.dumps({**GOOD, **given_}, indent=indent).encode()
    fixed = fix_metadata(data)
    metadata = Metadata.from_json(fixed)
    assert not any(problem.fixable for problem in metadata.problems())
    assert fix_metadata(fixed) == fixed
    assert json.loads(metadata.to_json()) == json.loads(Metadata.from_json(data).to_json())
    blocking = [[one.key for one in Metadata.from_json(each).problems() if one.blocks] for each in (data, fixed)]
    assert set(blocking[1]) <= set(blocking[0])


def test_a_language_in_capitals_is_fixed_and_pushed_as_the_client_takes_it() -> None:
    metadata = parse(language="R")
    assert [problem.fixable for problem in metadata.problems()] == [True]
    assert json.loads(metadata.to_json())["language"] == "r"


@pytest.mark.parametrize(
    ("language", "notebook", "blocks"),
    [
        ("python", "python", None), ("python", "", None), ("r", "r", None), ("rmarkdown", "r", None),
        ("python", "r", True), ("python", "julia", True), ("r", "python", False), ("julia", "julia", None),
    ],
)  # fmt: skip
def test_the_language_of_the_notebook_is_the_kernels(language: str, notebook: str, blocks: bool | None) -> None:
    problem = parse(language=language).language_problem(notebook)
    assert (problem.blocks if problem else None) == blocks
