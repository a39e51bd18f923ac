"""Notebooks that git calls modified although stripping makes them equal to what is committed.

git compares the size of the file on disk before it asks the filter, so a notebook that was only run again shows as
modified until it is added again: nothing is staged by that, git only remembers the new size.
"""

from __future__ import annotations

from sahel_nb.repo.cmd import git
from sahel_nb.repo.worktree import Worktree


def phantoms(worktree: Worktree) -> list[bytes]:
    """Paths that differ from the index in size alone. Runs the filter over what differs."""
    suspected = git("diff-files", "--name-only", "-z", "--diff-filter=M", "--", "*.ipynb", cwd=worktree.root)
    paths = [path for path in suspected.stdout.split(b"\0") if path]
    if not paths:
        return []
    differing = set(modified(worktree))
    return [path for path in paths if path not in differing]


def modified(worktree: Worktree) -> list[bytes]:
    """Notebooks that differ from the index once they are stripped."""
    # `git diff`, unlike `git diff-files`, leaves out what turns out to be the same.
    real = git("diff", "--name-only", "-z", "--diff-filter=M", "--no-ext-diff", "--", "*.ipynb", cwd=worktree.root)
    return [path for path in real.stdout.split(b"\0") if path]


def mend(worktree: Worktree) -> list[bytes]:
    """Let git look at them again. The index keeps every object id that it has."""
    found = phantoms(worktree)
    if found:
        git("--literal-pathspecs", "add", "--", *found, cwd=worktree.root)
    return found
