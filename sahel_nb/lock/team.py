"""What a team has agreed about its locks: `[lock]` of sahel-nb.toml in the default branch, and nothing else.

A clone reads it from its own tracking ref of that branch, refs/remotes/origin/HEAD, which is as fresh as the last fetch
and costs no round trip; before there is one, from HEAD. What is set for one person alone (git config, the environment,
an edit that is not committed) decides nothing, and whatever writes to a lock refuses it: whoever looks in another place
than the others, or waits less than they do, runs beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

from sahel_nb.config import FILE_NAME, LockConfig, as_committed, committed_lock, is_shared_remote, unset
from sahel_nb.durable import make_folder, write_atomically
from sahel_nb.errors import Refused
from sahel_nb.links import typed
from sahel_nb.repo.cmd import git
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Check, Verdict

_DEFAULTS = ("main", "master")


def default_branch(worktree: Worktree) -> str:
    """The commit that the default branch had at the last fetch; of a clone that knows none, HEAD; empty before there
    is one."""
    names = [f"refs/remotes/origin/{name}" for name in ("HEAD", *_DEFAULTS)]
    shown = git("for-each-ref", "--format=%(refname) %(objectname)", *names, cwd=worktree.root).text
    found = dict(line.split(" ", 1) for line in shown.splitlines())
    known = next((found[name] for name in names if name in found), "")
    return known or git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", cwd=worktree.root, check=False).text


def team_lock(worktree: Worktree) -> LockConfig:
    """`[lock]` as it decides for everybody. Raises `UsageError` for what cannot be understood."""
    commit = default_branch(worktree)
    return committed_lock(_file_at(worktree, commit)) if commit else LockConfig()


def lock_config(worktree: Worktree, own: LockConfig, environ: Mapping[str, str]) -> LockConfig:
    """The team's; to look at, at the remote that this person has named."""
    team = team_lock(worktree)
    personal = "SAHEL_NB_LOCK_REMOTE" in environ or "sahel-nb.lock.remote" in worktree.git_config()
    return replace(team, remote=own.remote) if personal or not is_shared_remote(team.remote) else team


def differences(worktree: Worktree, own: LockConfig, environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What is set for this person alone, and not what the team has: name, both values in words, the command that takes
    it back. Raises `UsageError`."""
    team, personal = team_lock(worktree), worktree.git_config()
    here = as_committed(_file_at(worktree, "HEAD")).lock
    for one in fields(LockConfig):
        ours, theirs = getattr(own, one.name), getattr(team, one.name)
        if ours == theirs:
            continue
        key, variable = f"sahel-nb.lock.{one.name}", f"SAHEL_NB_LOCK_{one.name}".upper()
        words = f"{_word(ours)} here, and {_word(theirs)} in the default branch"
        if variable in environ:
            yield one.name, words, f"unset {variable}"
        elif key in personal:
            yield one.name, words, unset(key)
        elif ours != getattr(here, one.name):
            yield one.name, words, f"git diff HEAD -- {typed(FILE_NAME)}"


def require_no_difference(worktree: Worktree, own: LockConfig, environ: Mapping[str, str]) -> None:
    """Raises `Refused` where a lock would not be the one that the others see."""
    for name, words, mend in differences(worktree, own, environ):
        raise Refused(
            f"lock.{name} is {words}: only the latter counts",
            details=("a lock is one for all: who uses other settings for it would run beside the others",),
            hints=(mend,),
        )


def require_current(refs: RemoteRefs, known: LockConfig, head: str = "") -> None:
    """Raises `Refused` where the default branch of the lock remote has other settings than `known`. `head` is what it
    points to, where that is known."""
    worktree = refs.worktree
    head = head or refs.places("HEAD").get("HEAD", "")
    if not head or head == default_branch(worktree):
        return
    kept = worktree.state_dir() / "signed" / f"team-{head}.toml"
    if git("cat-file", "-e", f"{head}^{{commit}}", cwd=worktree.root, check=False).returncode == 0:
        toml = _file_at(worktree, head)
    elif kept.exists():
        toml = kept.read_bytes() or None
    else:
        found = refs.file_at("HEAD", FILE_NAME)
        toml = found[1] if found else None
        make_folder(kept.parent)
        write_atomically(kept, toml or b"")
    now = committed_lock(toml)
    if toml is not None and replace(now, remote=known.remote) != known:
        raise Refused(
            "the team's settings for its locks have changed since this clone last fetched",
            hints=("git fetch origin", "sahel-nb lock doctor"),
        )


def examine_team(worktree: Worktree, own: LockConfig, environ: Mapping[str, str]) -> Check:
    """What of this person's does not count, for `lock doctor`."""
    for name, words, mend in differences(worktree, own, environ):
        return Check("settings", Verdict.FAILED, f"lock.{name} is {words}: only the latter counts", mend)
    return Check("settings", Verdict.OK, f"as the default branch has them; a silent holder has {own.ttl} s")


def _file_at(worktree: Worktree, rev: str) -> bytes | None:
    answer = git("cat-file", "blob", f"{rev}:{FILE_NAME}", cwd=worktree.root, check=False)
    return answer.stdout if answer.returncode == 0 else None


def _word(value: object) -> str:
    return str(getattr(value, "value", value)) or "not set"
