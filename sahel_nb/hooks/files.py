"""`strip`, `pair`, `lint` and `guard` with file names, as the pre-commit framework calls them.

The framework shows a hook that changed files as failed: 1 where something was changed, so that it can be added again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sahel_nb.errors import UsageError


def run(verb: str, arguments: Sequence[str]) -> int:
    unknown = [argument for argument in arguments if argument.startswith("-")]
    if unknown:
        raise UsageError(f"`sahel-nb-hook {verb}` takes files, not {unknown[0]}", hints=(f"sahel-nb {verb} --help",))
    paths = [Path(argument) for argument in arguments]
    return {"strip": _strip, "pair": _pair, "lint": _lint, "guard": _guard}[verb](paths)


def _strip(paths: Sequence[Path]) -> int:
    from sahel_nb.hooks.inplace import strip_file
    from sahel_nb.notebook.strip import StripOptions

    options = StripOptions()
    changed = 0
    for path in paths:
        if path.suffix == ".ipynb" and strip_file(path, options):
            changed = 1
            sys.stderr.write(f"stripped {path}\n")
    return changed


def _pair(paths: Sequence[Path]) -> int:
    from sahel_nb.hooks.pair import pair
    from sahel_nb.hooks.staged import Repository

    repository = Repository.here()
    fmt = repository.worktree.config(os.environ).pair.format
    if not fmt:
        return 0
    failed = 0
    for outcome in pair(repository, fmt, paths):
        failed = 1
        said = outcome.problem or f"{(outcome.written or b'').decode('utf-8', 'backslashreplace')} was brought in step"
        sys.stderr.write(f"{outcome.notebook.decode('utf-8', 'backslashreplace')}: {said}\n")
    return failed


def _lint(paths: Sequence[Path]) -> int:
    from sahel_nb.hooks.findings import refuse, without
    from sahel_nb.hooks.lint import lint_paths
    from sahel_nb.repo.worktree import Worktree

    config = Worktree.discover(Path.cwd()).config(os.environ)
    refuse(without(lint_paths(paths or [Path()]), config.lint.disable), "committed")
    return 0


def _guard(paths: Sequence[Path]) -> int:
    """Every file given: notebooks on disk have their outputs, and outputs have printed many a key."""
    from sahel_nb.hooks.findings import refuse
    from sahel_nb.hooks.inplace import read
    from sahel_nb.hooks.metadata import check_id, is_metadata
    from sahel_nb.hooks.pre_commit import id_may_change
    from sahel_nb.hooks.staged import Repository
    from sahel_nb.notebook.secrets import find_secrets

    repository = Repository.here()
    found = []
    for path in paths:
        if path.is_dir():
            continue  # a submodule
        data = read(path)
        found += find_secrets(data, path.as_posix())
        if is_metadata(os.fsencode(path.name)) and not id_may_change(repository):
            relative = os.fsencode(path.resolve().relative_to(repository.worktree.root).as_posix())
            before = repository.git("cat-file", "blob", b"HEAD:" + relative, check=False)
            found += check_id(before.stdout if before.returncode == 0 else None, data, path.as_posix())
    refuse(found, "committed")
    return 0
