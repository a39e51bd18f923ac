"""Scripts, the environment they find, and jobs that are refused before they start."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sahel_nb.localkaggle.executor.job import Mount, Outcome
from sahel_nb.localkaggle.executor.spec import Interpreter
from support.jobs import Runs, notebook, records, text


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_a_scripts_streams_are_told_line_by_line_and_apart(runs: Runs) -> None:
    run = runs.run("import sys; print('ŋana'); print('ɓiɗɗo', file=sys.stderr); print('ɲ', end='')".encode(), "script")
    assert run.result.outcome is Outcome.COMPLETE
    assert [r["data"] for r in records(run.folder) if r["stream_name"] == "stdout"] == ["ŋana\n", "ɲ"]
    assert [r["data"] for r in records(run.folder) if r["stream_name"] == "stderr"] == ["ɓiɗɗo\n"]


def test_a_script_fails_by_exit_code_and_by_signal(runs: Runs) -> None:
    failed = runs.run(b"import sys; print(__file__); sys.exit(3)", "script")
    assert (failed.result.outcome, failed.result.failure_message) == (
        Outcome.ERROR,
        "The script ended with exit code 3.",
    )
    killed = runs.run(b"import os; os.kill(os.getpid(), 9)", "script")
    assert (killed.result.outcome, killed.result.failure_message) == (
        Outcome.ERROR,
        "The script was killed by signal 9.",
    )


def test_the_environment_is_kaggles_and_nothing_of_the_services(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVICE", "hunter2")
    run = runs.run(
        b"import json, os; json.dump(dict(os.environ), open('env.json', 'w'))",
        "script",
        environment={"KAGGLE_USER_SECRETS_TOKEN": "token"},
    )
    found = json.loads(run.outputs["env.json"])
    assert "hunter2" not in str(found)
    assert found["KAGGLE_KERNEL_RUN_TYPE"] == "Batch"
    assert found["KAGGLE_URL_BASE"].startswith("https://")
    assert found["KAGGLE_USER_SECRETS_TOKEN"] == "token"
    assert found["PYTHONUTF8"] == "1"
    assert found["HOME"] != os.environ["HOME"]


def test_utility_scripts_are_imported_by_name(runs: Runs, tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.mkdir()
    (tool / "my_utils.py").write_text("word = 'ɗum'\n", encoding="utf-8")
    run = runs.run(
        b"import my_utils; print(my_utils.word)",
        "script",
        mounts=(Mount(tool, ("usr/lib/notebooks/awa/my_utils",)),),
    )
    assert run.log == "ɗum\n"


@pytest.mark.parametrize(
    ("kind", "language", "target", "words"),
    [
        ("script", "r", "input/a", "A script in r cannot be run here"),
        ("notebook", "r", "input/a", "A notebook in r cannot be run here: this service runs Python only"),
        ("wizard", "python", "input/a", "'wizard' cannot be run here"),
        ("script", "python", "input/../../etc", "cannot be mounted"),
        ("script", "python", "/etc", "cannot be mounted"),
        ("script", "python", "working/a", "cannot be mounted"),
    ],
)
def test_a_job_that_cannot_be_run_has_ended_when_launch_returns(
    runs: Runs, tmp_path: Path, kind: str, language: str, target: str, words: str
) -> None:
    _, execution = runs.start(b"print(1)", kind, language=language, mounts=(Mount(tmp_path, (target,)),))
    result = execution.wait(0)
    assert result is not None
    assert result.outcome is Outcome.ERROR
    assert words in result.failure_message


def test_a_dataset_called_datasets_does_not_hide_the_others(runs: Runs, tmp_path: Path) -> None:
    for name in ("datasets", "words"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name.txt").write_text(name, encoding="utf-8")
    run = runs.run(
        b"for p in ('datasets/awa/datasets', 'datasets/awa/words', 'words'):\n"
        b"    print(open(f'../input/{p}/name.txt').read())",
        "script",
        mounts=(
            Mount(tmp_path / "datasets", ("input/datasets/awa/datasets", "input/datasets")),
            Mount(tmp_path / "words", ("input/datasets/awa/words", "input/words")),
        ),
    )
    assert text(run.folder) == "datasets\nwords\nwords\n"
    assert sorted(p.name for p in (tmp_path / "datasets").iterdir()) == ["name.txt"], "nothing was made in the source"


def test_what_pip_installs_in_one_cell_is_there_in_the_next(runs: Runs) -> None:
    wheel = (
        "import sys, tempfile, zipfile; wheel = tempfile.gettempdir() + '/kala-1-py3-none-any.whl'\n"
        "with zipfile.ZipFile(wheel, 'w') as z:\n"
        "    z.writestr('kala.py', 'word = \"kala ŋ\"')\n"
        "    z.writestr('kala-1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: kala\\nVersion: 1\\n')\n"
        "    z.writestr('kala-1.dist-info/WHEEL',\n"
        "        'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "    z.writestr('kala-1.dist-info/RECORD', '')\n"
    )
    install = "!{sys.executable} -m pip install -q --no-index {wheel}"
    run = runs.run(
        notebook(wheel, "try: import kala\nexcept ImportError: pass", install, "import kala; print(kala.word)")
    )
    assert run.result.outcome is Outcome.COMPLETE, run.log
    assert run.log.endswith("kala ŋ\n")
    assert run.outputs == {}


def test_an_interpreter_that_has_gone_is_named(runs: Runs) -> None:
    gone = Interpreter("/gone/bin/python", ("/gone",), "")
    run = runs.run(b"print(1)", "script", interpreter=gone)
    assert run.result.outcome is Outcome.ERROR
    assert "/gone/bin/python" in run.result.failure_message


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"executable": "python", "prefixes": [], "user_site": ""}', '{"executable": "/p", "prefixes": 1}'],
)
def test_an_interpreter_is_absolute_paths(text: str) -> None:
    with pytest.raises(ValueError, match=r"interpreter|Expecting value"):
        Interpreter.from_json(text)
