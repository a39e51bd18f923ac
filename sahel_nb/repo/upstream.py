"""Is what we are about to run where everyone can see it? Asked of the remote itself."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from sahel_nb.repo.cmd import GitFailed, git
from sahel_nb.repo.worktree import Worktree

TIMEOUT = 60.0


@dataclass(frozen=True)
class Upstream:
    """The branch that the checked-out branch follows, and how HEAD stands to it.

    `commit` is what the remote has there; `ahead` and `behind` count commits of HEAD and of the remote that the other
    lacks. `missing` is empty, or says why there is nothing to compare with; `mend` is the command for that.
    """

    remote: str
    ref: str
    url: str
    commit: str | None
    ahead: int
    behind: int
    missing: str
    mend: str = ""
    branch: str = ""

    @property
    def push(self) -> str:
        """The command that brings HEAD there: by itself, git pushes only to a branch of the same name."""
        same = self.branch == self.ref.removeprefix("refs/heads/")
        return "git push" if same else shlex.join(("git", "push", self.remote, f"HEAD:{self.ref}"))

    @property
    def in_step(self) -> bool:
        """HEAD is exactly what the remote has."""
        return not self.missing and self.ahead == 0 and self.behind == 0


def upstream(worktree: Worktree, *, refresh: bool = True) -> Upstream:
    """How HEAD stands to its upstream. `refresh` asks the remote; without it the answer is as old as the last fetch.

    Raises `NetworkError` when the remote does not answer, `Refused` before the first commit.
    """
    head = worktree.head()
    branch = worktree.branch()
    if branch is None:
        return _missing(
            "HEAD is detached: it is on no branch that could be pushed", on_a_branch(likely_remote(worktree), head)
        )
    tracking, remote, ref = _configured(worktree, branch)
    if not remote or not ref:
        return _missing(f"{branch} has no upstream", _push(likely_remote(worktree), branch))
    if remote == ".":
        return _missing(
            f"{branch} follows {ref} of this very clone, which nobody else sees",
            _push(likely_remote(worktree), branch),
        )
    found = Upstream(remote, ref, remote_url(worktree, remote), None, 0, 0, "", branch=branch)
    commit = _ask(worktree, remote, ref) if refresh else _known(worktree, tracking)
    if commit is None:
        short = ref.removeprefix("refs/heads/")
        return replace(found, missing=f"{remote} has no branch {short}", mend=_push(remote, f"{branch}:{short}"))
    ahead, behind = _distance(worktree, head, commit, remote, ref)
    return replace(found, commit=commit, ahead=ahead, behind=behind)


def on_a_branch(remote: str, commit: str) -> str:
    """The command that gives a commit a branch of its own, here and on the remote."""
    name = f"run-{commit[:8]}"
    return f"git switch -c {name} {commit[:12]} && {_push(remote, name)}"


def _push(remote: str, what: str) -> str:
    """As it can be typed: git lets branches have names that a shell would run."""
    return shlex.join(("git", "push", "-u", remote, what))


def remote_url(worktree: Worktree, remote: str) -> str:
    """The URL that git would fetch from; a remote that is a URL already is its own answer."""
    answer = git("remote", "get-url", "--", remote, cwd=worktree.root, check=False)
    return answer.text if answer.returncode == 0 else remote


def _missing(why: str, mend: str) -> Upstream:
    return Upstream("", "", "", None, 0, 0, why, mend)


def _configured(worktree: Worktree, branch: str) -> tuple[str, str, str]:
    form = "--format=%(upstream)%00%(upstream:remotename)%00%(upstream:remoteref)"
    answer = git("for-each-ref", form, f"refs/heads/{branch}", cwd=worktree.root)
    tracking, remote, ref = answer.text.split("\0")
    if not remote:
        # A remote without a fetch refspec for the branch, or given as a URL, has no tracking ref.
        remote = _setting(worktree, f"branch.{branch}.remote")
        ref = _setting(worktree, f"branch.{branch}.merge")
    return tracking, remote, ref


def _setting(worktree: Worktree, key: str) -> str:
    return git("config", "--get", key, cwd=worktree.root, check=False).text


def likely_remote(worktree: Worktree) -> str:
    names = git("remote", cwd=worktree.root).text.split()
    return "origin" if "origin" in names or not names else names[0]


def _ask(worktree: Worktree, remote: str, ref: str) -> str | None:
    answer = git("ls-remote", "--refs", "--", remote, ref, cwd=worktree.root, timeout=TIMEOUT)
    for line in answer.text.splitlines():
        oid, _, name = line.partition("\t")
        if name == ref:  # the pattern also matches refs that merely end like it
            return oid
    return None


def _known(worktree: Worktree, tracking: str) -> str | None:
    if not tracking:
        return None
    answer = git("rev-parse", "--verify", "--quiet", f"{tracking}^{{commit}}", cwd=worktree.root, check=False)
    return answer.text if answer.returncode == 0 else None


def _distance(worktree: Worktree, head: str, commit: str, remote: str, ref: str) -> tuple[int, int]:
    if head == commit:
        return 0, 0
    if git("cat-file", "-e", f"{commit}^{{commit}}", cwd=worktree.root, check=False).returncode != 0:
        git(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--", remote, ref),
            cwd=worktree.root,
            timeout=TIMEOUT,
        )
    answer = git("rev-list", "--left-right", "--count", f"{head}...{commit}", "--", cwd=worktree.root)
    counts = answer.stdout.split()
    if len(counts) != 2:
        raise GitFailed(("rev-list", "--left-right", "--count"), answer)
    return int(counts[0]), int(counts[1])
