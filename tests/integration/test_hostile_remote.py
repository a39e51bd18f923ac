"""A clone that brings a remote of its own with it: no hook of it runs, and no key of Kaggle's is in its environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.git import Git, Origin, run_git
from tests.integration.test_lock_command_line import METADATA

KERNEL = METADATA["id"]
COMMANDS = (
    ("lock", "doctor"),
    ("lock", "doctor", "--fix"),
    ("lock", "acquire", "--reason", "by hand", KERNEL),
    ("lock", "list"),
    ("run", KERNEL),
    ("run", "--dry-run", KERNEL),
    ("doctor",),
    ("status",),
)


def hook_at(repository: Path, proof: Path) -> None:
    for name in ("pre-receive", "update", "post-receive"):
        hook = repository / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nenv >> {proof}\n")
        hook.chmod(0o755)


@pytest.fixture
def victim(tmp_path: Path) -> Git:
    """A colleague's clone of a repository that has a bare repository with hooks among its files."""
    host = Origin.create(tmp_path / "origin.git").clone("host")
    run_git("init", "-q", "--bare", "--template=", "locks", cwd=host.root)
    for folder in ("refs", "objects"):
        host.write(f"locks/{folder}/.keep")
    hook_at(host.root / "locks", tmp_path / "proof")
    host.write("notebooks/fula-lid/kernel-metadata.json", json.dumps(METADATA))
    host.write("notebooks/fula-lid/fula-lid.py", "print('x')\n")
    host("add", "-f", "--", "notebooks", *(f"locks/{path}" for path in ("HEAD", "config", "refs", "objects", "hooks")))
    host.commit(message="A kernel, and a trap")
    host.push()
    clone = Git(tmp_path / "victim")
    run_git("clone", "-q", str(tmp_path / "origin.git"), str(clone.root), cwd=tmp_path)
    clone.become("Bob")
    return clone


def sahel_nb(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    secret = {"KAGGLE_USERNAME": "bob", "KAGGLE_KEY": "k" * 32, "SAHEL_NB_KAGGLE": "http://127.0.0.1:9"}
    command = (str(Path(sys.executable).with_name("sahel-nb")), *args)
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **secret, **env}, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("remote", ["./locks", "file://{root}/locks", "ext::git-receive-pack ./locks"])
def test_no_hook_of_a_committed_remote_runs(victim: Git, tmp_path: Path, remote: str) -> None:
    victim.write("sahel-nb.toml", f'[lock]\nremote = "{remote.format(root=victim.root)}"\n')
    for command in COMMANDS if remote == "./locks" else COMMANDS[:1]:
        done = sahel_nb(victim.root, *command)
        assert done.returncode != 0, command
        assert "sahel-nb.toml: lock.remote must be" in done.stdout + done.stderr, command
        assert not (tmp_path / "proof").exists(), command


@pytest.mark.parametrize("how", ["remote", "setting", "environment", "insteadOf"])
def test_no_hook_below_the_worktree_runs_whoever_names_it(victim: Git, tmp_path: Path, how: str) -> None:
    env = {}
    if how == "remote":
        victim("config", "remote.origin.url", "./locks")
    elif how == "setting":
        victim("config", "sahel-nb.lock.remote", "../victim/locks")
    elif how == "insteadOf":
        victim("config", "sahel-nb.lock.remote", "https://host.example/locks")  # an edit of the file decides nothing
        victim("config", f"url.{victim.root}/.insteadOf", "https://host.example/")
    else:
        env["SAHEL_NB_LOCK_REMOTE"] = f"file://{victim.root}/locks"
    for command in COMMANDS[:1] if how != "remote" else (COMMANDS[0], COMMANDS[2], ("doctor",)):
        done = sahel_nb(victim.root, *command, **env)
        assert done.returncode == 3, command
        assert "below the worktree: its hooks would run here" in done.stdout + done.stderr, command
        assert not (tmp_path / "proof").exists(), command


def test_the_hooks_of_a_remote_that_is_ones_own_see_no_key(victim: Git, tmp_path: Path) -> None:
    hook_at(tmp_path / "origin.git", tmp_path / "proof")
    more = {"KAGGLE_API_TOKEN": "t" * 32, "SAHEL_NB_LOCAL_USERS": "awa:key", "SAHEL_NB_LOCAL_TOKENS": "key=awa"}
    assert sahel_nb(victim.root, "lock", "doctor", **more).returncode == 0
    seen = (tmp_path / "proof").read_text()
    assert "PATH=" in seen
    assert not [line for line in seen.splitlines() if line.startswith(("KAGGLE", "SAHEL_NB_LOCAL"))]


def test_a_folder_that_looks_like_a_bare_repository_starts_nothing(victim: Git, tmp_path: Path) -> None:
    """git takes its configuration, core.fsmonitor included, from such a folder for whoever stands in it."""
    trap = victim.root / "notebooks/fula-lid"
    run_git("init", "-q", "--bare", "--template=", str(trap), cwd=tmp_path)
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {tmp_path / 'proof'}\n")
    monitor.chmod(0o755)
    for key, value in (("bare", "false"), ("worktree", str(victim.root)), ("fsmonitor", str(monitor))):
        run_git("config", "--file", "config", f"core.{key}", value, cwd=trap)
    run_git("status", cwd=trap, check=False)
    (tmp_path / "proof").unlink()
    for command in (("status",), ("run",), ("lint",)):
        assert sahel_nb(trap, *command).returncode == 2, command
        assert not (tmp_path / "proof").exists(), command
