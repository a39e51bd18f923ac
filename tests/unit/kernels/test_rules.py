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


LIBRARY = "/usr/local/lib/python3.12/dist-packages/"


def report(error: str, step: str = "", said: str = "", source: str = "go()", cell: int = 3) -> list[LogRecord]:
    """A notebook's failure, with what was printed before it; `step` is a path of a library's and its line of source."""
    path, _, line = step.partition(": ")
    inner = f"File {LIBRARY}{path}:7, in f()\n----> 7 {line}\n\n" if step else ""
    name = error.partition(":")[0].rpartition(".")[2]
    text = (
        f'{said}\nException encountered at "In [{cell}]":\n{"-" * 75}\n{name}    Traceback (most recent call last)\n'
        f"Cell In[{cell}], line 1\n----> 1 {source}\n\n{inner}{error}\n"
    )
    return [LogRecord("stderr", 5.0, text)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("RuntimeError: CUDA error: out of memory\nCUDA kernel errors might be", "gpu-out-of-memory"),
        (
            (
                "ResourceExhaustedError: Graph execution error:\n\nOOM when allocating tensor with shape[5] on "
                "/job:localhost/replica:0/task:0/device:GPU:0 by allocator"
            ),
            "gpu-out-of-memory",
        ),
        ("ResourceExhaustedError: OOM when allocating tensor with shape[5] on /task:0/device:CPU:0", "out-of-memory"),
        ("ValueError: No available memory for the cache blocks. Try", "gpu-out-of-memory"),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling", "likely gpu-out-of-memory"),
        ("XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to", "likely gpu-out-of-memory"),
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory:",
            "out-of-memory",
        ),
        ("OSError: [Errno 12] Cannot allocate memory", "out-of-memory"),
        ("ImportError: /lib/libgomp.so.1: cannot allocate memory in static TLS block", None),
        ("pyarrow.lib.ArrowMemoryError: malloc of size 2147483648 failed", "out-of-memory"),
        ("RuntimeError: DataLoader worker (pid 99) is killed by signal: Killed. ", "out-of-memory"),
        ("RuntimeError: DataLoader worker (pid(s) 99, 100) exited unexpectedly", "likely out-of-memory"),
        (
            "concurrent.futures.process.BrokenProcessPool: A process in the process pool was terminated",
            "likely out-of-memory",
        ),
        ("sqlite3.OperationalError: database or disk is full", "disk-full"),
        ("NotFoundError: Secret 'HF_TOKEN' was not found", "secret-missing"),
        (
            (
                "OSError: a/b is not a local folder and is not a valid model identifier listed on "
                "'https://huggingface.co/models'"
            ),
            "model-not-found",
        ),
        (
            "HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/api/whoami-v2 (Request ID: 1)",
            "gated-model",
        ),
        ("ImportError: numpy.core.multiarray failed to import", "binary-mismatch"),
        ("AttributeError: _ARRAY_API not found", "binary-mismatch"),
        ("RuntimeError: operator torchvision::nms does not exist", "binary-mismatch"),
        ("ImportError: /lib/libc.so.6: version `GLIBC_2.38' not found (required by x.so)", "binary-mismatch"),
        ("ModuleNotFoundError: No module named 'sklearn.ŋ'", "name-not-in-package"),
        ("ImportError: cannot import name 'Y' from 'helpers' (/kaggle/usr/lib/helpers/helpers.py)", None),
        ("tensorflow.errors.NotFoundError: /kaggle/input/a/b.jpg; No such file or directory", "input-not-mounted"),
    ],
)
def test_causes_in_other_words(error: str, code: str | None) -> None:
    found = diagnose(report(error, "a/b.py: g()"), RunStatus(RunState.ERROR))
    said = f"{'' if found.sure else 'likely '}{found.rule.code}" if found.rule else None
    assert said == code, found
    assert found.rule is None or not found.cause.startswith("/kaggle/input/a/b.jpg;")


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("ERROR: Failed building wheel for Fast-Text", "could not build Fast-Text"),
        ("ERROR: Failed to build installable wheels for some pyproject.toml projects (fast_text)", "could not build"),
        ("ERROR: fast_text-0.1-cp310-cp310-any.whl is not a supported wheel on this platform.", "another Python"),
        (
            (
                "ERROR: Could not install packages due to an OSError: [Errno 2] No such file or directory: "
                "'/kaggle/input/wheels/fast_text-0.1-py3-none-any.whl'"
            ),
            "is not where",
        ),
        (
            (
                "WARNING: Location '/kaggle/input/wheels' is ignored: it is either a non-existing path or lacks a "
                "scheme.\nERROR: Could not find a version that satisfies the requirement fast-text (from versions: 2)"
            ),
            "/kaggle/input/wheels, is not there",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If\n    fast-text from https://x",
            "hash",
        ),
        ("ERROR: Failed building wheel for another", "is not in Kaggle's image"),
    ],
)
def test_pips_own_reason_is_given(said: str, cause: str) -> None:
    found = diagnose(report("ModuleNotFoundError: No module named 'fast_text'", said=said), RunStatus(RunState.ERROR))
    assert cause in found.cause, found


