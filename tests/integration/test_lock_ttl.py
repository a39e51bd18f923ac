"""How long a silent holder is waited for is what the team committed, whatever one of them has set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.git import Git, Origin
from support.locks import KERNEL, FolderKaggle, Person, over_git


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
def test_a_personal_ttl_ends_nobodys_intent(clone: Git, tmp_path: Path, how: str) -> None:
    awa = Person("Awa", over_git(clone.root), FolderKaggle(tmp_path / "kaggle"))
    awa.client.acquire(awa.intent())
    env, mend = set_here(clone, how)

    refused = sahel_nb(clone, "lock", "acquire", KERNEL, "--reason", "maintenance", **env)
    assert refused.returncode == 3, refused
    assert "frees it after 540 s without a sign" in refused.stderr

    rows = json.loads(sahel_nb(clone, "lock", "doctor", "--json", **env).stdout)["checks"]
    row = next(row for row in rows if row["name"] == "ttl")
    assert (row["verdict"], row["mend"]) == ("warning", mend)
    assert row["found"].startswith("540 s, as committed: the 5 s")


def test_the_committed_ttl_is_named(clone: Git) -> None:
    rows = json.loads(sahel_nb(clone, "lock", "doctor", "--json").stdout)["checks"]
    assert {"name": "ttl", "verdict": "ok", "found": "540 s, as committed", "mend": ""} in rows
