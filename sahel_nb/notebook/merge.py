"""Three-way merge of notebooks, by cell. The result is a notebook that opens, conflicts included.

Edits of different cells merge, and so do edits of different lines of one cell; cells that either side inserted, moved
or deleted are so in the result. What both sides changed differently stands in the cell's source, both versions between
git's markers (merge_lines.py): Jupyter shows it, the mirror shows it, and lint refuses to commit it. Where both sides
put cells in one place, ours come first.

Only what a mirror shows too decides which cells belong together, so that a notebook and its mirror, which git merges
one by one, come out alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sahel_nb.notebook.document import Document, NotebookError, dump, parse
from sahel_nb.notebook.merge_lines import MARK, Labels, has_markers, in_conflict, merge_lines, merge_without_base
from sahel_nb.notebook.merge_match import Text
from sahel_nb.notebook.merge_moved import Moved, moved_lines
from sahel_nb.notebook.merge_order import slots
from sahel_nb.notebook.merge_values import MISSING, Path, merge_sets, merge_values, same
from sahel_nb.notebook.strip import is_stripped, strip

_CELLS = frozenset(("cells",))
_OWN_RULES = frozenset(("cell_type", "source", "metadata", "outputs", "execution_count", "id"))
# What a kernel writes about itself, a tool about its version, and jupytext about blank lines: two people never mean to
# disagree on it.
_INCIDENTAL = frozenset(
    (
        *("language_info", "jupytext_version", "display_name", "orig_nbformat"),
        *("lines_to_next_cell", "lines_to_end_of_cell_marker"),
    )
)
_IDS_SINCE = 5

Json = dict[str, Any]


@dataclass(frozen=True)
class Conflict:
    """What both sides changed differently. `cell` counts from 0 in the result; None where it is about the notebook."""

    cell: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.cell is None else f"cell {self.cell + 1}: {self.what}"


@dataclass(frozen=True)
class Merged:
    """A notebook that opens. With conflicts it holds markers, or, in metadata, our value."""

    content: bytes
    conflicts: tuple[Conflict, ...] = ()


def merge(base: bytes | None, ours: bytes, theirs: bytes, labels: Labels = Labels()) -> Merged:  # noqa: B008  frozen
    """Bring the changes of both sides together. Raise `NotebookError` for a side that is no notebook of nbformat 4.

    Without a base both notebooks came up on their own. The bytes are those of a stripped notebook where both sides were
    stripped; else laid out as ours, and a cell keeps the outputs of the side whose source it has.
    """
    if ours == theirs or theirs == base:
        return Merged(ours)
    if ours == base:
        return Merged(theirs)
    before, mine, others = (None if one is None else _read(one) for one in (base, ours, theirs))
    assert mine is not None
    assert others is not None
    merging = _Merging(labels)
    made = merging.notebook(before.json if before else None, mine.json, others.json)
    document = Document(made, mine.newline, mine.indent, mine.final_newline)
    notebook = dump(document)
    if is_stripped(ours) and is_stripped(theirs):
        notebook = strip(notebook)
    return Merged(notebook, tuple(merging.conflicts))


def is_unresolved(notebook: bytes) -> bool:
    """Whether a cell still holds a conflict between markers. Raise `NotebookError` as `parse` does."""
    return MARK in notebook and any(has_markers(cell.source) for cell in parse(notebook).cells())


def _read(data: bytes) -> Document:
    document = parse(data)
    if document.major < 4:
        raise NotebookError(
            "notebooks older than nbformat 4 are not merged by cell",
            hints=("jupyter nbconvert --to notebook --inplace FILE",),
        )
    return document


class _Merging:
    """One merge, and the conflicts found so far."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.conflicts: list[Conflict] = []
        self._cell: int | None = None

    def notebook(self, base: Json | None, ours: Json, theirs: Json) -> Json:
        before = base or {"cells": []}
        cells = self._cells(before["cells"], ours["cells"], theirs["cells"])
        self._cell = None
        made: Json = {"cells": cells} | self._keys(before, ours, theirs, _CELLS)
        _name(cells, made, ours, theirs)
        return made

    def _cells(self, base: list[Json], ours: list[Json], theirs: list[Json]) -> list[Json]:
        made: list[Json] = []
        texts = _texts(base), _texts(ours), _texts(theirs)
        placed = slots(*texts)
        moved = moved_lines(*texts, placed)
        for slot in placed:
            self._cell = len(made)
            cell = self._merged(_at(base, slot.base), _at(ours, slot.ours), _at(theirs, slot.theirs), moved.get(slot))
            if cell is not None:
                made.append(cell)
        return made

    def _merged(
        self, base: Json | None, ours: Json | None, theirs: Json | None, moved: Moved | None = None
    ) -> Json | None:
        if ours is None or theirs is None:
            there = ours or theirs
            assert there is not None
            if base is None:
                return dict(there) if moved is None else self._moved_and_deleted(there, moved)
            if _says(base) != _says(there):
                return self._deleted_and_changed(base, ours, theirs)
            return self._deleted_and_attached(there) if _gained(base, there) else None
        before = base or {}
        kind = self._values(before.get("cell_type", MISSING), ours["cell_type"], theirs["cell_type"], "cell_type")
        source, conflicts = self._source(base, ours, theirs, moved)
        if conflicts:
            self._conflict("both sides changed the same lines" if base else "both sides added it, differently")
        cell = self._keys(before, ours, theirs, _OWN_RULES)
        cell |= {"cell_type": self._able_to_hold(cell, kind, ours, theirs), "source": source}
        cell["metadata"] = self._values(before.get("metadata", {}), ours["metadata"], theirs["metadata"], "metadata")
        return cell | _results(cell, before, ours, theirs) | _id(ours, theirs)

    def _keys(self, base: Json, ours: Json, theirs: Json, but: frozenset[str]) -> Json:
        merged: Json = self._values(_without(base, but), _without(ours, but), _without(theirs, but))
        return merged

    def _values(self, base: Any, ours: Any, theirs: Any, *path: str) -> Any:
        return merge_values(base, ours, theirs, self._clash, path)

    def _source(self, base: Json | None, ours: Json, theirs: Json, moved: Moved | None) -> tuple[Any, int]:
        left, right = _lines(ours), _lines(theirs)
        if base is None:
            done = merge_without_base(left, right, self.labels)
        else:
            done = merge_lines(_lines(base), left, right, self.labels)
        end = merge_values(_end(base) if base else MISSING, _end(ours), _end(theirs), lambda _, __, mine, ___: mine)
        lines: Sequence[str] = done.lines
        if moved and not done.conflicts:
            self._conflict(self._moved(moved))
            lines = moved.marked(lines, self.labels)
        return _as_written("\n".join(lines) + end, ours), done.conflicts

    def _deleted_and_changed(self, base: Json, ours: Json | None, theirs: Json | None) -> Json:
        there = ours or theirs
        assert there is not None
        self._conflict(
            f"deleted in {self.labels.theirs}, changed in {self.labels.ours}"
            if ours
            else f"deleted in {self.labels.ours}, changed in {self.labels.theirs}"
        )
        left, right = ([] if one is None else _lines(one) for one in (ours, theirs))
        lines = in_conflict(_lines(base), left, right, self.labels)
        return there | {"source": _as_written("\n".join(lines), there)}

    def _deleted_and_attached(self, there: Json) -> Json:
        self._conflict("deleted on one side and got attachments on the other; it is kept: decide, in its script too")
        return there

    def _moved_and_deleted(self, there: Json, moved: Moved) -> Json:
        self._conflict(self._moved(moved))
        return there | {"source": _as_written("\n".join(moved.marked(_lines(there), self.labels)), there)}

    def _moved(self, moved: Moved) -> str:
        here, gone = self.labels.ours, self.labels.theirs
        if not moved.in_ours:
            here, gone = gone, here
        return f"lines that {gone} deleted were moved here in {here}"

    def _able_to_hold(self, cell: Json, kind: str, ours: Json, theirs: Json) -> str:
        """The type of the merged cell: a code cell cannot have attachments, which are kept rather than the type."""
        texts = [one["cell_type"] for one in (ours, theirs) if one["cell_type"] != "code"]
        if kind != "code" or not texts or "attachments" not in cell:
            return kind
        if not cell["attachments"]:
            del cell["attachments"]
            return kind
        self._conflict(
            f"became code on one side and has attachments on the other; it stays {texts[0]}: decide, in its script too"
        )
        return str(texts[0])

    def _clash(self, path: Path, base: Any, ours: Any, theirs: Any) -> Any:
        if path == ("metadata", "tags") and all(one is MISSING or isinstance(one, list) for one in (ours, theirs)):
            # No tags and an empty list of them look the same in a mirror.
            return merge_sets(base, ours, theirs) or (MISSING if MISSING in (ours, theirs) else [])
        if ours is MISSING or theirs is MISSING:
            there = theirs if ours is MISSING else ours
            if not _INCIDENTAL.intersection(path):
                self._conflict(f"{'.'.join(path)} was deleted on one side and changed on the other; it is kept")
            return there
        if path == ("nbformat_minor",):
            return max(ours, theirs)
        if not _INCIDENTAL.intersection(path):
            name = ".".join(path)
            self._conflict(f"{name} was changed on both sides; it is {_short(ours)} now, theirs was {_short(theirs)}")
        return ours

    def _conflict(self, what: str) -> None:
        self.conflicts.append(Conflict(self._cell, what))


