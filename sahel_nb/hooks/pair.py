"""Pairs on disk: what `sahel-nb pair` and the hook `pair FILES` do.

The direction is decided against HEAD, by object ids. Without a change nothing is read, and with the ordinary format
jupytext is never imported. A pair that was renamed or removed by one of its halves is so by both (renamed.py).
"""

from __future__ import annotations

from sahel_nb.errors import UsageError
from sahel_nb.hooks.changed import Changed
from sahel_nb.hooks.paths import shown, typed
from sahel_nb.links import LeadsOut
from sahel_nb.notebook.pair import Direction, decide, in_step, looks_like_mirror, mirror_of_stripped, notebook_from
from sahel_nb.report.progress import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahel_nb.errors import SahelError
    from sahel_nb.hooks.forms import Forms
    from sahel_nb.hooks.staged import Repository
    from sahel_nb.notebook.pair import Form

    Contents = tuple[bytes, bytes | None]

_MARK = b"<<<<<<<"
OUT_OF_STEP = "out of step"
COMMITTED = "out of step, and git has both halves as they are: which one is right?"
"""Only a person knows; `pair` leaves alone what git has."""


class Outcome:
    """What became of one pair: the files that were written and removed. `problem` says why nothing was done.

    `choice`: a person has to say which half is right, and can with `--from`.
    """

    __slots__ = ("choice", "hints", "notebook", "problem", "removed", "written")

    def __init__(
        self,
        notebook: bytes,
        *,
        written: tuple[bytes, ...] = (),
        removed: tuple[bytes, ...] = (),
        problem: str = "",
        hints: tuple[str, ...] = (),
        choice: bool = False,
    ) -> None:
        self.notebook = notebook
        self.choice = choice
        self.hints = hints
        self.written = written
        self.removed = removed
        self.problem = problem

    @property
    def said(self) -> str:
        """For people."""
        if self.problem:
            return f"{shown(self.notebook)}: {self.problem}"
        old, new = (" and ".join(map(shown, paths)) for paths in (self.removed, self.written))
        if self.removed:
            return f"{old} was renamed to {new}" if new else f"{old} was removed, as {shown(self.notebook)} was"
        return f"{new} were merged by cell" if len(self.written) > 1 else f"{new} was brought in step"


def pair(
    repository: Repository,
    forms: Forms,
    files: Sequence[str] = (),
    *,
    force: Direction | None = None,
    check: bool = False,
) -> list[Outcome]:
    """Bring pairs in step; those of `files`, or all in the repository. Only what happened to a pair is returned.

    `check` writes nothing and compares every pair by content. `force` sets the direction, for a conflict.
    """
    changed = Changed(repository, forms)
    if files:
        files = changed.expanded(files)
        if not files:
            return []
    names = changed.named(files) if files else changed.all() if check else changed.to_pair()
    others = changed.names() if files and force is None and not check else []
    opted_out = repository.opted_out([*names, *others])
    names, others = ([name for name in some if name not in opted_out] for some in (names, others))
    return _Work(changed, force, check).done(names, others, changed.from_root(files))


