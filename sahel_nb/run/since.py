"""What a next try changes: the kernel's folder since the newest run of it, where that failed.

The runs of this clone say which that was; in a clone that has none, the shared lock does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.kernels.model import KernelRef, RunState
from sahel_nb.links import typed
from sahel_nb.lock.record import Outcome, clean
from sahel_nb.repo.cmd import git
from sahel_nb.repo.kept_commits import bring
from sahel_nb.repo.worktree import Worktree
from sahel_nb.run.ledger import mismatch, runs_of

CODE_WIDTH = 100
SHOWN = 12
"""Changed lines that are shown; what is longer is read with git."""
_FAILED = (RunState.ERROR.value, RunState.CANCELLED.value)
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True)
class Failed:
    """A run that failed. `error` and `mismatch` are empty where only the lock knows of it."""

    version: int
    commit: str
    error: str = ""
    mismatch: str = ""
    """Where Kaggle's copy was not what was pushed, so that the run says nothing of the commit."""


@dataclass(frozen=True)
class Since:
    """The run that failed, git's words on what was committed since, and the lines; none where nothing was."""

    failed: Failed
    lines: tuple[str, ...]
    changed: tuple[str, ...] = ()
    """Changed lines of text, with file and number. A notebook's are those of its mirror."""

    def __str__(self) -> str:
        name = f"v{self.failed.version} failed at {self.failed.commit[:8]}"
        if self.failed.error:
            name += f" ({self.failed.error})"
        if self.failed.mismatch:
            name += f" ({self.failed.mismatch})"
        if not self.lines:
            return f"{name}, and nothing of this kernel was changed since"
        return f"since {name}: " + "; ".join(" ".join(line.split()) for line in self.lines)


def since_failure(
    runs: Path,
    worktree: Worktree,
    ref: KernelRef,
    commit: str,
    folder: str,
    service: str,
    shared: Callable[[], Outcome | None] = lambda: None,
) -> Since | None:
    """The newest run of `ref` on `service` that is kept below `runs`, if it failed; None where it did not, or there is
    none: a rehearsal is compared with rehearsals, a run with runs.

    By the clock. Where none is kept, `shared` is asked for the one that the lock tells of.
    By content of the folder at both commits: the history between them does not matter, and may have been rewritten.
    """
    failed = _failed(runs, ref, service, shared)
    if failed is None or not bring(worktree, failed.commit):
        return None
    root = worktree.root
    where = ("--", folder) if folder else ("--", ".")
    plain = ("-c", "core.quotePath=false", "diff", "--no-ext-diff", "--no-color")
    answer = git(*plain, f"--stat={CODE_WIDTH}", failed.commit, commit, *where, cwd=root, check=False)
    if answer.returncode != 0:
        return None
    text = git(*plain, "--unified=0", failed.commit, commit, *where, ":(exclude)*.ipynb", cwd=root, check=False).text
    rows = list(_rows(text))
    more = f"… and {len(rows) - SHOWN} more: git diff {failed.commit[:8]} {commit[:8]} -- {typed(folder)}"
    return Since(failed, tuple(answer.text.splitlines()[:-1]), (*rows[:SHOWN], *([more] if rows[SHOWN:] else ())))


def _failed(runs: Path, ref: KernelRef, service: str, shared: Callable[[], Outcome | None]) -> Failed | None:
    newest = max(runs_of(runs, ref, service), key=lambda found: (found.began, found.version), default=None)
    if newest is not None:
        if newest.status in (RunState.COMPLETE.value, RunState.UNKNOWN.value):
            return None
        error = re.sub(r'^Exception encountered at "In \[\w+\]": ', "", newest.failure.split("\n")[0])
        return Failed(newest.version, newest.commit, clean(error)[:CODE_WIDTH], mismatch(newest))
    outcome = shared()
    return Failed(outcome.version, outcome.commit) if outcome is not None and outcome.status in _FAILED else None


def _rows(diff: str) -> Iterator[str]:
    """`notebooks/x/x.py:12 - old`, `… + new`: every changed line of a diff without context."""
    path, header, numbers = "", False, {"-": 0, "+": 0}
    for line in diff.split("\n"):
        hunk = _HUNK.match(line)
        if line.startswith("diff --git "):
            header = True
        elif hunk:
            header, numbers = False, {"-": int(hunk[1]), "+": int(hunk[2])}
        elif header and line.startswith(("--- a/", "+++ b/")):
            path = line[6:]
        elif not header and line[:1] in numbers:
            yield clean(f"{path}:{numbers[line[0]]} {line[0]} {line[1 : 1 + CODE_WIDTH]}")
            numbers[line[0]] += 1
