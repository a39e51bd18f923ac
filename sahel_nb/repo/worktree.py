"""One clone as it stands: where it is, what HEAD is, what is not committed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from sahel_nb.errors import Refused, UsageError
from sahel_nb.permissions import SHARED, make_folder, read_regular
from sahel_nb.repo.cmd import GitFailed, git

if TYPE_CHECKING:
    from sahel_nb.config import Config

_UNMERGED = frozenset(("DD", "AU", "UD", "UA", "DU", "AA", "UU"))

# What git leaves in its folder while it waits for a person; a rebase also leaves CHERRY_PICK_HEAD, so it comes first.
_IN_PROGRESS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
)


class StatusKind(Enum):
    TRACKED = "tracked"
    UNTRACKED = "untracked"
    UNMERGED = "unmerged"


@dataclass(frozen=True)
class StatusEntry:
    """One path that differs from HEAD. `text` is git's two-letter code, index and worktree."""

    path: bytes
    kind: StatusKind
    text: str


@dataclass(frozen=True)
class Worktree:
    """A checkout: its top folder, its own git folder, and the git folder that it shares with linked worktrees."""

    root: Path
    git_dir: Path
    common_dir: Path

    @classmethod
    def discover(cls, start: Path, env: Mapping[str, str] | None = None) -> Worktree:
        """The worktree that `start` lies in. `env` is what git told a hook, see `cmd.told_to_hooks`.

        Raises `UsageError` outside a repository or in a bare one, `Refused` where git does not trust the folder.
        """
        asked = ("--is-bare-repository", "--absolute-git-dir", "--git-common-dir", "--is-inside-work-tree")
        answer = git("rev-parse", *asked, cwd=start, check=False, env=env)
        if answer.returncode != 0:
            raise _no_worktree(start, answer.stderr)
        lines = answer.stdout.rstrip(b"\n").split(b"\n")
        if len(lines) != len(asked):  # a folder name with a line end in it
            lines = [git("rev-parse", one, cwd=start, env=env).stdout[:-1] for one in asked]
        bare, git_dir, common_dir, inside = lines
        if inside != b"true":
            raise _bare(start) if bare == b"true" else _bare(start, "inside git's own folder")
        root = git("rev-parse", "--show-toplevel", cwd=start, env=env).stdout[:-1]
        return cls(_path(start, root), _path(start, git_dir), _path(start, common_dir))

    def head(self) -> str:
        """The commit that HEAD is. Raises `Refused` before the first commit."""
        answer = git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", cwd=self.root, check=False)
        if answer.returncode != 0:
            said = "there is no commit yet; a kernel is what a commit has"
            raise Refused(said, hints=('git add -A && git commit --allow-empty -m "First commit"',))
        return answer.text

    def resolve(self, rev: str) -> str:
        """The commit that `rev` names. Raises `UsageError` when it names none."""
        answer = git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}", cwd=self.root, check=False
        )
        if answer.returncode != 0:
            raise UsageError(f"`{rev}` names no commit here", hints=("git log --oneline -5", "git fetch --all"))
        return answer.text

    def branch(self) -> str | None:
        """The branch that is checked out, without refs/heads/; None when HEAD is detached."""
        answer = git("symbolic-ref", "--quiet", "HEAD", cwd=self.root, check=False)
        name = answer.text
        return name[len("refs/heads/") :] if answer.returncode == 0 and name.startswith("refs/heads/") else None

    def status(self) -> tuple[StatusEntry, ...]:
        """Everything that is not committed: ignored files are not counted, submodules and what is in them are.

        A rename is shown as its two halves, so that each entry is one path.
        """
        answer = git(
            *("status", "--porcelain", "-z", "--untracked-files=all", "--ignore-submodules=none", "--no-renames"),
            cwd=self.root,
        )
        return tuple(_entry(line) for line in answer.stdout.split(b"\0") if line)

    def in_progress(self) -> str | None:
        """The git operation that waits to be continued or aborted, if there is one."""
        for name, operation in _IN_PROGRESS:
            if (self.git_dir / name).exists():
                return operation
        return None

    def git_config(self) -> dict[str, str]:
        """Personal settings: `sahel-nb.*` from git's configuration, keys in lower case, the last value of each."""
        answer = git("config", "-z", "--get-regexp", r"^sahel-nb\.", cwd=self.root, check=False)
        if answer.returncode not in (0, 1):  # 1: none set
            raise GitFailed(("config", "--get-regexp"), answer)
        settings: dict[str, str] = {}
        for item in answer.stdout.split(b"\0"):
            if item:
                key, has_value, value = item.partition(b"\n")
                settings[key.decode("utf-8", "replace").lower()] = (
                    value.decode("utf-8", "replace") if has_value else "true"
                )
        return settings

    def config(self, environ: Mapping[str, str]) -> Config:
        """sahel-nb.toml as it stands in the worktree, under personal settings. Raises `UsageError`."""
        from sahel_nb.config import FILE_NAME, load  # a hook that only wants the folders does without

        try:
            toml: bytes | None = read_regular(str(self.root / FILE_NAME))
        except FileNotFoundError:
            toml = None
        except OSError as exc:
            raise UsageError(f"{FILE_NAME} cannot be read: {exc.strerror}") from exc
        return load(toml, self.git_config(), environ)

    def state_dir(self) -> Path:
        """Where this clone keeps what is its own: inside git's folder, shared by linked worktrees. Created.

        Nobody else may look into it, unless core.sharedRepository says so; what an earlier version left open is closed.
        """
        folder = self.common_dir / "sahel-nb"
        try:
            mode = folder.stat().st_mode
        except FileNotFoundError:
            mode = 0o777
        if mode & 0o077 and not mode & SHARED:
            self.settle_state_dir()
        return folder

    def state_mode(self) -> int:
        """The mode of `state_dir` by core.sharedRepository."""
        return shared_mode(self.root)

    def settle_state_dir(self) -> None:
        """Give `state_dir` its mode, and where others are let in what is in it as well, as far as it is ours."""
        import os

        folder, wanted = self.common_dir / "sahel-nb", self.state_mode()
        make_folder(str(folder))
        group = self.common_dir.stat().st_gid if wanted & SHARED else -1
        for path, _, names in os.walk(folder):
            _settle(Path(path), wanted, group)
            if not wanted & SHARED:
                return  # where nobody gets in, nobody comes further
            if "/vault/live/" not in path:  # second names of files that are the worktree's
                for name in names:
                    _settle(Path(path, name), wanted, group)


