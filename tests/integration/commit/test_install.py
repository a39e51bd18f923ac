"""Proves the set-up of a clone: it can be repeated, undone to the byte, and keeps the hooks that were there."""

from __future__ import annotations

import re
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from sahel_nb.config import Config, load
from sahel_nb.install import shipped
from sahel_nb.install.doctor import examine
from sahel_nb.install.install import install, uninstall
from sahel_nb.install.repository import Outcome, initialize
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent, Verdict
from tests.integration.commit.story import Clone
from tests.support.git import Git, Origin


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return Git.init(tmp_path / "o ŋ")


def hook(git: Git, name: str, script: str) -> Path:
    path = git.root / ".git" / "hooks" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_round_trip_leaves_config_and_hooks_byte_identical(git: Git) -> None:
    hook(git, "pre-commit", "exit 0")
    git("config", "sahel-nb.owner", "awa")
    worktree = Worktree.discover(git.root)
    before = files_of(git.root / ".git")
    install(worktree, Silent())
    installed = files_of(git.root / ".git")
    assert installed != before
    install(worktree, Silent())
    assert files_of(git.root / ".git") == installed
    uninstall(worktree, Silent())
    assert files_of(git.root / ".git") == before
    uninstall(worktree, Silent())
    assert files_of(git.root / ".git") == before


def test_a_hook_that_was_there_runs_first_and_may_refuse(git: Git) -> None:
    log = git.root.parent / "log"
    hook(git, "pre-commit", f"echo before >> '{log}'; test ! -e stop")
    hook(git, "pre-push", f"cat >> '{log}'; echo \"$@\" >> '{log}'")
    install(Worktree.discover(git.root), Silent())
    clone = Clone(git)
    git.write("a.txt")
    clone.must("add", ".")
    clone.must("commit", "-qm", "One")
    assert log.read_text() == "before\n"
    git.write("stop")
    clone.must("add", ".")
    assert clone.run("commit", "-qm", "Two").code != 0
    origin = Origin.create(git.root.parent / "origin.git")
    clone.must("push", "-q", str(origin.path), "main")
    head = git.head()
    assert f"refs/heads/main {head} refs/heads/main {'0' * 40}\n{origin.path} {origin.path}\n" in log.read_text()


@pytest.mark.parametrize("where", [".githooks", "../shared"])
def test_nothing_is_written_where_somebody_keeps_hooks(git: Git, where: str) -> None:
    git("config", "core.hooksPath", where)
    install(Worktree.discover(git.root), Silent())
    assert not (git.root / where).exists()
    said = Clone(git).run("commit", "--allow-empty", "-qm", "One", PATH="/usr/bin:/bin", GIT_TRACE="1").err
    assert ".git/hooks/sahel-nb/pre-commit" in said, "git runs ours"
    uninstall(Worktree.discover(git.root), Silent())
    assert git("config", "--get-all", "core.hooksPath") == where


def test_a_runner_that_is_gone_refuses_commits_and_lets_checkouts_pass(git: Git) -> None:
    install(Worktree.discover(git.root), Silent())
    git("config", "sahel-nb.hook", "/nowhere/python")
    clone = Clone(git)
    git.write("a.txt")
    clone.must("add", ".")
    said = clone.run("commit", "-qm", "One")
    assert said.code != 0
    assert "sahel-nb install" in said.err
    clone.must("commit", "-qm", "One", "--no-verify")
    clone.must("switch", "-qc", "side")
    git("config", "--unset", "sahel-nb.hook")
    bare = f"{Path(shutil.which('git') or '').parent}:/usr/bin:/bin"
    assert clone.run("commit", "--allow-empty", "-qm", "Two", PATH=bare).code != 0


