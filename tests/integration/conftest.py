"""The desks of the tests that type suggested commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.desk import METADATA, NOTEBOOK, SETTINGS, Desk, at_desk
from support.git import Git, run_git
from support.lab import notebook
from support.service import Service


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("kaggle"), "--admin", users=("awa",)) as service:
        yield service


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that is set up, with one kernel that is committed and pushed; copied for every test."""
    folder = tmp_path_factory.mktemp("ready")
    run_git("init", "-q", "--bare", "-b", "main", str(folder / "origin.git"), cwd=folder)
    desk = at_desk(folder)
    Git.init(desk.root)
    desk.git("remote", "add", "origin", str(folder / "origin.git"))
    desk.here = desk.root
    for command in ("sahel-nb init", "sahel-nb install"):
        assert desk.type(command).code == 0, command
    desk.write(METADATA, json.dumps(SETTINGS, indent=2) + "\n")
    desk.write(NOTEBOOK, notebook(["print('ŋ')", "print('ɓ')"]))
    for command in (f"sahel-nb pair {NOTEBOOK}", "git add -A && git commit -qm Kernel && git push -qu origin main"):
        done = desk.type(command)
        assert done.code == 0, done
    return folder


@pytest.fixture
def desk(ready: Path, tmp_path: Path) -> Desk:
    folder = tmp_path / "it's ŋ"
    shutil.copytree(ready, folder, symlinks=True)
    desk = at_desk(folder)
    desk.git("remote", "set-url", "origin", str(desk.origin.root))
    desk.git("update-index", "-q", "--refresh", check=False)
    return desk


@pytest.fixture
def runner(desk: Desk, kaggle: Service) -> Desk:
    """With an account."""
    desk.env |= {"SAHEL_NB_KAGGLE": kaggle.url, "KAGGLE_USERNAME": "awa", "KAGGLE_KEY": kaggle.key("awa")}
    return desk
