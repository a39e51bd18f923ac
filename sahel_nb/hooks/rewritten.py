"""Whether a smudged notebook is going to be written over one that stands.

A checkout unlinks a file before it asks for the new one. git's older merge (merge-recursive: `git switch --merge`,
`git am -3`, and every merge before git 2.34) asks first. Whoever only looks (`git archive`, `git cat-file --filters`, a
diff or merge tool) asks for a file that stands as well, but names the blob, which merge-recursive does not; git before
2.27 never does. So the index is looked at, too: whoever changes the worktree has it locked.
"""

from __future__ import annotations

import os

from sahel_nb.repo.second_names import is_gone


def is_going(path: bytes) -> bool:
    """To be asked where git has named no blob. Stands at a worktree's top, as filters do."""
    return is_gone(path) or os.path.lexists(_index() + ".lock")


def _index() -> str:
    index = os.environ.get("GIT_INDEX_FILE")
    if index:
        return index
    folder = os.environ.get("GIT_DIR") or ".git"
    if os.path.isfile(folder):  # noqa: PTH113  pathlib is not imported on this path
        with open(folder, "rb") as file:
            target = os.fsdecode(file.read().removeprefix(b"gitdir: ").rstrip(b"\n"))
        folder = os.path.join(os.path.dirname(folder), target)  # noqa: PTH118, PTH120  the same
    return f"{folder}/index"
