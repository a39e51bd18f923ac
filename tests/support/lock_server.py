"""A repository that is a server with our update hook, and people who reach it under their own names."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sahel_nb.install import shipped
from sahel_nb.lock.record import Record
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, loose, make_commit, object_id
from sahel_nb.repo.swap_answer import Swap
from sahel_nb.repo.worktree import Worktree
from support.git import Git, Origin
from support.locks import REF
from support.ssh import ssh_to_here


@dataclass
class Server:
    """A repository with the hook, and clones of people who reach it under their own names."""

    origin: Origin
    reach: Callable[[Git, str], None]
    first: int
    clones: dict[str, RemoteRefs] = field(default_factory=dict)

    def refs(self, who: str) -> RemoteRefs:
        if who not in self.clones:
            clone = self.origin.clone(who or "nobody")
            self.reach(clone, who)
            self.clones[who] = RemoteRefs(Worktree.discover(clone.root), "origin")
        return self.clones[who]

    def put(self, record: Record, parent: RawCommit | None = None, ref: str = REF) -> RawCommit:
        """As the server's own administrator, past the hook."""
        commit = commit_of(record, parent)
        lay(self.origin.path, commit)
        path = self.origin.path / ref
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{commit.oid}\n")
        return commit

    def push(self, who: str, old: RawCommit | None, new: RawCommit, ref: str = REF) -> tuple[Swap, str]:
        answer = self.refs(who).swap(ref, old, new)
        return answer.swap, " ".join(answer.evidence)


def commit_of(record: Record, parent: RawCommit | None) -> RawCommit:
    oid = parent.oid if parent else None
    return make_commit(record.to_json(), parent=oid, name="n", email="e@x", when=1)


def lay(git_dir: Path, commit: RawCommit) -> None:
    """Into a repository's objects, with the empty tree, without a process."""
    for kind, oid, body in (("commit", commit.oid, commit.body), ("tree", object_id("tree", b""), b"")):
        path = git_dir / "objects" / oid[:2] / oid[2:]
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_bytes(loose(kind, body))


def by_http(url: str) -> Callable[[Git, str], None]:
    def reach(clone: Git, who: str) -> None:
        clone("remote", "set-url", "origin", f"{url}/origin.git")
        if who:
            token = base64.b64encode(f"{who}:secret".encode()).decode()
            clone("config", "http.extraHeader", f"Authorization: Basic {token}")

    return reach


def by_ssh(folder: Path) -> Callable[[Git, str], None]:
    def reach(clone: Git, who: str) -> None:
        clone("remote", "set-url", "origin", f"git@host.example:{folder}/origin.git")
        clone("config", "core.sshCommand", ssh_to_here(folder, who))

    return reach


def guarded(folder: Path, identity: str) -> Origin:
    """`folder`/origin.git with the hook, where `identity` is the variable that says who pushes."""
    origin = Origin.create(folder / "origin.git")
    guard(origin)
    origin("config", "sahel.identity", identity)
    for name in ("awa", "bob", "lead"):
        origin("config", f"sahel.{name}.email", f"{name}@example.org")
    origin("config", "sahel.lead", "lead@example.org")
    return origin


def guard(origin: Origin) -> None:
    """The hook, which asks nobody who they are."""
    hook = origin.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes(shipped.hook("pre-receive"))
    hook.chmod(0o755)
    origin("config", "sahel.python", sys.executable)