def _texts(cells: Sequence[Json]) -> list[Text]:
    return [Text.of(cell["cell_type"], _text_of(cell)) for cell in cells]


def _source_of(cell: Json) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _text_of(cell: Json) -> str:
    """The source without blank lines at its end, which are layout in a mirror."""
    return _source_of(cell).rstrip("\n")


def _end(cell: Json) -> str:
    source = _source_of(cell)
    return source[len(source.rstrip("\n")) :]


def _lines(cell: Json) -> list[str]:
    # Not splitlines(): the last line has no line end, and must not differ from itself when another one follows.
    return _text_of(cell).split("\n")


def _says(cell: Json) -> tuple[str, str]:
    return cell["cell_type"], _text_of(cell)


def _gained(base: Json, there: Json) -> bool:
    """Has it an attachment that it did not have, or another one under that name?"""
    was, now = base.get("attachments"), there.get("attachments")
    old = was if isinstance(was, dict) else {}
    return isinstance(now, dict) and any(name not in old or not same(old[name], now[name]) for name in now)


def _as_written(source: str, like: Json) -> Any:
    return source.splitlines(True) if isinstance(like.get("source"), list) else source


def _at(cells: Sequence[Json], at: int | None) -> Json | None:
    return None if at is None else cells[at]


def _without(value: Json, keys: frozenset[str]) -> Json:
    return {key: value for key, value in value.items() if key not in keys}


