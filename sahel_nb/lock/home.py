"""Where the locks of this clone are: on the remote that is committed, or, without any remote, in the clone alone."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from sahel_nb.config import FILE_NAME, LockConfig, SigningKind, as_committed
from sahel_nb.durable import sync_folder
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.names import check_kernel, check_prefix, lock_ref, remote_id
from sahel_nb.lock.proof import Proof
from sahel_nb.lock.record import clean
from sahel_nb.lock.rules import Rules
from sahel_nb.lock.seen_signed import SeenSigned
from sahel_nb.lock.signing import Signing
from sahel_nb.lock.unsigned import Unsigned
from sahel_nb.permissions import SHARED
from sahel_nb.repo.cmd import git
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.worktree import Worktree

SINGLE_USER = "single-user: this repository has no remote, so nobody else sees its locks"
_DEFAULT = LockConfig().remote
_LOCAL_ID = "local"


@dataclass(frozen=True)
class Home:
    """The refs that hold the locks. `label` must be shown wherever the lock is; empty where the lock is shared."""

    refs: RemoteRefs
    prefix: str
    label: str = ""
    signing: SigningKind = SigningKind.OFF
    signers: str = LockConfig().signers
    _asked: dict[str, tuple[Path, float]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def remote_id(self) -> str:
        """One name for the place, the same for everyone who shares it."""
        return _LOCAL_ID if self.label else remote_id(self.refs.url)

    def chain(self, kernel: str) -> GitRefs:
        """The chain of one kernel's lock."""
        proof = None if self.label else Proof(self.refs, self.prefix, self.refs.worktree.state_dir() / "locks")
        return GitRefs(self.refs, lock_ref(self.prefix, kernel), self.rules(kernel), proof)

    def rules(self, kernel: str) -> Rules | None:
        """What makes a record of one kernel's lock believable; None where nobody but this clone writes any."""
        if self.label:
            return None
        name = check_kernel(kernel)
        folder, remote = self.refs.worktree.state_dir() / "signed", clean(self.remote_id)
        seen = SeenSigned(folder, remote, lock_ref(self.prefix, name))
        if self.signing is SigningKind.OFF:
            return Unsigned(self.refs, name, seen)
        return Signing(self.refs, self.signing.value, self.signers, name, seen, self._asked)


def home_of(worktree: Worktree, config: LockConfig) -> Home:
    """Where `config` says, and in the clone itself where it says nothing and there is no remote at all.

    A clone that has remotes, or whose team named one, never falls back: its lock would be one that nobody else sees.
    """
    check_prefix(config.prefix)
    if config.remote == _DEFAULT and not remotes(worktree) and not _names_a_remote(worktree):
        return Home(RemoteRefs(worktree, str(_local_store(worktree))), config.prefix, SINGLE_USER)
    return Home(RemoteRefs(worktree, config.remote), config.prefix, "", config.signing, config.signers)


def remotes(worktree: Worktree) -> tuple[tuple[str, str], ...]:
    """The clone's remotes, name and URL."""
    answer = git("config", "-z", "--get-regexp", r"^remote\..*\.(url|pushurl)$", cwd=worktree.root, check=False)
    pairs = (os.fsdecode(item).partition("\n") for item in answer.stdout.split(b"\0") if item)
    return tuple({key[len("remote.") :].rpartition(".")[0]: url for key, _, url in pairs}.items())


def committed(worktree: Worktree) -> tuple[str, str] | None:
    """Remote and prefix as HEAD has them for everybody; None before the first commit. Raises `UsageError`."""
    head = git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", cwd=worktree.root, check=False)
    if head.returncode != 0:
        return None
    toml = git("cat-file", "blob", f"{head.text}:{FILE_NAME}", cwd=worktree.root, check=False)
    config = as_committed(toml.stdout if toml.returncode == 0 else None).lock
    return config.remote, config.prefix


def _names_a_remote(worktree: Worktree) -> bool:
    """Does the file name the default in so many words? Then there is a team, and this clone lost its remote."""
    try:
        text = (worktree.root / FILE_NAME).read_text("utf-8", "replace")
    except FileNotFoundError:
        return False
    lines = (line.strip() for line in text.splitlines())
    return any(line.startswith("remote") and line.partition("=")[0].strip() == "remote" for line in lines)


def _durable(folder: Path) -> tuple[tuple[str, str], ...]:
    """What makes git 2.36 and later write objects and refs through to the disk; before it, objects alone."""
    numbers = re.findall(r"\d+", git("version", cwd=folder).text)[:2]
    if [int(number) for number in numbers] < [2, 36]:
        return (("core.fsyncObjectFiles", "true"),)
    return (("core.fsync", "committed,reference"),)


def _local_store(worktree: Worktree) -> Path:
    """A bare repository beside what this clone keeps for itself, which is then a remote like any other.

    Whole or not there: made under another name. What is written to it survives a power cut.
    """
    store = worktree.state_dir() / "locks.git"
    if (store / "HEAD").exists():
        return store
    draft = Path(tempfile.mkdtemp(prefix="locks-", dir=store.parent))
    try:
        mode = worktree.state_mode()
        shared = (f"--shared={mode & 0o666:04o}",) if mode & SHARED else ()
        git("init", "--quiet", "--bare", "--template=", *shared, str(draft), cwd=worktree.root)
        draft.chmod(mode)
        for setting in (*_durable(draft), ("gc.auto", "0")):
            git("config", "--file", str(draft / "config"), *setting, cwd=worktree.root)
        try:
            draft.rename(store)
        except OSError:
            if not (store / "HEAD").exists():  # somebody else was faster: theirs is as good
                raise
        sync_folder(store.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return store