def test_init_only_adds(git: Git) -> None:
    git.write(".gitignore", b"*.log\r\n/runs/\r\n")
    git.write(".gitattributes", b"*.png binary")
    git.write("pyproject.toml", "[tool.jupytext]\nformats = 'ipynb,py'\n")
    done = {one.name: one.outcome for one in initialize(git.root, Config(), pre_commit=True)}
    assert done == {
        "sahel-nb.toml": Outcome.CREATED,
        ".gitattributes": Outcome.EXTENDED,
        ".gitignore": Outcome.EXTENDED,
        "jupytext.toml": Outcome.UNCHANGED,
        ".pre-commit-config.yaml": Outcome.CREATED,
    }
    ignore = (git.root / ".gitignore").read_bytes()
    assert ignore.startswith(b"*.log\r\n/runs/\r\n")
    assert ignore.count(b"/runs/") == 1
    assert ignore.count(b"\n") == ignore.count(b"\r\n")
    assert (git.root / ".gitattributes").read_bytes().startswith(b"*.png binary\n\n# sahel-nb\n*.ipynb filter=sahel-nb")
    again = initialize(git.root, Config(), pre_commit=True)
    assert {one.outcome for one in again} == {Outcome.UNCHANGED}
    assert Worktree.discover(git.root).config({}) == Config()


def test_the_settings_file_shows_every_key_with_its_default() -> None:
    template = (shipped.folder("templates") / "repository" / "sahel-nb.toml").read_text(encoding="utf-8")
    shown = re.sub(r"^# (?=\w+ = )", "", template, flags=re.MULTILINE)
    assert load(shown.encode()) == Config()
    keys = re.findall(r"^(?:\[(\w+)\]|(\w+) = .*)$", shown, re.MULTILINE)
    declared = [(section.name, "") if not key else ("", key) for section in fields(Config) for key in keys_of(section)]
    assert keys == declared


def keys_of(section: Any) -> list[str]:
    return ["", *(one.name for one in fields(getattr(Config(), section.name)))]


def verdicts(clone: Clone, **environ: str) -> dict[str, Verdict]:
    worktree = Worktree.discover(clone.root)
    checks = examine(worktree, worktree.config({}), environ, offline=False)
    for check in checks:
        assert check.mend or not check.blocks, check
    return {check.name: check.verdict for check in checks}


@pytest.mark.parametrize("version", ["1.7.4.5", "2.2.3", "3.0.0rc1"])
def test_doctor_sees_a_client_that_cannot_work(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    info = tmp_path / "site" / f"kaggle-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: kaggle\nVersion: {version}\n")
    monkeypatch.syspath_prepend(info.parent)
    (row,) = (one for one in examine(Worktree.discover(git.root), Config(), {}, offline=True) if one.name == "kaggle")
    assert (row.verdict, row.found) == (Verdict.FAILED, f"{version}; sahel-nb needs kaggle<3,>=2.2.4")
    assert row.mend.endswith(" -m pip install 'kaggle<3,>=2.2.4'")


def test_doctor_sees_what_is_missing_and_what_is_mended(tmp_path: Path, frozen_world: Path) -> None:
    git = Git.init(tmp_path / "bare")
    clone = Clone(git)
    found = verdicts(clone)
    for name in ("filter", "attributes", "hooks", "ignored"):
        assert found[name] is Verdict.FAILED, name
    assert found["lock remote"] is Verdict.WARNING, "without a remote the lock is this clone's own"
    initialize(git.root, Config(), pre_commit=False)
    install(Worktree.discover(git.root), Silent())
    git("remote", "add", "origin", str(Origin.create(tmp_path / "origin.git").path))
    credential = frozen_world / ".kaggle" / "kaggle.json"
    credential.parent.mkdir()
    credential.write_text('{"username": "awa", "key": "secret-thing"}')
    credential.chmod(0o644)
    found = verdicts(clone)
    assert found.pop("settings") is Verdict.WARNING, "what init writes is not in git yet"
    git("add", "sahel-nb.toml", ".gitattributes")
    assert {name for name, verdict in found.items() if verdict is not Verdict.OK} == {"credentials"}
    assert found["credentials"] is Verdict.FAILED
    credential.chmod(0o600)
    assert {name for name, verdict in verdicts(clone).items() if verdict is not Verdict.OK} == set()
    git("config", "filter.nbstripout.clean", "nbstripout")
    assert verdicts(clone)["nbstripout"] is Verdict.WARNING
    (git.root / ".git" / "info" / "attributes").write_text("*.ipynb filter=nbstripout\n")
    found = verdicts(clone)
    assert (found["nbstripout"], found["attributes"]) == (Verdict.FAILED, Verdict.FAILED)
