"""The servers that a lock can live on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.worktree import Worktree
from support.git import Origin, git_daemon, git_http
from support.ssh import ssh_to_here
from support.swap_scene import Scene


@pytest.fixture(params=["path", "ssh", "git", "http"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    origin = Origin.create(tmp_path / "origin.git")
    with contextlib.ExitStack() as stack:
        base = str(tmp_path)
        if request.param in ("git", "http"):
            base = stack.enter_context({"git": git_daemon, "http": git_http}[request.param](tmp_path))
        clone = origin.clone("awa")
        if request.param == "ssh":
            base = f"ssh://git@host.example{tmp_path}"
            clone("config", "core.sshCommand", ssh_to_here(tmp_path))
        clone("remote", "set-url", "origin", f"{base}/origin.git")
        yield Scene(origin, clone, RemoteRefs(Worktree.discover(clone.root), "origin"), base)
