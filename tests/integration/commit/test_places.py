"""Proves that the shims work wherever git keeps a repository, with the hooks that were there before them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sahel_nb.config import Config
from sahel_nb.hooks.staged import Repository
from sahel_nb.install.hooks import Folders
from sahel_nb.install.install import install
from sahel_nb.install.repository import initialize
from sahel_nb.notebook.pair import in_step
from sahel_nb.notebook.strip import is_stripped
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent
from tests.integration.commit.story import Clone
from tests.support.git import Git, Origin, run_git
from tests.unit.notebook.shapes import simple


def _plain(folder: Path) -> Git:
    return Git.init(folder / "un dépôt ŋ 'q")


def _submodule(folder: Path) -> Git:
    library = Git.init(folder / "bibliothèque")
    library.commit("a.txt")
    outer = Git.init(folder / "le tout ɓ")
    outer("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.root), "sous module")
    made = Git(outer.root / "sous module")
    made.become("Awa Diop")
    return made


def _linked_worktree(folder: Path) -> Git:
    main = _plain(folder)
    main.commit("a.txt")
    main("worktree", "add", "-q", "-b", "side", str(folder / "à côté"))
    return Git(folder / "à côté")


def _separate_git_folder(folder: Path) -> Git:
    made = Git(folder / "arbre ɗ")
    run_git("init", "-q", "-b", "main", f"--separate-git-dir={folder / 'le git'}", str(made.root), cwd=folder)
    made.become("Awa Diop")
    return made


def _hooks_path(folder: Path) -> Git:
    made = _plain(folder)
    made("config", "core.hooksPath", "outils/crochets git")
    return made


def _through_a_link(folder: Path) -> Git:
    made = _plain(folder)
    (folder / "lien").symlink_to(made.root)
    return Git(folder / "lien")


def _settings_of_a_worktree(folder: Path) -> Git:
    """Settings of this worktree alone: what .git/config says is not the whole of it."""
    made = _plain(folder)
    made("config", "extensions.worktreeConfig", "true")
    made("config", "--worktree", "sahel-nb.owner", "awa")
    return made


PLACES: tuple[Callable[[Path], Git], ...] = (
    _plain,
    _submodule,
    _linked_worktree,
    _separate_git_folder,
    _hooks_path,
    _through_a_link,
    _settings_of_a_worktree,
)
places = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__.strip("_"))


def _hook_before(git: Git, name: str, script: str) -> None:
    path = Folders.of(Worktree.discover(git.root)).theirs / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@places
def test_a_commit_and_a_push(place: Callable[[Path], Git], tmp_path: Path) -> None:
    clone = Clone(place(tmp_path))
    log = tmp_path / "journal ŋ"
    _hook_before(clone.git, "pre-commit", f"echo committing >> '{log}'; test ! -e arrêt")
    _hook_before(clone.git, "pre-push", f"cut -d' ' -f3 >> '{log}'")
    initialize(clone.root, Config(), pre_commit=False)
    install(Worktree.discover(clone.root), Silent())

    clone.git.write("k/cahier ŋ.ipynb", simple("x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "One")
    notebook, mirror = clone.committed("k/cahier ŋ.ipynb"), clone.committed("k/cahier ŋ.py")
    assert is_stripped(notebook)
    assert in_step(notebook, mirror)
    assert clone.disk("k/cahier ŋ.ipynb") == simple("x = 1")
    clone.git.write("arrêt")
    clone.must("add", "arrêt")
    assert clone.run("commit", "-qm", "The hook before ours says no").code != 0
    clone.must("rm", "-q", "-f", "arrêt")

    origin = Origin.create(tmp_path / "origin.git")
    clone.must("remote", "add", "other", str(origin.path))
    clone.must("push", "-q", "other", "HEAD:main")
    clone.commit_raw("brut ɓ.ipynb", simple("y = 1"))
    said = clone.run("push", "-q", "other", "HEAD:main")
    assert said.code != 0
    assert "brut ɓ.ipynb" in said.err
    assert log.read_text().split() == ["committing", "committing", "refs/heads/main", "refs/heads/main"]


HERE = (
    "from sahel_nb.hooks.staged import Repository as R; r = R.here(); print(r.root, r.git_dir, r.common_dir, sep='\\n')"
)


def _asked(cwd: Path, env: Mapping[str, str]) -> list[str]:
    done = subprocess.run(
        (sys.executable, "-c", HERE), cwd=cwd, env={**os.environ, **env}, capture_output=True, check=True, timeout=60
    )
    return os.fsdecode(done.stdout).splitlines()


def _is(worktree: Worktree) -> list[str]:
    made = Repository(worktree)
    return [os.path.realpath(path) for path in (made.root, made.git_dir, made.common_dir)]


@places
def test_a_hook_knows_where_it_is(place: Callable[[Path], Git], tmp_path: Path) -> None:
    git = place(tmp_path)
    (git.root / "dedans").mkdir()
    expected = _is(Worktree.discover(git.root))
    assert _asked(git.root, {}) == expected
    assert _asked(git.root / "dedans", {}) == expected


def test_a_hook_that_git_tells_of_another_place(tmp_path: Path) -> None:
    here, other = _plain(tmp_path), Git.init(tmp_path / "autre")
    told = {"GIT_DIR": str(other.root / ".git"), "GIT_WORK_TREE": str(other.root)}
    assert _asked(here.root, told) == _is(Worktree.discover(other.root))
    here("config", "core.worktree", str(other.root))
    assert _asked(here.root, {})[0] == os.path.realpath(other.root)
    here("config", "--unset", "core.worktree")
    (tmp_path / "more").write_text(f"[core]\n\tworktree = {other.root}\n")
    here("config", "include.path", str(tmp_path / "more"))
    assert _asked(here.root, {})[0] == here("rev-parse", "--show-toplevel")
