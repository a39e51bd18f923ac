"""A remote and a clone that reaches it in one of git's ways, each with a real server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.git import Git, Origin, git_daemon, git_http
from support.ssh import ssh_to_here

WAYS = ("path", "ssh", "git", "http")
OVER_SSH = "ssh://git@host.example{}"


@contextmanager
def reached(way: str, folder: Path, over_ssh: str = OVER_SSH) -> Iterator[tuple[Origin, Git, str]]:
    """The remote in `folder`, a clone of it whose `origin` goes that way, and the URL below which the remote lies."""
    origin = Origin.create(folder / "origin.git")
    clone = origin.clone("awa")
    if way in ("git", "http"):
        with {"git": git_daemon, "http": git_http}[way](folder) as base:
            clone("remote", "set-url", "origin", f"{base}/origin.git")
            yield origin, clone, base
        return
    base = str(folder)
    if way == "ssh":
        base = over_ssh.format(folder)
        clone("config", "core.sshCommand", ssh_to_here(folder))
    clone("remote", "set-url", "origin", f"{base}/origin.git")
    yield origin, clone, base
