"""What a next try changes: the kernel's folder since the run of it that failed here last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sahel_nb.kernels.model import KernelRef, RunState
from sahel_nb.repo.cmd import git
from sahel_nb.run.ledger import mismatch, runs_of
from sahel_nb.run.record import RunRecord

CODE_WIDTH = 100


@dataclass(frozen=True)
class Since:
    """The run that failed, and git's words on what was committed since; none where nothing was."""

    failed: RunRecord
    lines: tuple[str, ...]

    def __str__(self) -> str:
        name = f"v{self.failed.version} failed at {self.failed.commit[:8]}"
        copy = f" ({mismatch(self.failed)})" if mismatch(self.failed) else ""
        if not self.lines:
            return f"{name}{copy}, and nothing of this kernel was changed since"
        return f"since {name}{copy}: " + "; ".join(" ".join(line.split()) for line in self.lines)


def since_failure(runs: Path, root: Path, ref: KernelRef, commit: str, folder: str) -> Since | None:
    """The newest run of `ref` that is kept below `runs`, if it failed; None where it did not, or there is none.

    By the clock: rehearsals are numbered by another service than runs.
    By content of the folder at both commits: the history between them does not matter, and may have been rewritten.
    """
    newest = max(runs_of(runs, ref), key=lambda found: (found.began, found.version), default=None)
    if newest is None or newest.status in (RunState.COMPLETE.value, RunState.UNKNOWN.value):
        return None
    where = ("--", folder) if folder else ()
    answer = git("diff", f"--stat={CODE_WIDTH}", newest.commit, commit, *where, cwd=root, check=False)
    if answer.returncode != 0:  # that commit is not here any more
        return None
    return Since(newest, tuple(answer.text.splitlines()[:-1]))
