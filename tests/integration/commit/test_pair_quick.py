"""Proves what a look at pairs costs: one git and few imports where nothing differs, and no jupytext needlessly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.hooks import main as entry
from tests.integration.commit.story import Clone, executed, kernel, set_up

LAUNCH = Path(entry.__file__).with_name("launch.py")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return set_up(tmp_path / "o ŋ")


def imported(clone: Clone, *files: str) -> tuple[int, set[str]]:
    """The exit code of `pair`, as git's hooks start it, and every module that it imported."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", str(LAUNCH), "pair", *files],
        cwd=clone.root,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert lines
    return done.returncode, {line.rpartition("|")[2].strip() for line in lines}


def roots(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_nothing_differs(clone: Clone) -> None:
    kernel(clone)
    code, modules = imported(clone)
    assert code == 0
    assert not {"jupytext", "nbformat", "json", "re", "enum", "dataclasses", "pathlib", "click", "site"} & roots(
        modules
    )
    ours = {module for module in modules if module.startswith("sahel_nb")}
    assert ours <= {
        *("sahel_nb", "sahel_nb.hooks", "sahel_nb.hooks.main", "sahel_nb.hooks.status", "sahel_nb.errors"),
        *("sahel_nb.repo", "sahel_nb.repo.cmd", "sahel_nb.repo.process"),
    }


@pytest.mark.parametrize("suffix", [".ipynb", ".py"])
def test_one_half_was_edited(clone: Clone, suffix: str) -> None:
    name = kernel(clone)
    if suffix == ".py":
        clone.git.write(f"{name}.py", clone.disk(f"{name}.py") + b"\n# %%\nedited = 1\n")
    else:
        clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="edited = 1"))
    code, modules = imported(clone)
    assert code == 1
    assert not {"jupytext", "nbformat", "click", "dataclasses", "yaml"} & roots(modules)
    assert all(b"edited = 1" in clone.disk(name + half) for half in (".ipynb", ".py"))
    assert imported(clone, f"{name}.ipynb", f"{name}.py")[0] == 0


def test_outputs_alone_are_no_edit(clone: Clone) -> None:
    name = kernel(clone)
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb")))
    code, modules = imported(clone)
    assert code == 0
    assert "jupytext" not in roots(modules)


def test_a_console_script_beside_jupytexts_own_knows_its_version(clone: Clone, tmp_path: Path) -> None:
    """Python puts the folder of a script first on its path, and there `jupytext` is a script."""
    scripts = tmp_path / "bin"
    scripts.mkdir()
    (scripts / "jupytext").write_text("#!/bin/sh\n")
    program = scripts / "sahel-nb"
    program.write_text("from sahel_nb.cli.main import main\nmain()\n")
    name = kernel(clone)
    clone.git.write(f"{name}.py", clone.disk(f"{name}.py") + b"\n# %%\nedited = 1\n")
    command = [sys.executable, "-X", "importtime", str(program), "pair"]
    done = subprocess.run(command, cwd=clone.root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-400:]
    assert b"edited = 1" in clone.disk(f"{name}.ipynb")
    assert "jupytext.config" not in done.stderr
