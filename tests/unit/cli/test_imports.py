"""Start-up stays cheap because of what it does not import; said by name, for the commands as they are installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.imports import hook, imported, script
from bench.notebooks import conversation, notebook
from sahel_nb.notebook.strip import strip

FOREIGN = ("kaggle", "kagglesdk", "jupytext", "nbformat", "nbstripout", "git", "starlette", "uvicorn", "requests")
WITH_OUTPUTS = notebook(1)
STRIPPED = strip(WITH_OUTPUTS)


def test_the_probe_sees_what_a_command_imports(tmp_path: Path) -> None:
    assert {"sahel_nb.cli.main", "click"} <= imported(script("sahel-nb", "--version"), cwd=tmp_path)


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help")], ids=" ".join)
def test_help_imports_nothing_that_talks_to_kaggle_or_reads_notebooks(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    modules = imported(script("sahel-nb", *arguments), cwd=tmp_path)
    assert "sahel_nb.cli.main" in modules
    assert _packages(modules).isdisjoint(FOREIGN)


@pytest.mark.parametrize(
    ("command", "stdin"),
    [
        (hook("process"), conversation(STRIPPED)),
        (hook("process"), conversation(WITH_OUTPUTS)),
        (hook("clean"), STRIPPED),
        (hook("clean"), WITH_OUTPUTS),
        (hook("smudge"), STRIPPED),
        (script("sahel-nb-hook-python", "filter"), conversation(STRIPPED)),
    ],
    ids=["process, stripped", "process, outputs", "clean, stripped", "clean, outputs", "smudge", "console script"],
)
def test_a_commit_imports_neither_those_nor_click(command: tuple[str, ...], stdin: bytes, tmp_path: Path) -> None:
    modules = imported(command, cwd=tmp_path, stdin=stdin)
    assert "sahel_nb.hooks.filter" in modules
    assert _packages(modules).isdisjoint((*FOREIGN, "click"))


@pytest.mark.parametrize("verb", ["process", "clean", "smudge"])
def test_the_filter_that_git_starts_needs_no_json_and_no_regular_expressions(verb: str, tmp_path: Path) -> None:
    stdin = conversation(WITH_OUTPUTS) if verb == "process" else STRIPPED
    modules = imported(hook(verb), cwd=tmp_path, stdin=stdin)
    assert _packages(modules).isdisjoint(("json", "re", "typing", "dataclasses", "pathlib", "subprocess"))


def _packages(modules: frozenset[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}
