"""A clone of a repository that is set up for sahel-nb, in which `sahel-nb install` was forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sahel_nb.permissions import read_regular
from sahel_nb.repo.cmd import git

if TYPE_CHECKING:
    from sahel_nb.repo.worktree import Worktree

NOTICE = "this clone has neither sahel-nb's filter nor its hooks: outputs would be committed; $ sahel-nb install"


def install_is_forgotten(worktree: Worktree, environ: Mapping[str, str]) -> bool:
    """Whether `.gitattributes` asks for the filter and this clone has none.

    CI commits nothing, and where the pre-commit framework runs our hooks nothing was forgotten: both are False.
    """
    if environ.get("CI", "").lower() not in ("", "0", "false"):
        return False
    asks = b"filter=sahel-nb" in _content(worktree, ".gitattributes")
    if not asks or b"sahel-nb" in _content(worktree, ".pre-commit-config.yaml"):
        return False
    return git("config", "--get", "filter.sahel-nb.process", cwd=worktree.root, check=False).returncode != 0


def _content(worktree: Worktree, name: str) -> bytes:
    try:
        return read_regular(str(worktree.root / name))
    except OSError:
        return b""
