"""The mirrors that the index has, for git to merge them as such (install/drivers.py)."""

from __future__ import annotations

from sahel_nb.hooks.forms import Forms
from sahel_nb.hooks.settings import Personal
from sahel_nb.hooks.staged import Repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sahel_nb.repo.worktree import Worktree


def of_worktree(worktree: Worktree) -> list[bytes]:
    """As the settings of this worktree say it. Raise `UsageError` for settings that cannot be understood."""
    return in_index(Repository(worktree))


def in_index(repository: Repository, forms: Forms | None = None) -> list[bytes]:
    """Files that have a notebook. Which form a notebook asks for in its own metadata is not looked at here."""
    if forms is None:
        forms = Forms.of(repository, Personal.of(repository).settings(repository.config_file()))
    if forms.off:
        return []
    listed = repository.git("ls-files", "-z", "--full-name", "--", ":/", check=False).stdout
    paths = set(listed.split(b"\0"))
    mirrors = (_mirror(forms, path) for path in paths if path.endswith(b".ipynb"))
    return sorted(path for path in mirrors if path in paths)


def _mirror(forms: Forms, notebook: bytes) -> bytes:
    form = forms.of_notebook(notebook)
    return (form.mirror_path(notebook) if form else None) or b""
