"""The pairs of which a commit touches a half: what HEAD and the index have of each, under which names.

A notebook that git finds again under another name, or whose mirror it finds again, is one pair that was renamed. A
notebook that is gone without a trace, and whose mirror is still there, is a pair that was removed by half.
"""

from __future__ import annotations

from sahel_nb.hooks.forms import Forms, may_be_mirror
from sahel_nb.hooks.paths import is_notebook
from sahel_nb.notebook.form import Form

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sahel_nb.hooks.staged import Change, Repository

    Contents = tuple[bytes | None, bytes | None]

PLAIN = "100644"


class Pair:
    """One notebook and its mirror: contents in HEAD, in the index and on disk; None where it is not there.

    `renamed` says that HEAD has it under other names; `moves` are the halves that have their old name yet, in the index
    and on disk: (old, new).
    """

    __slots__ = ("disk", "form", "head", "index", "mirror", "modes", "moves", "notebook", "renamed")

    def __init__(
        self,
        notebook: bytes,
        mirror: bytes,
        head: Contents,
        index: Contents,
        modes: tuple[str, str] = (PLAIN, PLAIN),
        form: Form | None = None,
        renamed: bool = False,
        moves: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        self.notebook = notebook
        self.mirror = mirror
        self.head = head
        self.index = index
        self.modes = modes
        self.form = form or Form()
        self.renamed = renamed
        self.moves = moves
        self.disk: Contents = (None, None)

    def now(self, path: bytes) -> bytes:
        """Where a half lies as long as nothing has been moved."""
        return next((old for old, new in self.moves if new == path), path)


def staged_pairs(
    repository: Repository,
    changes: Iterable[Change],
    forms: Forms,
    own: Mapping[bytes, bytes] = {},
    named: Mapping[bytes, bytes] = {},
) -> list[Pair]:
    """Every pair of which the commit touches a half; without a notebook, those whose mirror is left.

    `own` are changed texts that name their notebook themselves: path → contents. `named` are those that only their
    notebooks name: mirror → notebook.
    """
    return _Staged(repository, changes, forms).pairs(own, named)


class _Unit:
    """One pair by its names: those that it gets, and those that it has in HEAD."""

    __slots__ = ("form", "mirror", "name", "old_mirror", "old_name")

    def __init__(self, form: Form, name: bytes, mirror: bytes, old_name: bytes = b"", old_mirror: bytes = b"") -> None:
        self.form = form
        self.name = name
        self.mirror = mirror
        self.old_name = old_name or name
        self.old_mirror = old_mirror or mirror

    @property
    def paths(self) -> tuple[bytes, ...]:
        return self.name, self.mirror, self.old_name, self.old_mirror


class _Staged:
    def __init__(self, repository: Repository, changes: Iterable[Change], forms: Forms) -> None:
        self._repository = repository
        self._changed = {change.path: change for change in changes}
        self._forms = forms
        self._index: dict[bytes, tuple[str, str]] = {}
        self._looked: set[bytes] = set()
        self._contents: dict[str, bytes] = {}

    def pairs(self, own: Mapping[bytes, bytes], named: Mapping[bytes, bytes]) -> list[Pair]:
        names = {path for path in self._changed if is_notebook(path)}
        for path in filter(may_be_mirror, self._changed):
            found = (self._forms.notebook_of(path), self._forms.notebook_of(path, own.get(path)), named.get(path))
            names |= {name for name in found if name is not None}
        guessed = [form.mirror_path(name) for name in names if (form := self._forms.of_notebook(name)) is not None]
        self._look({*names, *filter(None, guessed)})
        self._read({*names, *filter(None, guessed)})
        names = {name for name in names if name in self._index or name in self._changed}
        units = self._renamed()
        renamed = {path for unit in units for path in (unit.name, unit.old_name)}
        for name in sorted(names - renamed):
            form = self._form(name)
            mirror = form.mirror_path(name) if form is not None else None
            if form is not None and mirror is not None:
                units.append(_Unit(form, name, mirror))
        out = self._repository.opted_out(unit.name for unit in units)
        units = [unit for unit in units if unit.name not in out]
        paths = {path for unit in units for path in unit.paths}
        self._look(paths)
        self._read(paths)
        return [pair for unit in units if (pair := self._pair(unit)) is not None]

    def _pair(self, unit: _Unit) -> Pair | None:
        now = [
            new if new in self._index or old not in self._index else old
            for old, new in ((unit.old_name, unit.name), (unit.old_mirror, unit.mirror))
        ]
        if now[0] not in self._index and now[1] not in self._index:
            return None
        return Pair(
            unit.name,
            unit.mirror,
            head=(self._content(self._before(unit.old_name)), self._content(self._before(unit.old_mirror))),
            index=(self._content(self._after(now[0])), self._content(self._after(now[1]))),
            modes=(self._mode(now[0]), self._mode(now[1])),
            form=unit.form,
            renamed=unit.old_name != unit.name,
            moves=tuple((old, new) for old, new in zip(now, (unit.name, unit.mirror), strict=True) if old != new),
        )

    def _renamed(self) -> list[_Unit]:
        """The pairs of which git finds a half again under another name."""
        gone = [path for path, change in self._changed.items() if change.after is None]
        new = [path for path, change in self._changed.items() if change.before is None]
        if not any(is_notebook(path) or may_be_mirror(path) for path in gone) or not new:
            return []
        from sahel_nb.hooks.ids import parse_renames

        asked = ("diff-index", "--cached", "--ita-invisible-in-index", "-M", "--name-status", "-z", "HEAD", "--")
        renames = parse_renames(self._repository.git(*asked, check=False).stdout)
        units = []
        for name, old_name in renames.items():
            if is_notebook(name) and is_notebook(old_name):
                form, before = self._form(name), self._form(old_name)
                mirror = form.mirror_path(name) if form is not None else None
                old_mirror = before.mirror_path(old_name) if before is not None else None
                if form and before and mirror and old_mirror and form.key() == before.key():
                    units.append(_Unit(form, name, mirror, old_name, old_mirror))
        for mirror, old_mirror in renames.items():
            if may_be_mirror(mirror) and may_be_mirror(old_mirror):
                name, old_name = self._forms.notebook_of(mirror) or b"", self._forms.notebook_of(old_mirror) or b""
                self._look((name, old_name))
                form = self._form(old_name) if old_name in self._index and name not in self._index else None
                if form is not None and name and form.mirror_path(old_name) == old_mirror:
                    units.append(_Unit(form, name, mirror, old_name, old_mirror))
        return units

    def _form(self, name: bytes) -> Form | None:
        """As the notebook itself says it where it is there, in the index or before, or the configuration."""
        self._read((name,))
        return self._forms.of_notebook(name, self._content(self._after(name) or self._before(name)))

    def _before(self, path: bytes) -> str | None:
        return self._changed[path].before if path in self._changed else self._after(path)

    def _after(self, path: bytes) -> str | None:
        return self._index[path][1] if path in self._index else None

    def _mode(self, path: bytes) -> str:
        return self._index[path][0] if path in self._index else PLAIN

    def _content(self, oid: str | None) -> bytes | None:
        return self._contents.get(oid) if oid else None

    def _look(self, paths: Iterable[bytes]) -> None:
        """Learn what the index has there."""
        missing = {path for path in paths if path} - self._looked
        self._index |= self._repository.index(missing)
        self._looked |= missing

    def _read(self, paths: Iterable[bytes]) -> None:
        """Learn what these blobs hold."""
        oids = {oid for path in paths for oid in (self._before(path), self._after(path)) if oid}
        self._contents |= self._repository.read(oids - self._contents.keys())
