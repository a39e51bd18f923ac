"""Every rule against a log that it is for: made by a kernel that really ran, or in the words that users report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.kernels.diagnosis import RULES, Diagnosis, diagnose
from sahel_nb.kernels.model import LogRecord, RunState, RunStatus
from sahel_nb.kernels.mounts import mount_of
from sahel_nb.kernels.rules import Facts

SAMPLES = Path(__file__).parents[2] / "data" / "debug"


def load(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return value


def read(name: str, **more: Any) -> Diagnosis:
    value = load(name)
    facts = {key: tuple(item) if isinstance(item, list) else item for key, item in (value["facts"] | more).items()}
    records = [LogRecord(item["stream_name"], item["time"], item["data"]) for item in value["log"]]
    status = RunStatus(RunState({"CANCEL_ACKNOWLEDGED": "CANCEL_ACKNOWLEDGED"}.get(value["state"], value["state"])))
    return diagnose(records, RunStatus(status.state, value["message"]), Facts(**facts))


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.json")))
def test_a_sample_is_recognised(name: str) -> None:
    found = read(name)
    assert [finding.rule.code for finding in found.findings] == [load(name)["rule"]], found.evidence
    assert "{" not in found.findings[0].cause + found.findings[0].remedy


def test_every_rule_has_a_sample() -> None:
    assert {rule.code for rule in RULES} == {path.name.split(".")[0] for path in SAMPLES.glob("*.json")}


def test_the_place_where_an_input_is_now_is_named() -> None:
    assert "/kaggle/input/datasets/awa/fula-words/train.csv" in read("input-moved").cause
    assert "/kaggle/input/competitions/playground-series-s6e6/train.csv" in read("competition-not-joined").remedy
    assert "/kaggle/input/notebooks/awa/clean-words/words.csv" in read("input-moved.kernel").remedy


def test_a_version_or_a_model_is_found_by_its_short_name() -> None:
    moved = mount_of("/kaggle/input/words/a.txt", datasets=("awa/words/7",))
    assert moved is not None
    assert moved.now == "/kaggle/input/datasets/awa/words/a.txt"
    assert mount_of("/kaggle/input/words-2/a.txt", datasets=("awa/words",)) is None
    model = mount_of("/kaggle/input/gemma/x.bin", models=("google/gemma/pytorch/2b/1",))
    assert model is not None
    assert model.kind == "model"


def test_what_is_known_of_the_run_changes_the_answer() -> None:
    assert "pip cannot fetch it" in read("missing-package.offline").cause
    assert "pip cannot fetch it" not in read("missing-package").cause
    same: Callable[..., Diagnosis] = lambda **facts: read("gpu-off", **facts)  # noqa: E731
    assert (same(gpu=False).rule or RULES[0]).code == "gpu-off"
    assert (same(gpu=True).rule or RULES[0]).code == "gpu-not-visible"


def test_a_substituted_machine_is_said_beside_the_cause() -> None:
    found = read("undefined-name", asked_shape="NvidiaTeslaP100", given_shape="NvidiaTeslaT4")
    assert (found.rule or RULES[0]).code == "undefined-name"
    assert [extra.rule.code for extra in found.also] == ["machine-substituted"]


def test_words_in_the_traceback_are_no_cause() -> None:
    """Source lines, names of packages and what was printed before speak of anything; the error alone counts."""
    text = (
        "CUDA out of memory? no: No space left on device\n"
        'Exception encountered at "In [2]":\nCell In[2], line 2\n      1 # MemoryError, IOPub, Notebook not found\n'
        "----> 2 check()\n\nAssertionError: the accuracy is below 0.5\n"
    )
    found = diagnose([LogRecord("stderr", 1.0, text)], RunStatus(RunState.ERROR))
    assert (found.rule, found.error) == (None, "AssertionError: the accuracy is below 0.5")
    assert found.evidence


def test_the_answer_to_a_push_is_no_cause_of_a_run() -> None:
    value = load("session-cap")["log"][0]
    found = diagnose([LogRecord("stdout", 0.0, value["data"])], RunStatus(RunState.ERROR))
    assert found.rule is None


def test_a_running_version_that_speaks_is_left_alone() -> None:
    source = load("kaggle-command-hangs.running")["facts"]["source"]
    found = diagnose([LogRecord("stdout", 1.0, "epoch 1")], RunStatus(RunState.RUNNING), Facts(source=source, age=60.0))
    assert found.rule is None


def test_a_function_of_another_cell_is_named_where_it_raised() -> None:
    report = (
        'Exception encountered at "In [4]":\nValueError  Traceback (most recent call last)\nCell In[4], line 1\n'
        "----> 1 load('x')\n\nCell In[2], line 3, in load(name)\n----> 3     raise ValueError(name)\n"
        "\nValueError: xŋ\n"
    )
    found = diagnose([LogRecord("stderr", 1.0, report)], RunStatus(RunState.ERROR))
    assert (found.execution_count, found.line, found.raised_in) == (4, 1, (2, 3))


@given(st.lists(st.text(max_size=200), max_size=5), st.sampled_from(RunState), st.text(max_size=80))
def test_no_log_can_break_it(texts: list[str], state: RunState, message: str) -> None:
    facts = Facts(datasets=("a/b",), competitions=("c",), models=("m",), source=message, beside=(message,), outputs=0)
    found = diagnose([LogRecord("stdout", 0.0, text) for text in texts], RunStatus(state, message), facts)
    assert all(isinstance(finding.cause, str) for finding in found.findings)