def test_what_is_to_be_installed_is_named_as_the_index_has_it() -> None:
    for module, package in (("cv2", "opencv-python-headless"), ("sklearn", "scikit-learn"), ("git", "gitpython")):
        found = diagnose(report(f"ModuleNotFoundError: No module named '{module}'"), RunStatus(RunState.ERROR))
        assert f"`%pip install {package}`" in found.remedy
        assert "a module of your own" in found.remedy


def test_a_rehearsal_says_nothing_of_kaggles_image() -> None:
    for error in (
        "ModuleNotFoundError: No module named 'torch'",
        "ModuleNotFoundError: No module named 'sklearn.ŋ'",
        "ImportError: cannot import name 'Y' from 'numpy' (/x/site-packages/numpy/__init__.py)",
    ):
        found = diagnose(report(error), RunStatus(RunState.ERROR), Facts(embedded=True))
        assert found.sure
        assert "in Kaggle's image" not in found.cause + found.remedy


def test_an_error_that_was_caught_is_no_certain_cause_of_a_later_end() -> None:
    step = '  File "/kaggle/src/script.py", line 4, in <module>\n    go()\n'
    caught = f"Traceback (most recent call last):\n{step}MemoryError\n"
    log = [LogRecord("stderr", 5.0, caught), LogRecord("stdout", 5.1, "in halves\n")]
    assert diagnose(log, RunStatus(RunState.ERROR)).sure
    log.append(LogRecord("stdout", 900.0, "epoch 2\n"))
    assert not diagnose(log, RunStatus(RunState.ERROR)).sure
    after = LogRecord("stderr", 900.0, "[NbConvertApp] Converting notebook __notebook__.ipynb to html\n")
    assert diagnose([*log[:2], after], RunStatus(RunState.ERROR)).sure


def test_the_traceback_that_an_error_quotes_is_its_own_words() -> None:
    step = '  File "x.py", line 1, in <module>\n    g()\n'
    quoted = f"RuntimeError: it said\nTraceback (most recent call last):\n{step}MemoryError"
    found = diagnose(report(quoted, source="raise RuntimeError(said)"), RunStatus(RunState.ERROR))
    assert (found.execution_count, found.line, found.source_line) == (3, 1, "raise RuntimeError(said)")
    assert not found.sure


def test_a_notebook_that_runs_another_fails_in_its_own_cell() -> None:
    inner = report("KeyError: 'q'", source="row['q']", cell=2)[0].data
    log = report(f"PapermillExecutionError: \n{'-' * 75}{inner}", "papermill/execute.py: raise error", cell=7)
    found = diagnose(log, RunStatus(RunState.ERROR))
    assert (found.execution_count, found.line, found.source_line) == (7, 1, "go()")


def test_a_cell_that_python_312_cannot_read_is_named() -> None:
    said = "  File <string>:3\n    x\n    ^\nTabError: inconsistent use\n"
    text = f'\nException encountered at "In [2]":\n{"-" * 75}\n{said}'
    found = diagnose([LogRecord("stderr", 1.0, text)], RunStatus(RunState.ERROR))
    assert (found.execution_count, found.line, found.rule and found.rule.code, found.sure) == (2, 3, "syntax", True)


@pytest.mark.parametrize(
    "text",
    [
        "Error in library(dplyr2) : there is no package called ‘dplyr2’\nExecution halted\n",
        'Exception encountered at "In [2]":\nERROR: Error in library(dplyr2): there is no package called ‘dplyr2’\n',
    ],
)
def test_an_error_of_r_is_read(text: str) -> None:
    found = diagnose([LogRecord("stderr", 1.0, text)], RunStatus(RunState.ERROR))
    assert found.error.startswith("Error in library(dplyr2)")
    assert found.cause == "the R package dplyr2 is not in the session"


def test_a_line_that_only_looks_like_an_error_of_r_is_none() -> None:
    text = "Error in a step: there is no package called ‘dplyr2’\nepoch 2\n"
    found = diagnose([LogRecord("stdout", 1.0, text)], RunStatus(RunState.ERROR))
    assert (found.error, found.sure) == ("", False)


def test_a_model_is_found_in_its_place_of_before() -> None:
    old = "/kaggle/input/gemma/pytorch/2b/1/m.bin"
    now = mount_of(old, models=("google/gemma/pyTorch/2b/1",))
    assert now is not None
    assert now.now == "/kaggle/input/models/google/gemma/pytorch/2b/1/m.bin"
