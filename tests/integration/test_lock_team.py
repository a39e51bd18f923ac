"""What decides about the locks is what the team committed to its default branch, whatever one of them has set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.config import LockConfig
from sahel_nb.lock.home import home_of
from sahel_nb.lock.team import lock_config
from sahel_nb.repo.worktree import Worktree
from support.git import Git, Origin
from support.locks import KERNEL


@pytest.fixture
def clone(tmp_path: Path) -> Git:
    clone = Origin.create(tmp_path / "origin.git").clone("binta")
    clone.write("sahel-nb.toml", "[lock]\nttl = 540\n")
    clone.commit("sahel-nb.toml", message="Settings")
    clone.push()
    return clone


def sahel_nb(clone: Git, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    home = clone.root.parent / "home"
    home.mkdir(exist_ok=True)
    mine = {"HOME": str(home), "NO_COLOR": "1", "KAGGLE_USERNAME": "binta", "KAGGLE_KEY": "of-binta"}
    return subprocess.run(
        [sys.executable, "-m", "sahel_nb.cli.main", *args],
        cwd=clone.root, capture_output=True, encoding="utf-8", timeout=60, env={**os.environ, **mine, **env},
    )  # fmt: skip


def set_here(clone: Git, how: str) -> tuple[dict[str, str], str]:
    """A personal value of 5 s; the environment for it, and the command that takes it back."""
    if how == "environment":
        return {"SAHEL_NB_LOCK_TTL": "5"}, "unset SAHEL_NB_LOCK_TTL"
    if how == "git config":
        clone("config", "sahel-nb.lock.ttl", "5")
        return {}, "git config --unset-all sahel-nb.lock.ttl || git config --global --unset-all sahel-nb.lock.ttl"
    clone.write("sahel-nb.toml", "[lock]\nttl = 5\n")
    return {}, "git diff HEAD -- sahel-nb.toml"


@pytest.mark.parametrize("how", ["environment", "git config", "an edit"])
def test_a_personal_ttl_is_refused(clone: Git, how: str) -> None:
    env, mend = set_here(clone, how)

    refused = sahel_nb(clone, "lock", "acquire", KERNEL, "--reason", "maintenance", **env)
    assert refused.returncode == 3, refused
    assert "lock.ttl is 5 here, and 540 in the default branch: only the latter counts" in refused.stderr
    assert f"$ {mend}" in refused.stderr
    assert sahel_nb(clone, "lock", "list", **env).returncode == 0, "looking is for everybody"

    rows = json.loads(sahel_nb(clone, "lock", "doctor", "--json", **env).stdout)["checks"]
    row = next(row for row in rows if row["name"] == "settings")
    assert (row["verdict"], row["mend"]) == ("failed", mend)


@pytest.mark.parametrize(
    ("key", "value"),
    [("prefix", "refs/sahel/mine"), ("remote", "{}"), ("signers", "refs/heads/mine"), ("enforce", "off")],
)
def test_nobody_runs_beside_the_others_by_a_setting_of_their_own(clone: Git, key: str, value: str) -> None:
    clone.write("sahel-nb.toml", '[lock]\nttl = 540\nenforce = "server"\n')
    clone.commit("sahel-nb.toml")
    clone.push()
    clone("config", f"sahel-nb.lock.{key}", value.format(clone.root.parent / "origin.git"))
    for command in (("lock", "acquire", KERNEL, "--reason", "x"), ("lock", "reset", KERNEL, "--reason", "x")):
        refused = sahel_nb(clone, *command)
        assert (refused.returncode, f"lock.{key} is " in refused.stderr) == (3, True), refused
    assert Git(clone.root)("ls-remote", "origin", "refs/sahel/*") == ""


def test_a_branch_with_other_settings_decides_nothing(clone: Git) -> None:
    """Only the default branch does: what is committed elsewhere is a proposal."""
    clone("switch", "-qc", "mine")
    clone.write("sahel-nb.toml", '[lock]\nttl = 540\nprefix = "refs/sahel/mine"\nremote = "ssh://nowhere.example/x"\n')
    clone.commit("sahel-nb.toml")
    clone.push()
    assert sahel_nb(clone, "lock", "list").returncode == 0
    rows = json.loads(sahel_nb(clone, "lock", "doctor", "--json").stdout)["checks"]
    assert next(row for row in rows if row["name"] == "settings")["verdict"] == "ok"


def test_the_remote_is_named_once_for_all(clone: Git) -> None:
    done = sahel_nb(clone, "lock", "init")
    assert done.returncode == 0, done
    text = (clone.root / "sahel-nb.toml").read_text()
    assert f'id = "{clone.root.parent}/origin"' in text, text
    clone.commit("sahel-nb.toml")
    clone.push()
    assert "as committed" in sahel_nb(clone, "lock", "init").stdout
    home = home_of(Worktree.discover(clone.root), lock_config(Worktree.discover(clone.root), LockConfig(), {}))
    assert home.remote_id == f"{clone.root.parent}/origin"


def test_the_committed_ttl_is_named(clone: Git) -> None:
    rows = json.loads(sahel_nb(clone, "lock", "doctor", "--json").stdout)["checks"]
    assert {
        "name": "settings",
        "verdict": "ok",
        "found": "as the default branch has them; a silent holder has 540 s",
        "mend": "",
    } in rows
