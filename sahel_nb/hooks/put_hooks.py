"""`sahel-nb-hook put-hooks`: for a hook that has seen how another program put its own in the place of ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def run(_verb: str, _arguments: Sequence[str]) -> int:
    """Do what `sahel-nb install` does for hooks, and nothing else of it. Raise `Refused` where it would."""
    from sahel_nb.install.hooks import put
    from sahel_nb.repo.cmd import told_to_hooks
    from sahel_nb.repo.worktree import Worktree
    from sahel_nb.report.console import Console

    put(Worktree.discover(Path.cwd(), told_to_hooks(os.environ)), Console(sys.stderr))
    return 0
