"""What of the pairs differs from HEAD, and what HEAD has of them. Git is asked once, and only if it is needed."""

from __future__ import annotations

import os

from sahel_nb.errors import UsageError
from sahel_nb.hooks.forms import may_be_mirror
from sahel_nb.hooks.halves import Halves, object_id
from sahel_nb.hooks.paths import is_notebook
from sahel_nb.hooks.status import status
from sahel_nb.links import LeadsOut
from sahel_nb.notebook.pair import stripped
from sahel_nb.repo.cmd import git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sahel_nb.hooks.forms import Forms
    from sahel_nb.hooks.staged import Repository
    from sahel_nb.notebook.pair import Form

_HEAD = 4_000
"""As much of a text as its header may take up."""


class Changed:
    """The pairs of a repository that differ from HEAD. `files` are its files on disk."""

    def __init__(self, repository: Repository, forms: Forms) -> None:
        self._repository = repository
        self.forms = forms
        self.files = Halves(repository.root)
        self.status = status(repository.root, repository.env)
        self._was: dict[bytes, bytes] = {}
        self._tracked: dict[bytes, str] = {}
        self._asked: list[bytes] = []
        self._stripped: tuple[bytes, bytes] = (b"", b"")

    def names(self) -> list[bytes]:
        """Notebooks of which either half differs, those that are gone included."""
        found = {path for path in self.status if is_notebook(path)}
        found |= {name for path in self.status if may_be_mirror(path) and (name := self._notebook_of(path))}
        return sorted(found)

    def to_pair(self) -> list[bytes]:
        """Those, and the notebooks that git knows and that have no mirror yet where the configuration puts it."""
        answer = self._repository.git("ls-files", "-z", "-c", "--", "*.ipynb")
        found = {path for path in answer.stdout.split(b"\0") if is_notebook(path) and not self._has_mirror(path)}
        return sorted({path for path in found if self.files.is_there(path)}.union(self.names()))

    def _has_mirror(self, path: bytes) -> bool:
        return any(map(self.files.is_there, self.forms.mirrors_of(path)))

    def all(self) -> list[bytes]:
        """Notebooks that git knows, or would know after `git add .`, and those that are gone."""
        answer = self._repository.git("ls-files", "-z", "-c", "-o", "--exclude-standard", "--", "*.ipynb")
        there = {path for path in answer.stdout.split(b"\0") if is_notebook(path) and self.files.is_there(path)}
        return sorted(there.union(self.names()))

    def expanded(self, files: Iterable[str]) -> list[str]:
        """The same files, and in place of each folder the notebooks in it."""
        found: dict[str, None] = {}
        for file in files:
            if not os.path.isdir(file):  # noqa: PTH112  pathlib is not imported on this path
                found[file] = None
                continue
            folder = os.path.realpath(file) + "/"
            every = (f"{self._repository.root}/{os.fsdecode(name)}" for name in self.all())
            found |= dict.fromkeys(path for path in every if path.startswith(folder))
        return list(found)

    def named(self, files: Iterable[str]) -> list[bytes]:
        """Either half names its pair. A text without a notebook is none. Raise `UsageError`."""
        found: dict[bytes, None] = {}
        for file in files:
            path = self._from_root(file)
            name = path if is_notebook(path) else self._notebook_of(path)
            if name is None:
                continue
            try:
                form = self.form(name, self.files.read(name))
            except UsageError:
                form = None  # said where it is paired, of this notebook alone
            mirror = form.mirror_path(name) if form is not None else None
            if not self.files.is_there(name) and not (mirror and self.files.is_there(mirror)):
                raise UsageError(f"{file} is not there")
            found[name] = None
        return list(found)

    def from_root(self, files: Iterable[str]) -> set[bytes]:
        """The paths of these files in git."""
        return set(map(self._from_root, files))

    def form(self, name: bytes, notebook: bytes | None) -> Form | None:
        """As the notebook itself says it, or said it in HEAD, or the configuration."""
        return self.forms.of_notebook(name, self.head(name) if notebook is None else notebook)

    def differs(self, path: bytes, data: bytes) -> bool:
        """Whether a file says something else than HEAD has; the outputs of a notebook say nothing."""
        entry = self.status.get(path)
        head = self.head_id(path)
        if not head:
            return True
        if path not in self._was:
            if entry is None:
                return False
            if entry.disk == ".":
                return entry.index != head
        if is_notebook(path):
            return object_id(self.stripped(data), head) != head
        # git may have written the file with CRLF.
        return head not in (object_id(data, head), object_id(data.replace(b"\r\n", b"\n"), head))

    def stripped(self, notebook: bytes) -> bytes:
        """Not twice in a row for the same notebook."""
        if self._stripped[0] is not notebook:
            self._stripped = (notebook, stripped(notebook))
        return self._stripped[1]

    def head_id(self, path: bytes) -> str:
        """The object that HEAD has there, or had before the file was renamed; "" for none."""
        path = self._was.get(path, path)
        entry = self.status.get(path)
        if entry is not None:
            return entry.head
        if path not in self._tracked:
            # Not listed: as HEAD has it, or ignored.
            names = {path, *(name for name in self._asked if name not in self._tracked)}
            index = self._repository.index(names)
            self._tracked |= {name: index[name][1] if name in index else "" for name in names}
        return self._tracked[path]

    def ask_together(self, paths: Iterable[bytes]) -> None:
        """These paths are going to be asked for: one answer will do for all of them."""
        self._asked += [path for path in paths if path not in self.status]

    def head(self, path: bytes) -> bytes | None:
        oid = self.head_id(path)
        return self._repository.git("cat-file", "blob", oid).stdout if oid else None

    def compare(self, folder: str, old: str, new: str, *options: str) -> bytes:
        """What differs between two folders below `folder`, as `git diff --name-status -z` has it."""
        asked = ("diff", "--no-index", "--no-ext-diff", "--no-textconv", "--name-status", "-z", *options)
        return git(*asked, "--", old, new, cwd=folder, check=False).stdout  # 1: they differ

    def renamed(self, old: bytes, new: bytes) -> None:
        """From here on HEAD's `old` is what `new` is compared with."""
        self._was[new] = old

    def _notebook_of(self, path: bytes) -> bytes | None:
        name = self.forms.notebook_of(path)
        if name is not None and self._is_known(name):
            return name
        try:
            head = self.files.read(path, _HEAD)
        except LeadsOut:  # a text as good as any, and none of ours
            head = None
        name = self.forms.notebook_of(path, head) if head else None
        if name is None or not self._is_known(name):
            name = self._named(path)
        return name if name is not None and self._is_known(name) else None

    def _named(self, path: bytes) -> bytes | None:
        """Its notebook may say so alone."""
        if self.forms.off or not may_be_mirror(path):
            return None
        from sahel_nb.hooks.mirrors import named

        return named(self._repository, self.forms, (path,)).get(path)

    def _is_known(self, name: bytes) -> bool:
        return name in self.status or self.files.is_there(name)

    def _from_root(self, file: str) -> bytes:
        """Not by realpath of the file itself: a link in the tree is a path of its own."""
        whole = os.path.abspath(file)  # noqa: PTH100  pathlib is not imported on this path
        root = self._repository.root.rstrip("/") + "/"
        if not whole.startswith(root):
            folder, _, name = whole.rpartition("/")
            whole = f"{os.path.realpath(folder)}/{name}"
        if not whole.startswith(root):
            raise UsageError(f"{file} is not in {self._repository.root}")
        return os.fsencode(whole[len(root) :])


def object_ids(changed: Changed, paths: Sequence[bytes], like: str) -> dict[bytes, str]:
    """The ids of what would be committed of these files; those that cannot be read are left out."""
    from sahel_nb.errors import SahelError

    found = {}
    for path in paths:
        try:
            data = changed.files.read(path)
            if data is None:
                continue
            found[path] = object_id(stripped(data) if is_notebook(path) else data, like)
        except SahelError:
            continue
    return found
