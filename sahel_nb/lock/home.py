"""Where the locks of this clone are: on the remote that is committed, or, without any remote, in the clone alone."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from sahel_nb.config import FILE_NAME, Enforcement, LockConfig
from sahel_nb.durable import sync_folder
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.names import check_kernel, check_prefix, lock_ref, remote_id
from sahel_nb.lock.proof import Proof
from sahel_nb.lock.record import clean
from sahel_nb.lock.rules import Rules, Unsigned
from sahel_nb.lock.signers import SignersBranch
from sahel_nb.lock.signing import Signed
from sahel_nb.lock.team import require_current
from sahel_nb.permissions import SHARED, read_regular
from sahel_nb.repo.cmd import git
from sahel_nb.repo.identity import git_user
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.signature import check_signature, sign
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
    config: LockConfig = field(default_factory=LockConfig)
    """What the team has committed, as this clone knows it."""
    _current: list[bool] = field(default_factory=list, repr=False, compare=False)
    _branch: list[SignersBranch] = field(default_factory=list, repr=False, compare=False)

    @property
    def remote_id(self) -> str:
        """One name for the place, the same for everyone who shares it."""
        return _LOCAL_ID if self.label else self.config.id or clean(remote_id(self.refs.url))

    @property
    def signers(self) -> SignersBranch:
        """Whose signatures count; asked once for all locks."""
        if not self._branch:
            folder = self.refs.worktree.state_dir() / "signed"
            self._branch.append(SignersBranch(self.refs, self.config.signers, folder))
        return self._branch[0]

    def chain(self, kernel: str) -> GitRefs:
        """The chain of one kernel's lock."""
        proof = None if self.label else Proof(self.refs, self.prefix, self.refs.worktree.state_dir() / "locks")
        return GitRefs(self.refs, lock_ref(self.prefix, kernel), self.rules(kernel), proof)

    def rules(self, kernel: str) -> Rules | None:
        """What makes a record of one kernel's lock believable; None where nobody but this clone writes any."""
        if self.label:
            return None
        if self.config.enforce is not Enforcement.SIGNED:
            return Unsigned(self.refs, self._ask, self.config.runners)
        name = check_kernel(kernel)
        place = hashlib.sha256(f"{self.remote_id} {lock_ref(self.prefix, name)}".encode()).hexdigest()[:16]
        seen = self.refs.worktree.state_dir() / "signed" / f"{place}.believed"
        return Signed(self.refs, self.signers, name, self.remote_id, seen, self._ask, self.config.runners)

    def own_signature(self) -> str:
        """Whom this person's signature counts for now: their address. Raises `Refused` where it does not."""
        user = git_user(self.refs.worktree)
        newest = self.signers.newest()
        commit = sign(self.refs, b"sahel-nb lock doctor\n", None, max(newest.when, int(time.time())))
        check_signature(commit, user.email, newest.keys, commit.when)
        return user.email

    def _ask(self) -> None:
        """Is what this clone knows of the team's settings what the remote has? Raises `Refused`."""
        if not self._current:
            head = self.signers.head() if self.config.enforce is Enforcement.SIGNED else ""
            require_current(self.refs, self.config, head)
            self._current.append(True)


def home_of(worktree: Worktree, config: LockConfig) -> Home:
    """Where `config` says, and in the clone itself where it says nothing and there is no remote at all.

    A clone that has remotes, or whose team named one, never falls back: its lock would be one that nobody else sees.
    """
    check_prefix(config.prefix)
    if config.remote == _DEFAULT and not remotes(worktree) and not _names_a_remote(worktree):
        return Home(RemoteRefs(worktree, str(_local_store(worktree))), config.prefix, SINGLE_USER)
    return Home(RemoteRefs(worktree, config.remote), config.prefix, "", config)


def remotes(worktree: Worktree) -> tuple[tuple[str, str], ...]:
    """The clone's remotes, name and URL."""
    answer = git("config", "-z", "--get-regexp", r"^remote\..*\.(url|pushurl)$", cwd=worktree.root, check=False)
    pairs = (os.fsdecode(item).partition("\n") for item in answer.stdout.split(b"\0") if item)
    return tuple({key[len("remote.") :].rpartition(".")[0]: url for key, _, url in pairs}.items())


def _names_a_remote(worktree: Worktree) -> bool:
    """Does the file name the default in so many words? Then there is a team, and this clone lost its remote."""
    try:
        text = read_regular(str(worktree.root / FILE_NAME)).decode("utf-8", "replace")
    except FileNotFoundError:
        return False
    except OSError:
        return True  # it may name one
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
