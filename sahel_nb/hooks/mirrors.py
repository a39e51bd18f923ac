"""The mirrors that the index has, for git to merge them as such (install/drivers.py)."""

from __future__ import annotations

import sys

from sahel_nb.hooks.forms import Forms
from sahel_nb.hooks.paths import shown, typed
from sahel_nb.hooks.settings import Personal
from sahel_nb.hooks.staged import Repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sahel_nb.repo.worktree import Worktree


def of_worktree(worktree: Worktree) -> list[bytes]:
    """As the settings of this worktree say it. Raise `UsageError` for settings that cannot be understood."""
    return of_repository(Repository(worktree))


def of_repository(repository: Repository) -> list[bytes]:
    """Also those that a notebook names in its own metadata: every notebook is read for them."""
    forms = Forms.of(repository, Personal.of(repository).settings(repository.config_file()))
    if forms.off:
        return []
    from sahel_nb.hooks.named import named_in_index

    there = _listed(repository)
    return sorted({*_beside(forms, there), *there.intersection(named_in_index(repository, forms))})


def in_index(repository: Repository, forms: Forms) -> list[bytes]:
    """Files that have a notebook. Which form a notebook asks for in its own metadata is not looked at here."""
    return [] if forms.off else sorted(_beside(forms, _listed(repository)))


def named(repository: Repository, forms: Forms, texts: Iterable[bytes]) -> dict[bytes, bytes]:
    """mirror → notebook, of those texts that only their notebooks in the index name.

    Notebooks are read only where one of the texts was known as a mirror in this clone, when it came or was made.
    """
    from sahel_nb.install.drivers import registered

    try:
        with open(f"{repository.common_dir}/info/attributes", "rb") as file:
            known = registered(file.read(), texts)
    except OSError:
        return {}
    if not known:
        return {}
    from sahel_nb.hooks.named import named_in_index

    return {mirror: path for mirror, path in named_in_index(repository, forms).items() if mirror in known}


def become_known(notebook: bytes, content: bytes) -> None:
    """A notebook that is being merged may have a name that is new to this clone, as where a colleague renamed the pair.

    git has read its attributes by now, so this merge goes on with the mirror as text; the next one knows better.
    """
    from sahel_nb.errors import SahelError
    from sahel_nb.install.drivers import register_mirrors, unregistered

    try:
        repository = Repository.here()
        forms = Forms.of(repository, Personal.of(repository).settings(repository.config_file()))
        form = forms.of_notebook(notebook, content)
        mirror = form.mirror_path(notebook) if form is not None else None
        if mirror is None or not unregistered(repository.worktree, [mirror]) or repository.opted_out([notebook]):
            return
        register_mirrors(repository.worktree, [mirror])
    except (SahelError, OSError):
        return  # the merge of the notebook does not depend on it
    sys.stderr.write(
        f"sahel-nb: {shown(mirror)} is new in this clone, so git merges it as text this time; if that is a conflict:\n"
        f"  $ sahel-nb pair {typed(notebook)} && git add {typed(mirror)}\n"
    )


def _listed(repository: Repository) -> set[bytes]:
    return set(repository.git("ls-files", "-z", "--full-name", "--", ":/", check=False).stdout.split(b"\0"))


def _beside(forms: Forms, paths: set[bytes]) -> set[bytes]:
    notebooks = [path for path in paths if path.endswith(b".ipynb")]
    return paths.intersection(mirror for path in notebooks for mirror in forms.mirrors_of(path))