class _Work:
    """One run over some pairs."""

    def __init__(self, changed: Changed, force: Direction | None, check: bool) -> None:
        self._changed = changed
        self._files = changed.files
        self._force = force
        self._check = check

    def done(self, names: list[bytes], others: list[bytes], files: set[bytes]) -> list[Outcome]:
        """`files` are what was asked for, all where nothing was; `others` are pairs that one of them may come from."""
        alone = len(names) == 1
        names, found = self._understood(names)
        if self._force is None and not self._check:
            from sahel_nb.hooks.renamed import follow_renames

            names, renamed = follow_renames(self._changed, names, others, files)
            found += renamed
        for name in names:
            form = self._changed.forms.of_notebook(name)
            self._changed.ask_together((name, *filter(None, [form.mirror_path(name) if form is not None else None])))
        for name in counted("pairing notebooks", names, len(names)):
            try:
                outcome = self._one(name)
            except (_notebook_error(), LeadsOut) as exc:
                outcome = Outcome(name, problem=exc.message, hints=hints_for(name, exc))
            except UsageError as exc:
                if alone:
                    raise
                outcome = Outcome(name, problem=exc.message, hints=exc.hints)
            if outcome is not None:
                found.append(outcome)
        return found

    def _understood(self, names: list[bytes]) -> tuple[list[bytes], list[Outcome]]:
        """Without those that name formats of their own which mean nothing: one of them stops no other."""
        left, found = [], []
        for name in names:
            try:
                self._changed.form(name, self._files.read(name))
                left.append(name)
            except LeadsOut:
                left.append(name)
            except UsageError as exc:
                if len(names) == 1:
                    raise
                found.append(Outcome(name, problem=exc.message, hints=exc.hints))
        return left, found

    def _one(self, name: bytes) -> Outcome | None:
        notebook = self._files.read(name)
        form = self._changed.form(name, notebook)
        mirror = form.mirror_path(name) if form is not None else None
        if form is None or mirror is None:
            return None
        text = self._files.read(mirror)
        if notebook is None:
            return self._without_notebook(form, name, mirror, text)
        if self._check and text is not None:
            known = looks_like_mirror(text, form)
            if known and in_step(notebook, text, form):
                return None
            if self._direction(form, (name, mirror), (notebook, text)) is not Direction.NOTHING:
                return Outcome(name, problem=OUT_OF_STEP)
            return Outcome(name, problem=COMMITTED, choice=True) if known else None
        direction = self._force or self._direction(form, (name, mirror), (notebook, text))
        if direction is Direction.NOTHING:
            return None
        if text is not None and not looks_like_mirror(text, form):
            if direction is Direction.TO_NOTEBOOK and not self._force:
                return None  # an ordinary module that bears the notebook's name
            problem = "is no mirror (no jupytext header, no # %%): give one of them another name"
            return Outcome(name, problem=f"{shown(mirror)} {problem}")
        if direction is Direction.TO_MIRROR:
            old = form.called_python(mirror) if text is None else None
            if old is not None and looks_like_mirror(self._files.read(old) or b"", form):
                return Outcome(name, problem=not_python(old), hints=(rename_script(name, old, mirror),))
            return self._written(name, mirror, mirror_of_stripped(self._changed.stripped(notebook), form), text)
        if text is None:
            raise UsageError(f"{shown(mirror)} is not there", hints=("git ls-files '*.ipynb'",))
        if direction is Direction.CONFLICT:
            return self._merged(form, (name, mirror), (notebook, text))
        base = notebook if self._force is None else _readable(notebook) or _readable(self._changed.head(name))
        return self._written(name, name, notebook_from(text, base, form), notebook)

    def _written(self, name: bytes, path: bytes, made: bytes, old: bytes | None) -> Outcome | None:
        if made == old:
            return None
        if self._check:
            return Outcome(name, problem=OUT_OF_STEP)
        self._files.replace(path, made, old)
        return Outcome(name, written=(path,))

    def _merged(self, form: Form, paths: tuple[bytes, bytes], now: tuple[bytes, bytes]) -> Outcome:
        """Write both halves merged, or say why neither is."""
        from sahel_nb.notebook.merge_pair import merge_pair

        merged = merge_pair((self._changed.head(paths[0]), self._changed.head(paths[1])), *now, form)
        if merged.problem:
            return Outcome(paths[0], problem=merged.problem, choice=True)
        # The notebook first: with the other half's edits in it, it merges with the old mirror to the same again.
        self._files.replace(paths[0], merged.notebook, now[0])
        self._files.replace(paths[1], merged.mirror, now[1])
        return Outcome(paths[0], written=paths)

    def _without_notebook(self, form: Form, name: bytes, mirror: bytes, text: bytes | None) -> Outcome | None:
        """It was deleted, and git knows it: its mirror follows. One that git never had is made of its mirror."""
        if text is None or not looks_like_mirror(text, form):
            return None
        if self._force is Direction.TO_NOTEBOOK or not self._changed.head_id(name):
            return self._written(name, name, notebook_from(text, self._changed.head(name), form), None)
        if self._force is not None:
            raise UsageError(f"{shown(name)} is not there", hints=("git ls-files '*.ipynb'",))
        if self._changed.differs(mirror, text):
            problem = f"was deleted, and {shown(mirror)} has changes that are not committed"
            return Outcome(name, problem=problem, hints=(f"sahel-nb pair --from mirror {typed(name)}",))
        if self._check:
            return Outcome(name, problem=f"was deleted, and {shown(mirror)} was not")
        self._files.remove(mirror)
        return Outcome(name, removed=(mirror,))

    def _direction(self, form: Form, paths: tuple[bytes, bytes], now: Contents) -> Direction:
        notebook, mirror = now
        if mirror is None:
            return Direction.TO_MIRROR
        if _MARK in notebook or _MARK in mirror:
            from sahel_nb.notebook.merge_mirror import resolved_half

            resolved = resolved_half(notebook, mirror)
            if resolved is not None:
                return resolved
        notebook_differs = self._changed.differs(paths[0], notebook)
        if not self._changed.differs(paths[1], mirror):
            return Direction.TO_MIRROR if notebook_differs else Direction.NOTHING
        if not notebook_differs:
            return Direction.TO_NOTEBOOK
        if looks_like_mirror(mirror, form) and in_step(notebook, mirror, form):
            return Direction.NOTHING
        return decide(self._changed.head(paths[0]), self._changed.head(paths[1]), notebook, mirror, form)


def hints_for(notebook: bytes, exc: SahelError) -> tuple[str, ...]:
    """What to type; who found it knows no file's name, and writes FILE."""
    return tuple(hint.replace(" FILE", f" {typed(notebook)}") for hint in exc.hints)


def not_python(script: bytes) -> str:
    return f"is not in Python, and its script is called {shown(script)}"


def rename_script(name: bytes, old: bytes, new: bytes) -> str:
    """What to type, for the script of a notebook in R or Julia that an earlier version called .py."""
    return (
        f"git mv {typed(old)} {typed(new)} && sahel-nb pair --from notebook {typed(name)} && "
        f"git add {typed(name)} {typed(new)}"
    )


def _readable(notebook: bytes | None) -> bytes | None:
    """A notebook to take outputs and metadata from; one with conflict markers has none to give."""
    if notebook is None:
        return None
    from sahel_nb.notebook.document import parse

    try:
        parse(notebook)
    except _notebook_error():
        return None
    return notebook


def _notebook_error() -> type[SahelError]:
    """Asked for where an exception is under way, and not before: its module is slow to import."""
    from sahel_nb.notebook.document import NotebookError

    return NotebookError
