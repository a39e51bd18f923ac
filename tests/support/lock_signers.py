"""A team whose lock records are signed: an origin with a protected branch of signers, and people with keys."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from sahel_nb.config import Enforcement, LockConfig
from sahel_nb.lock.backend import Verdict as Swapped
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.home import Home, home_of
from sahel_nb.lock.transition import step
from sahel_nb.repo.worktree import Worktree
from support.git import Git, Origin, run_git
from support.lock_records import AWA, BOB, REMOTE, arm, writer
from support.locks import KERNEL

SIGNERS = "refs/heads/sahel-signers"


@dataclass
class Team:
    """An origin with a branch of signers, and people with keys of their own."""

    origin: Origin
    keys: Path
    clones: dict[str, Git] = field(default_factory=dict)

    def clone(self, name: str) -> Git:
        if name not in self.clones:
            made = self.clones[name] = self.origin.clone(name)
            made("config", "user.signingkey", str(self.key(name)))
        return self.clones[name]

    def key(self, name: str) -> Path:
        path = self.keys / name
        if not path.exists():
            command = ("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-C", name, "-f", str(path))
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return path

    def trust(self, *names: str, at: str = "2024-01-02T00:00:00Z", **lines: str) -> None:
        """What a lead pushes to the protected branch at a time; `lines` say what stands before somebody's key."""
        addresses = {**{name: f"{name}@example.org" for name in names}, **lines}
        made = [f"{first} {self.key(name).with_suffix('.pub').read_text()}" for name, first in addresses.items()]
        self.commit("allowed_signers", "".join(made) or "# nobody\n", at)

    def commit(self, path: str, text: str, at: str = "2024-01-02T00:00:00Z") -> None:
        admin = self.clone("admin")
        admin.write(path, text)
        admin("add", "-A")
        run_git("commit", "-q", "--allow-empty", "-m", path, cwd=admin.root, GIT_COMMITTER_DATE=at)
        admin.push("origin", f"+HEAD:{SIGNERS}")

    def home(self, name: str) -> Home:
        return home_of(Worktree.discover(self.clone(name).root), LockConfig(enforce=Enforcement.SIGNED, id=REMOTE))

    def backend(self, name: str, kernel: str = KERNEL) -> GitRefs:
        return self.home(name).chain(kernel)

    def first(self, name: str = "awa") -> GitRefs:
        """Somebody has armed the lock; their view of it."""
        backend = self.backend(name)
        who = {"awa": AWA, "bob": BOB}[name]
        record = step(None, arm(who, remote=self.home(name).remote_id), writer(who, "n1"))
        assert backend.swap(None, record).verdict is Swapped.WON
        return backend