def shared_mode(folder: Path, env: Mapping[str, str] | None = None) -> int:
    """The mode of a folder of ours in the repository at `folder` by core.sharedRepository, see git-config(1): 700, or
    more where others are let in. `env` is what git told a hook."""
    text = git("config", "--get", "core.sharedRepository", cwd=folder, check=False, env=env).text.lower()
    if text in ("", "umask", "false", "no", "off", "0"):
        return 0o700
    if text in ("group", "true", "yes", "on", "1"):
        return 0o2770
    if text in ("all", "world", "everybody", "2"):
        return 0o2775
    try:
        bits = int(text, 8) & 0o066
    except ValueError:
        return 0o700  # git itself has something to say to it
    return 0o700 | bits | bits >> 2 & 0o011 | (SHARED if bits & 0o060 else 0)


def _settle(path: Path, wanted: int, group: int) -> None:
    import os
    import stat

    with contextlib.suppress(OSError):  # another user's, or gone
        old = path.lstat()
        if stat.S_ISLNK(old.st_mode):
            return
        if group not in (-1, old.st_gid):
            os.chown(path, -1, group)
        if stat.S_ISDIR(old.st_mode):
            path.chmod(wanted)
        else:
            path.chmod(stat.S_IMODE(old.st_mode) | wanted & (0o066 if old.st_mode & 0o200 else 0o044))


def _path(start: Path, raw: bytes) -> Path:
    import os

    return (start / os.fsdecode(raw)).resolve()


def _entry(line: bytes) -> StatusEntry:
    code, path = line[:2].decode("ascii"), line[3:]
    if code == "??":
        return StatusEntry(path, StatusKind.UNTRACKED, code)
    return StatusEntry(path, StatusKind.UNMERGED if code in _UNMERGED else StatusKind.TRACKED, code)


def _no_worktree(start: Path, stderr: bytes) -> UsageError | Refused:
    evidence = tuple(stderr.decode("utf-8", "replace").strip().splitlines()[:1])
    if b"dubious ownership" in stderr:
        from shlex import quote

        return Refused(
            f"git does not trust {start}: another user owns it",
            hints=(f"git config --global --add safe.directory {quote(str(start))}",),
            details=evidence,
        )
    if b"safe.bareRepository" in stderr:
        return _bare(start, "inside git's own folder") if ".git" in start.parts else _bare(start)
    return UsageError(
        f"{start} is not in a git repository",
        hints=("cd YOUR-CLONE", "git init  # for a new one, here"),
        details=evidence,
    )


def _bare(start: Path, where: str = "a bare repository") -> UsageError:
    return UsageError(f"{start} is {where}; sahel-nb works in a checkout", hints=("git clone URL",))