def _results(cell: Json, base: Json, ours: Json, theirs: Json) -> Json:
    """Outputs and the count belong to a source: they are kept where it is the one that was run."""
    if cell["cell_type"] != "code":
        return {}
    said = _source_of(cell)
    sides = [one for one in (ours, theirs) if one["cell_type"] == "code" and _source_of(one) == said]
    fresh = [one for one in sides if one.get("outputs") and not same(one["outputs"], base.get("outputs"))]
    chosen = next(iter(fresh or sides), {})
    return {"execution_count": chosen.get("execution_count"), "outputs": chosen.get("outputs", [])}


def _id(ours: Json, theirs: Json) -> Json:
    found = ours.get("id", theirs.get("id"))
    return {} if found is None else {"id": found}


def _name(cells: list[Json], made: Json, ours: Json, theirs: Json) -> None:
    """Ids as the format of the result wants them: none before 4.5, each one once from then on."""
    if made.get("nbformat_minor", 0) < _IDS_SINCE:
        for cell in cells:
            cell.pop("id", None)
        return
    numbered = all(cell.get("id") == str(at) for one in (ours, theirs) for at, cell in enumerate(one["cells"]))
    taken: set[str] = set()
    for at, cell in enumerate(cells):
        name = cell.get("id")
        if numbered or not isinstance(name, str) or name in taken:
            name = str(at)
            while name in taken:
                name += "-"
        taken.add(name)
        cell["id"] = name


def _short(value: Any) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"
