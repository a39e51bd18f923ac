"""Proves that our own shims and the pre-commit framework's live side by side, whichever was there first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.install.install import install
from sahel_nb.notebook.pair import in_step
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent
from tests.integration.commit.story import Clone, set_up
from tests.support.git import Origin
from tests.unit.notebook.shapes import simple


def _framework(clone: Clone, log: Path) -> None:
    said = {"language": "system", "always_run": True, "pass_filenames": False}
    both = [
        {"id": stage, "name": stage, "entry": f"sh -c 'echo {stage} >> \"{log}\"'", "stages": [stage], **said}
        for stage in ("pre-commit", "pre-push")
    ]
    config = {"repos": [{"repo": "local", "hooks": both}]}
    clone.git.write(".pre-commit-config.yaml", json.dumps(config))
    command = (sys.executable, "-m", "pre_commit", "install", "-t", "pre-commit", "-t", "pre-push")
    subprocess.run(command, cwd=clone.root, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("first", ["the framework", "ours"])
def test_both_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "framework"))
    clone, log = set_up(tmp_path / "o ŋ", install_it=first == "ours"), tmp_path / "log"
    _framework(clone, log)
    if first != "ours":
        install(Worktree.discover(clone.root), Silent())
    clone.git.write("a ɓ.ipynb", simple("x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "One")
    assert in_step(clone.committed("a ɓ.ipynb"), clone.committed("a ɓ.py"))
    assert log.read_text() == "pre-commit\n"

    origin = Origin.create(tmp_path / "origin.git")
    clone.must("push", "-q", str(origin.path), "main")
    assert log.read_text() == "pre-commit\npre-push\n"
    clone.commit_raw("raw.ipynb", simple("y = 1"))
    said = clone.run("push", "-q", str(origin.path), "main")
    assert said.code != 0
    assert "raw.ipynb" in said.err + said.out
