"""`post-checkout OLD NEW FLAG` and `post-merge SQUASH`: say what a checkout or a merge left behind. Never fails.

It also takes hold of the new files for the vault (repo/second_names.py), and lets git merge new mirrors as such
(install/drivers.py) and the vault follow settings that came along (install/vault.py).

Two things that people otherwise meet as riddles: a notebook that was committed with outputs shows as modified for ever,
and a merge that took one half of a pair from each side leaves two halves that disagree.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sahel_nb.errors import SahelError
from sahel_nb.hooks.staged import Change, Repository, parse_raw
from sahel_nb.notebook.document import NotebookError


def run(verb: str, arguments: Sequence[str]) -> int:
    try:
        _run(verb, arguments)
    except SahelError as exc:
        sys.stderr.write(f"sahel-nb: {verb}: {exc.message}\n")
    return 0


def _run(verb: str, arguments: Sequence[str]) -> None:
    repository = Repository.here()
    _hold_notebooks(repository)
    if verb == "post-checkout":
        if len(arguments) != 3 or arguments[2] != "1" or not arguments[0].strip("0") or arguments[0] == arguments[1]:
            return  # files were checked out, or a clone: nothing changed branches
        old, new = arguments[0], arguments[1]
    else:
        old, new = "ORIG_HEAD", "HEAD"
    answer = repository.git("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", old, new, check=False)
    if answer.returncode != 0:
        return
    changes = [change for change in parse_raw(answer.stdout) if change.after]
    if any(change.before is None for change in changes):
        _register_mirrors(repository)
    if any(change.path == b"sahel-nb.toml" for change in changes):
        _follow_settings(repository)
    _say_unstripped(repository, changes)
    if verb == "post-merge":
        _say_out_of_step(repository, changes)


def _hold_notebooks(repository: Repository) -> None:
    """The filter could not: while it answers, the file that git makes of the answer is not there yet."""
    from sahel_nb.repo.vault import Vault

    vault = Vault.here()
    if vault is not None:
        listed = repository.git("ls-files", "-z", "--", "*.ipynb", check=False).stdout
        for path in listed.split(b"\0")[:-1]:
            vault.names.hold(path)


def _register_mirrors(repository: Repository) -> None:
    from sahel_nb.hooks.mirrors import of_repository
    from sahel_nb.install.drivers import register_mirrors

    register_mirrors(repository.worktree, of_repository(repository))


def _follow_settings(repository: Repository) -> None:
    from sahel_nb.install.vault import follow

    follow(repository.worktree, repository.worktree.config(os.environ).vault)


def _say_unstripped(repository: Repository, changes: Sequence[Change]) -> None:
    from sahel_nb.hooks.paths import is_notebook
    from sahel_nb.notebook.strip import is_stripped

    notebooks = [change for change in changes if is_notebook(change.path)]
    contents = repository.read([change.after for change in notebooks])
    found = []
    for change in notebooks:
        try:
            if change.after in contents and not is_stripped(contents[change.after or ""]):
                found.append(change)
        except NotebookError:
            continue  # the filter says it when somebody adds it
    out = repository.opted_out(change.path for change in found)
    names = [change.name for change in found if change.path not in out]
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        sys.stderr.write(
            f"sahel-nb: {names[0]}{more}: committed with outputs, so git shows it as modified\n"
            '  $ git add --renormalize ":/*.ipynb" && git commit -m "Strip notebooks"\n'
        )


def _say_out_of_step(repository: Repository, changes: Sequence[Change]) -> None:
    from sahel_nb.hooks.forms import Forms
    from sahel_nb.hooks.paths import typed
    from sahel_nb.hooks.settings import Personal
    from sahel_nb.hooks.staged_pairs import staged_pairs
    from sahel_nb.notebook.pair import in_step, looks_like_mirror

    forms = Forms.of(repository, Personal.of(repository).settings(repository.config_file()))
    for pair in () if forms.off else staged_pairs(repository, changes, forms):
        notebook, mirror = pair.index
        if notebook is None or mirror is None or not looks_like_mirror(mirror, pair.form):
            continue
        try:
            agree = in_step(notebook, mirror, pair.form)
        except NotebookError:
            agree = False
        if not agree:
            name = pair.notebook.decode("utf-8", "backslashreplace")
            sys.stderr.write(
                f"sahel-nb: {name} and its mirror came out of the merge saying different things\n"
                f"  $ sahel-nb pair --from notebook {typed(pair.notebook)}   # or --from mirror\n"
            )
