"""`sahel-nb-hook pre-commit`: what hooks/pre-commit calls. Everything is looked at before anything is changed.

Guard, strip, lint and metadata rules on what is staged; then pairs: the half that has to follow is staged with the
rest, so that one `git commit` has both. What is not staged stays as it is, on disk and in the index.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sahel_nb.errors import Refused, UsageError
from sahel_nb.hooks.findings import refuse, without
from sahel_nb.hooks.metadata import (
    ALLOW_ID_CHANGE_ENV,
    ALLOW_ID_CHANGE_KEY,
    check_id,
    check_metadata,
    check_with_code,
    is_metadata,
)
from sahel_nb.hooks.staged import Change, Repository
from sahel_nb.notebook.finding import Finding
from sahel_nb.notebook.secrets import find_secrets

if TYPE_CHECKING:
    from sahel_nb.hooks.pairing import Step


def run(verb: str, arguments: Sequence[str]) -> int:
    """0 where the commit may go on. Raise `Refused` with every finding shown."""
    if arguments:
        raise UsageError(f"`sahel-nb-hook {verb}` takes no arguments")
    repository = Repository.here()
    changes = [change for change in repository.staged() if change.after or change.before]
    if not changes:
        return 0
    config = repository.worktree.config(os.environ)
    contents = repository.read([change.after for change in changes] + _ids_before(changes))
    findings = [
        *_secrets(changes, contents),
        *_notebooks(repository, changes, contents),
        *_metadata(repository, changes, contents),
    ]
    steps = _pairs(repository, changes, config.pair.format) if config.pair.format else []
    findings += [step.finding for step in steps if step.finding]
    refuse(without(findings, config.lint.disable), "committed")
    _follow(repository, [step for step in steps if step.path])
    return 0


def _ids_before(changes: Sequence[Change]) -> list[str | None]:
    return [change.before for change in changes if is_metadata(change.path)]


def _secrets(changes: Sequence[Change], contents: Mapping[str, bytes]) -> list[Finding]:
    found = []
    for change in changes:
        if change.after and change.after in contents:
            found += find_secrets(contents[change.after], change.name)
    return found


def _notebooks(repository: Repository, changes: Sequence[Change], contents: Mapping[str, bytes]) -> list[Finding]:
    from sahel_nb.hooks.pairing import is_notebook

    notebooks = [change for change in changes if change.after in contents and is_notebook(change.path)]
    if not notebooks:
        return []
    from sahel_nb.notebook.lint import lint_notebook

    out = repository.opted_out(change.path for change in notebooks)
    found = []
    for change in notebooks:
        if change.path not in out and change.after:
            found += lint_notebook(contents[change.after], change.name, committed=True)
    return found


def _metadata(repository: Repository, changes: Sequence[Change], contents: Mapping[str, bytes]) -> list[Finding]:
    """Rules on each metadata file in the commit, and on the pair of metadata and code where either is in it."""
    files = [change for change in changes if is_metadata(change.path) and change.after in contents]
    if not files:
        return []
    allowed = id_may_change(repository)
    found = []
    for change in files:
        data = contents[change.after or ""]
        found += check_metadata(data, change.name)
        if not allowed:
            found += check_id(contents.get(change.before or ""), data, change.name)
        found += _with_code(repository, change, data)
    return found


def _with_code(repository: Repository, change: Change, data: bytes) -> list[Finding]:
    import json

    try:
        name = json.loads(data)["code_file"]
        path = change.path.rpartition(b"/")[0] + b"/" + os.fsencode(name)
    except (ValueError, KeyError, TypeError):
        return []  # check_metadata has said it
    entry = repository.index([path.lstrip(b"/")]).get(path.lstrip(b"/"))
    code = repository.read([entry[1]]).get(entry[1]) if entry else None
    return check_with_code(data, change.name, code)


def id_may_change(repository: Repository) -> bool:
    """Has a person said, once or for this repository, that a kernel changes its id?"""
    if os.environ.get(ALLOW_ID_CHANGE_ENV, "") not in ("", "0"):
        return True
    answer = repository.git("config", "--type=bool", "--get", ALLOW_ID_CHANGE_KEY, check=False)
    return answer.text == "true"


def _pairs(repository: Repository, changes: Sequence[Change], fmt: str) -> list[Step]:
    from sahel_nb.hooks.pairing import plan, staged_pairs

    return [plan(repository, pair, fmt) for pair in staged_pairs(repository, changes, fmt)]


def _follow(repository: Repository, steps: Sequence[Step]) -> None:
    """The disk first: if we are stopped in between, the next attempt finds both halves in step and stages this one."""
    from sahel_nb.hooks.inplace import replace

    if not steps:
        return
    for step in steps:
        if step.disk is not None:
            replace(repository.disk(step.path), step.disk)
    if repository.commits_only_some_paths:
        paths = [path for step in steps for path in (step.source, step.path)]
        names = " ".join(shlex.quote(path.decode("utf-8", "backslashreplace")) for path in paths)
        raise Refused(
            "`git commit PATHS` leaves the other half of a pair out; it is in step now, commit both",
            hints=(f"git add {names} && git commit {names}",),
        )
    repository.stage({step.path: (step.mode, step.staged) for step in steps})
    for step in steps:
        made, source = (path.decode("utf-8", "backslashreplace") for path in (step.path, step.source))
        sys.stderr.write(f"sahel-nb: {made} follows {source}\n")
