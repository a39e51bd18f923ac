"""The server's hook, put where it belongs: a plan first, and no hook that is there is lost.

A variable that the pusher can set says nothing of who pushes, so it is not taken for an identity.
"""

from __future__ import annotations

import fnmatch
import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from sahel_nb.durable import write_atomically
from sahel_nb.errors import Refused, UsageError
from sahel_nb.install import shipped
from sahel_nb.lock.replay import IDENTITIES
from sahel_nb.repo.cmd import git

HOOK = "pre-receive"
_OURS = b"sahel_nb.lock."
_SSHD = Path("/etc/ssh/sshd_config")


@dataclass(frozen=True)
class Plan:
    """What would be done at the repository `git_dir`: hooks that get another name, one that goes, and ours."""

    git_dir: Path
    identity: str
    renames: tuple[tuple[Path, Path], ...]
    removed: tuple[Path, ...]
    hook: Path

    @property
    def lines(self) -> tuple[str, ...]:
        """In words, each thing that changes."""
        return (
            *(f"{old} becomes {new.name}" for old, new in self.renames),
            *(f"remove {path}, of an earlier version" for path in self.removed),
            f"write {self.hook}",
            f"set sahel.identity = {self.identity} and sahel.python = {sys.executable} in {self.git_dir / 'config'}",
        )

    def carry_out(self) -> None:
        for old, new in self.renames:
            old.rename(new)
        for path in self.removed:
            path.unlink()
        self.hook.parent.mkdir(exist_ok=True)
        write_atomically(self.hook, shipped.hook(HOOK), 0o755)
        for key, value in (("sahel.identity", self.identity), ("sahel.python", sys.executable)):
            git(f"--git-dir={self.git_dir}", "config", "--replace-all", key, value, cwd=self.git_dir)


def plan(folder: Path, identity: str, sshd: Path = _SSHD) -> Plan:
    """What it takes for the repository in `folder`. Raises `Refused` where the pusher can set the identity, or a hook
    could not be kept."""
    git_dir = folder if (folder / "HEAD").is_file() else folder / ".git"
    if not (git_dir / "HEAD").is_file():
        raise UsageError(f"{folder} is not a git repository", hints=("sahel-nb lock install-hook --help",))
    _check_identity(identity, sshd)
    hooks = git(f"--git-dir={git_dir}", "rev-parse", "--git-path", "hooks", cwd=git_dir).text
    place = (git_dir / hooks).resolve()
    update, hook = place / "update", place / HOOK
    if update.is_symlink() and ".gitolite" in str(update.readlink()):
        ship = quote(str(shipped.folder("hooks") / HOOK))
        raise Refused(
            f"{place} is gitolite's, which makes it again: its own place for hooks is local/hooks/common",
            hints=(f"cp {ship} ~/local/hooks/common/ && gitolite setup --hooks-only",),
        )
    renames: list[tuple[Path, Path]] = []
    removed: list[Path] = []
    if update.exists() and _OURS in update.read_bytes():
        before = update.with_name("update.before-sahel-nb")
        removed += [] if before.exists() else [update]
        renames += [(before, update)] if before.exists() else []
    if hook.exists() and _OURS not in hook.read_bytes():
        kept = hook.with_name(f"{HOOK}.before-sahel-nb")
        if kept.exists():
            raise Refused(
                f"{hook} and {kept} are both there: which one is to run?", hints=(f"ls -l {quote(str(place))}",)
            )
        renames.append((hook, kept))
    return Plan(git_dir.resolve(), identity, tuple(renames), tuple(removed), hook)


def _check_identity(identity: str, sshd: Path) -> None:
    if identity not in IDENTITIES:
        raise Refused(
            f"{identity} is set by whoever pushes: it does not say who they are",
            details=("REMOTE_USER: smart http, from the web server; GL_USER: gitolite; SAHEL_USER: a forced command",),
            hints=(
                "sahel-nb lock install-hook --identity REMOTE_USER",
                "sahel-nb lock install-hook --identity SAHEL_USER",
            ),
        )
    for path in (sshd, *sorted(sshd.with_name("sshd_config.d").glob("*.conf"))):
        lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
        for words in (line.split() for line in lines):
            accepted = words[1:] if words[:1] and words[0].lower() == "acceptenv" else []
            if identity != "SAHEL_USER" and any(fnmatch.fnmatchcase(identity, pattern) for pattern in accepted):
                raise Refused(
                    f"AcceptEnv of {path} lets whoever pushes over ssh set {identity}: it does not say who they are",
                    hints=(f"grep -n AcceptEnv {quote(str(path))}",),
                )
