"""The team's `lock.ttl`: what is committed, and nothing else.

How long a silent holder is waited for is an agreement: whoever waits less than the others runs beside them. So a
personal value (git config, the environment, an edit that is not committed) does not decide; `lock doctor` names it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sahel_nb.config import FILE_NAME, LockConfig, as_committed, unset
from sahel_nb.links import typed
from sahel_nb.repo.cmd import git
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Check, Verdict


def team_ttl(worktree: Worktree) -> int:
    """Seconds, as HEAD has them for everybody; the default where it says nothing. Raises `UsageError`."""
    toml = git("cat-file", "blob", f"HEAD:{FILE_NAME}", cwd=worktree.root, check=False)
    return as_committed(toml.stdout).lock.ttl if toml.returncode == 0 else LockConfig().ttl


def examine_ttl(worktree: Worktree, own: LockConfig, environ: Mapping[str, str]) -> Check:
    """The team's, and what of this person's does not count."""
    team = team_ttl(worktree)
    if own.ttl == team:
        return Check("ttl", Verdict.OK, f"{team} s, as committed")
    mend = f"git diff HEAD -- {typed(FILE_NAME)}"
    if "SAHEL_NB_LOCK_TTL" in environ:
        mend = "unset SAHEL_NB_LOCK_TTL"
    elif "sahel-nb.lock.ttl" in worktree.git_config():
        mend = unset("sahel-nb.lock.ttl")
    found = f"{team} s, as committed: the {own.ttl} s that are set here do not count, for the whole team waits alike"
    return Check("ttl", Verdict.WARNING, found, mend)
