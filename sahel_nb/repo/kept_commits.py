"""The commits that ran, each kept on the remote by a ref: a squash merge that deletes the branch leaves them there.

    refs/sahel/commits/<id>      points to the commit <id>, and is never moved

Plain fetches do not bring these refs: they lie outside of refs/heads and refs/tags. They are made by the remote from
what it has already, so nothing is sent. A commit that is not in a clone is asked for by its ref, and by its id where it
has none: hosts that keep the branches of merged pull requests give it, too.
"""

from __future__ import annotations

from functools import cache

from sahel_nb.errors import NetworkError, SahelError
from sahel_nb.repo.cmd import GitResult, git
from sahel_nb.repo.upstream import upstream
from sahel_nb.repo.worktree import Worktree

COMMITS = "refs/sahel/commits"
PUSH_TIMEOUT = 60.0
FETCH_TIMEOUT = 120.0
_ALONE = ("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false")
_PUSH = (
    *("-c", "push.followTags=false", "-c", "push.gpgSign=false"),
    *("push", "--porcelain", "--no-verify", "--no-signed", "--recurse-submodules=no"),
)
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--refmap=")


def ref_of(commit: str) -> str:
    return f"{COMMITS}/{commit}"


def keep(worktree: Worktree, commit: str) -> str:
    """Keep `commit` on the remote that the checked-out branch is pushed to; in a clone without a remote, in the clone.

    Empty, or why it could not be kept. Nothing is raised: a run does not depend on it.
    """
    remote = next(iter(_remotes(worktree)), "")
    if not remote:
        answer = git("update-ref", ref_of(commit), commit, cwd=worktree.root, check=False)
        return "" if answer.returncode == 0 else _why(answer)
    try:
        answer = git(
            *_ALONE, *_PUSH, "--", remote, f"{commit}:{ref_of(commit)}",
            cwd=worktree.root, check=False, timeout=PUSH_TIMEOUT,
        )  # fmt: skip
    except NetworkError as exc:
        return exc.message
    return "" if answer.returncode == 0 else _why(answer)


@cache
def bring(worktree: Worktree, commit: str) -> bool:
    """Whether `commit` is in this clone: one that is missing is fetched, from the first remote that has it."""
    if _is_here(worktree, commit):
        return True
    shallow = git("rev-parse", "--is-shallow-repository", cwd=worktree.root, check=False).text == "true"
    depth = ("--depth=1",) if shallow else ()
    for remote in _remotes(worktree):
        for name in (ref_of(commit), commit):
            try:
                git(*_ALONE, *_FETCH, *depth, "--", remote, name, cwd=worktree.root, timeout=FETCH_TIMEOUT)
            except NetworkError:
                break  # the other question would not reach it either
            except SahelError:
                continue
            if _is_here(worktree, commit):
                return True
    return False


def _is_here(worktree: Worktree, commit: str) -> bool:
    answer = git("cat-file", "-e", f"{commit}^{{commit}}", cwd=worktree.root, check=False)
    return answer.returncode == 0


def _remotes(worktree: Worktree) -> list[str]:
    """The clone's remotes: first the one that the checked-out branch is pushed to, then origin, then the others."""
    names = git("remote", cwd=worktree.root).text.split()
    try:
        followed = upstream(worktree, refresh=False).remote
    except SahelError:
        followed = ""
    return sorted(names, key=lambda name: (name != followed, name != "origin"))


def _why(answer: GitResult) -> str:
    """git's own reason: the line of the ref, else the last line of its errors."""
    refused = [line for line in answer.text.splitlines() if line.startswith("!")]
    lines = answer.stderr.decode("utf-8", "replace").strip().splitlines()
    return (
        refused[0].rpartition("\t")[2] if refused else (lines[-1] if lines else f"git ended with {answer.returncode}")
    )
