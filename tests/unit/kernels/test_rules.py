"""Every rule against a log that it is for: made by a kernel that really ran, or in the words that users report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sahel_nb.kernels.diagnosis import RULES, Diagnosis, count_of, diagnose, place
from sahel_nb.kernels.logs import parse_log
from sahel_nb.kernels.model import LogRecord, RunState, RunStatus
from sahel_nb.kernels.mounts import mount_of
from sahel_nb.kernels.rules import Facts, Rule
from sahel_nb.notebook.document import CellKind
from sahel_nb.notebook.generate import from_cells
from sahel_nb.notebook.pair import mirror_of

SAMPLES = Path(__file__).parents[2] / "data" / "debug"


def load(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return value


def read(name: str, rules: tuple[Rule, ...] = RULES, before: Sequence[Any] = (), **more: Any) -> Diagnosis:
    value = load(name)
    facts = {key: tuple(item) if isinstance(item, list) else item for key, item in (value["facts"] | more).items()}
    records = [LogRecord(item["stream_name"], item["time"], item["data"]) for item in (*before, *value["log"])]
    return diagnose(records, RunStatus(RunState(value["state"]), value["message"]), Facts(**facts), rules)


NAMES = sorted(path.stem for path in SAMPLES.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_recognised(name: str) -> None:
    """Its cause and no other; of a failure that no rule knows, none. Certain, unless only its surroundings say so."""
    found, value = read(name), load(name)
    assert [finding.rule.code for finding in found.findings] == ([value["rule"]] if value["rule"] else [])
    assert found.sure == (found.main is not None and not value.get("likely", False)), found.evidence
    assert not value.get("likely") or (found.main is not None and found.main.seen)
    assert not any(re.search(r"\{\w*\}", finding.cause + finding.remedy) for finding in found.findings), "not filled in"
    said = value["message"] or value["log"]
    assert found.evidence or value["state"] != "ERROR" or not said or not value["log"]


def test_every_log_says_where_it_is_from_and_most_were_made_by_the_embedded_service() -> None:
    origins = [load(name)["origin"] for name in NAMES]
    told = ("a kernel that", "a notebook that", "the words", "what kaggle", "the embedded service", "sahel-nb without")
    assert [origin for origin in origins if not origin.startswith(told)] == []
    assert sum("run" in origin and "embedded service" in origin for origin in origins) > len(origins) / 2


def test_every_rule_has_a_sample() -> None:
    assert {rule.code for rule in RULES} == {name.split(".")[0] for name in NAMES} - {"unknown"}


@pytest.mark.parametrize("name", [name for name in NAMES if load(name).get("at") and "cells" in load(name)["made"]])
def test_the_failing_line_is_found_in_the_mirror(name: str) -> None:
    found, value = read(name), load(name)
    code = from_cells([(CellKind.CODE, text) for text in value["made"]["cells"]])
    mirror = mirror_of(code)
    assert found.line is not None
    count = found.execution_count or count_of(code, found.line, found.source_line)
    assert count is not None
    where = place(code, mirror, count)
    assert where is not None
    assert where.mirror_line is not None
    assert found.source_line == value["at"]
    assert mirror.decode().split("\n")[where.mirror_line + found.line - 2].removeprefix("# ") == value["at"]


GENERAL = {
    "archive-unpacked": "input-not-mounted",
    "competition-not-joined": "input-not-mounted",
    "input-file-missing": "input-moved",
    "input-moved": "input-not-mounted",
    "internet-off": "network-failed",
    "iopub-flood": "cell-timeout",
    "kernel-ended": "kernel-died",
    "kernel-of-another-language": "unknown-kernelspec",
    "module-not-pushed": "missing-package",
    "native-crash": "kernel-died",
    "out-of-memory": "kernel-died",
    "time-limit": "cancelled",
    "written-elsewhere": "no-output",
}
"""What a particular cause is besides, where the rule for it is not asked."""


@pytest.mark.parametrize("name", [name for name in NAMES if "words that users" not in load(name)["origin"]])
def test_no_other_rule_takes_a_log_for_its_own(name: str) -> None:
    """Without the rule that fits, a log has no certain cause: rules do not lie in wait behind each other."""
    code = load(name)["rule"]
    rest = tuple(rule for rule in RULES if rule.code != code)
    found = read(name, rest)
    # That pip failed is certain; why, it says before that.
    taken = (GENERAL.get(code or ""), "pip-failed" if name == "internet-off.pip-check" else None)
    assert found.rule is None or found.rule.code in taken or not found.sure, found.rule


LINES = sorted(
    {
        line
        for name in NAMES
        for record in load(name)["log"]
        for line in record["data"].split("\n")
        if line.strip() and "Traceback (most recent" not in line and "Exception encountered" not in line
    }
)
WORDS = ("No space left on device", "MemoryError", "Kernel died", "429", "401 Unauthorized", "/kaggle/input/w/a.csv")
printed = st.lists(
    st.one_of(
        st.sampled_from(LINES), st.sampled_from(WORDS), st.text(st.characters(exclude_characters="\n"), max_size=60)
    ),
    max_size=30,
)
any_facts = st.builds(
    Facts,
    internet=st.sampled_from((None, False, True)),
    gpu=st.sampled_from((None, False, True)),
    datasets=st.sampled_from(((), ("awa/fula-words",))),
    beside=st.sampled_from(((), ("words.txt",))),
)


@example(["CalledProcessError: Command '['pip', 'pip', 'install']' returned non-zero"], Facts(), "unknown.key")
@given(printed, any_facts, st.sampled_from(["unknown.assertion", "unknown.key", "unknown.json-data", "unknown.helper"]))
def test_what_was_printed_before_an_error_is_not_its_cause(lines: list[str], facts: Facts, name: str) -> None:
    log = [LogRecord("stdout", 0.0, f"{line}\n") for line in lines]
    value = load(name)
    log += [LogRecord(item["stream_name"], item["time"], item["data"]) for item in value["log"]]
    found = diagnose(log, RunStatus(RunState.ERROR, value["message"]), facts)
    assert (found.rule, found.error) == (None, read(name).error)


HEADED = [name for name in NAMES if any("Exception encountered" in record["data"] for record in load(name)["log"])]


@given(st.sampled_from(NAMES), st.sampled_from([name for name in HEADED if not load(name).get("likely")]))
def test_the_log_of_another_run_that_was_printed_before_changes_nothing(other: str, name: str) -> None:
    """A notebook that shows what a run of something else said, traceback and all, and then fails by itself."""
    found, alone = read(name, before=load(other)["log"]), read(name)
    assert (found.error, found.execution_count, found.line) == (alone.error, alone.execution_count, alone.line)
    assert found.sure or not alone.sure or (alone.rule is not None and alone.rule.last)
    assert found.rule == alone.rule or not found.sure, "what was printed can make a cause likely, and no more"


@given(printed, any_facts, st.sampled_from(list(RunState)))
def test_a_log_without_a_traceback_is_no_certain_cause(lines: list[str], facts: Facts, state: RunState) -> None:
    prefixed = [LogRecord("stdout", 0.0, f"step 1: {line}\n") for line in lines]
    found = diagnose(prefixed, RunStatus(state), facts)
    assert not found.sure or found.rule is None or found.rule.code == "cancelled"
    if state not in (RunState.ERROR, RunState.UNKNOWN):
        assert found.rule is None or found.rule.code == "cancelled"


@given(st.one_of(st.sampled_from(WORDS), st.sampled_from(LINES), st.text(max_size=300)), any_facts)
def test_the_words_of_an_own_error_are_not_believed(text: str, facts: Facts) -> None:
    report = (
        '\nException encountered at "In [2]":\nValueError    Traceback (most recent call last)\nCell In[2], line 1\n'
        f"----> 1 raise ValueError(text)\n\nValueError: {' '.join(text.split())}\n"
    )
    assert diagnose([LogRecord("stderr", 1.0, report)], RunStatus(RunState.ERROR), facts).rule is None


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("competition titanic", "mkdir -p /served/competitions/titanic  # and put"),
        ("model google/gemma/pyTorch/2b/1", "mkdir -p /served/models/google/gemma/pyTorch/2b/1  # and put"),
        ("kernel awa/clean-words", "sahel-nb rehearse awa/clean-words"),
        ("dataset awa/fula-words", "mkdir -p data/fula-words && echo '{"),
    ],
)
def test_a_source_that_code_asks_for_is_given_by_a_command(source: str, command: str) -> None:
    line = f"sahel-nb: the embedded service has no {source}; `sahel-nb debug` says how to give it\n"
    value = load("source-not-given")
    lines = [item for item in value["log"] if "the embedded service has no" not in item["data"]]
    records = [LogRecord(item["stream_name"], item["time"], item["data"]) for item in lines]
    records.insert(-1, LogRecord("stderr", 1.0, line))
    facts = Facts(embedded=True, inputs=Path("/served"))
    found = diagnose(records, RunStatus(RunState.ERROR, value["message"]), facts)
    assert found.remedy.startswith(command), found
    assert f"asks for the {source}, and" in found.cause


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
    assert "pip cannot fetch it" in read("missing-package", internet=False).cause
    assert "pip cannot fetch it" not in read("missing-package").cause
    assert read("missing-package.offline").cause == "pip could not fetch fasttext: the session has no internet"
    assert "Kaggle's image may have it" in read("missing-package", internet=False, embedded=True).cause
    same: Callable[..., Diagnosis] = lambda **facts: read("gpu-off", **facts)  # noqa: E731
    assert (same(gpu=False).rule or RULES[0]).code == "gpu-off"
    assert (same(gpu=True).rule or RULES[0]).code == "gpu-not-visible"


@pytest.mark.parametrize("name", [name for name in NAMES if load(name)["log"]])
def test_a_log_that_was_copied_from_the_web_page_says_the_same(name: str) -> None:
    """The page has seconds, a number and the text of each line: not which stream said it."""
    value = load(name)
    lines = "".join(record["data"] for record in value["log"]).replace("\r", "").split("\n")
    page = "\n".join(f"{number / 10:.1f}s\t{number}\t{line}" for number, line in enumerate(lines, 1))
    records = parse_log(page)
    assert [record.data.rstrip("\n") for record in records] == lines
    facts = {key: tuple(item) if isinstance(item, list) else item for key, item in value["facts"].items()}
    status = RunStatus(RunState(value["state"]), value["message"])
    copied = diagnose(records, status, Facts(**facts))
    plain = diagnose([LogRecord("stdout", 0.0, f"{line}\n") for line in lines], status, Facts(**facts))
    assert (copied.rule, copied.error, copied.execution_count) == (plain.rule, plain.error, plain.execution_count)


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
