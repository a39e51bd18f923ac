"""Which cell of a notebook a cell of its mirror is, and the notebook's file with those cells in it; fast, or `Unsure`.

The rules are jupytext's: a cell is the one of its kind that says the same, but for what black changes; else one that
it is the end of; else the one that comes next. A cell that was found keeps its outputs, its id and the metadata that
mirrors do not show. What has not changed is copied as it stands in the file, which is also the fastest.
"""

from __future__ import annotations

from _json import encode_basestring

from sahel_nb.notebook import percent_read
from sahel_nb.notebook.percent import is_shown
from sahel_nb.notebook.strip_fast import MARK, Unsure, scan, without_pictures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from sahel_nb.notebook.percent import Json

    Key = tuple[str, bytes]
    Span = tuple[int, int]

_BLACK = b" \t\n,'\"()\\"
# Said about the layout of a mirror: never taken from the notebook.
_LAYOUT = frozenset(("skipline", "noskipline", "cell_marker", "lines_to_next_cell", "lines_to_end_of_cell_marker"))
# Sections of the metadata that the header has to itself.
_SHARED = frozenset(("kernel_info", "orphan", "tocdepth"))


class _Layout:
    """How a notebook breaks its lines: Jupyter indents by one space, others by two, and others not at all."""

    __slots__ = ("cell", "cells", "cells_end", "colon", "comma", "end", "top", "unit")

    def __init__(self, unit: str, comma: str = ",", colon: str = ": ") -> None:
        line = "\n" if unit else ""
        self.unit = unit
        self.comma = comma
        self.colon = colon
        self.top = line + unit
        self.cells = line + 2 * unit
        self.cells_end = line + unit + "]"
        self.cell = line + 3 * unit
        self.end = line + 2 * unit + "}"

    def list_of(self, cells: Iterable[str]) -> str:
        text = (self.comma + self.cells).join(cells)
        return "[" + self.cells + text + self.cells_end if text else "[]"


_JUPYTER = _Layout(" ")


def _layout(text: str) -> _Layout:
    """That of this notebook. What is not laid out as it begins is noticed where it is read. Raise `Unsure`."""
    if text.startswith('{\n "'):
        return _JUPYTER
    first = text.index('"')
    unit = text[2:first]
    if text.startswith("{\n") and unit and not unit.strip(" \t"):
        return _Layout(unit)
    if first == 1:
        _, end = scan(text, 1)
        return _Layout("", ", ", ": ") if text.startswith(": ", end) else _Layout("", ",", ":")
    raise Unsure


def match(found: Sequence[Json], base: Sequence[Json]) -> list[int | None]:
    """For each of the cells `found`, the number of its cell in `base`."""
    keys = [_key(cell) for cell in found]
    known = [_key(cell) for cell in base]
    matched = _in_order(keys, known)
    used = set(matched)
    unused = [place for place in range(len(known)) if place not in used]
    for same in (_equal, _is_end):
        for at, key in enumerate(keys):
            if matched[at] is None:
                place = next((place for place in unused if same(known[place], key)), None)
                if place is not None:
                    matched[at] = place
                    unused.remove(place)
    before = -1
    for at, cell in enumerate(found):
        place = matched[at]
        if place is not None:
            before = place
        elif before + 1 in unused and known[before + 1][0] == cell["cell_type"] and cell["source"].strip():
            before += 1
            matched[at] = before
            unused.remove(before)
    return matched


def _key(cell: Json) -> Key:
    return cell["cell_type"], "".join(cell["source"]).encode("utf-8").translate(None, _BLACK)


def _in_order(keys: Sequence[Key], known: Sequence[Key]) -> list[int | None]:
    """Equal cells, each behind the one before of its kind."""
    places: dict[Key, list[int]] = {}
    for place, key in enumerate(known):
        places.setdefault(key, []).append(place)
    least: dict[str, int] = {}
    matched: list[int | None] = []
    for key in keys:
        found = next((place for place in places.get(key, ()) if place >= least.get(key[0], 0)), None)
        if found is not None:
            least[key[0]] = found + 1
        matched.append(found)
    return matched


def _equal(known: Key, key: Key) -> bool:
    return known == key


def _is_end(known: Key, key: Key) -> bool:
    return known[0] == key[0] and (known[1].endswith(key[1]) if key[1] else not known[1])


def compose(metadata: Json, found: Sequence[Json]) -> bytes:
    """A new notebook of nbformat 4.5."""
    cells = _JUPYTER.list_of([_new_cell(cell, f"new-{at}", _JUPYTER) for at, cell in enumerate(found)])
    rest = f'"metadata": {_dump(metadata, _JUPYTER.top, _JUPYTER)},\n "nbformat": 4,\n "nbformat_minor": 5'
    return f'{{\n "cells": {cells},\n {rest}\n}}\n'.encode()


def combine(metadata: Json, found: Sequence[Json], base: bytes) -> bytes:
    """The notebook `base` with the cells `found`. `metadata` is the header's. Raise `Unsure`."""
    try:
        short, pictures = _without_pictures(base)
        made = _combine(metadata, found, short.decode("utf-8")).encode("utf-8")
        return _with_pictures(made, pictures) if pictures else made
    except (AttributeError, IndexError, KeyError, StopIteration, SystemError, TypeError, ValueError, RecursionError):
        raise Unsure from None


def _without_pictures(notebook: bytes) -> tuple[bytes, list[bytes]]:
    """A number stands for the text of each picture, so that it need not be read: its cell is copied as it stands."""
    short = without_pictures(notebook) if MARK not in notebook else None
    if short is None:
        return notebook, []
    first, *rest = short.split(MARK)
    parts, pictures = [first], []
    at = len(first)
    for number, text in enumerate(rest):
        end = notebook.index(b'"', at)
        pictures.append(notebook[at:end])
        parts.append(b"%b%d" % (MARK, number))
        parts.append(text)
        at = end + len(text)
    return b"".join(parts), pictures


def _with_pictures(short: bytes, pictures: Sequence[bytes]) -> bytes:
    first, *rest = short.split(MARK)
    parts = [first]
    for text in rest:
        number, quote, text = text.partition(b'"')
        parts += (pictures[int(number)], quote, text)
    return b"".join(parts)


def _combine(metadata: Json, found: Sequence[Json], text: str) -> str:
    layout = _layout(text)
    notebook, spans, places, end = _opened(text, layout)
    base = notebook["cells"]
    minor = notebook["nbformat_minor"]
    if text[end:] not in ("", "\n") or notebook["nbformat"] != 4 or not 0 <= minor <= 5:
        raise Unsure
    ids = [cell["id"] for cell in base if "id" in cell]
    if len(ids) != (len(base) if minor >= 5 else 0) or len(set(ids)) != len(ids):
        raise Unsure  # nbformat would mend them
    placed = match(found, base)
    made: dict[Span, str] = {}
    if placed == [*range(len(base))]:
        for cell, place, own_cell in zip(found, places, base, strict=True):
            made |= _changes(text, place, own_cell, cell, layout)
    else:
        made[spans["cells"]] = layout.list_of(_cells(text, found, placed, base, places, layout, set(ids), minor))
    own = notebook["metadata"]
    if not _SHARED.isdisjoint(own):
        raise Unsure
    if "kernelspec" in metadata and metadata["kernelspec"] != own.get("kernelspec"):
        made[spans["metadata"]] = _dump({**own, **metadata}, layout.top, layout)
    return _spliced(text, 0, end, made) + "\n"


def _cells(
    text: str,
    found: Sequence[Json],
    placed: Sequence[int | None],
    base: Sequence[Json],
    places: Sequence[Span],
    layout: _Layout,
    taken: set[str],
    minor: int,
) -> Iterator[str]:
    """The text of each cell: copied from the base with its changes, or new, under a name that is not taken."""
    for at, (cell, place) in enumerate(zip(found, placed, strict=True)):
        if place is not None:
            changes = _changes(text, places[place], base[place], cell, layout)
            yield _spliced(text, *places[place], changes)
            continue
        name = f"new-{at}" if minor >= 5 else ""
        while name in taken:
            name += "-"
        taken.add(name or "-")
        yield _new_cell(cell, name, layout)


def _changes(text: str, place: Span, base: Json, cell: Json, layout: _Layout) -> dict[Span, str]:
    """What of the text of a cell of the base has to change for the source and the metadata of `cell`."""
    made: dict[Span, str] = {}
    metadata, source, before = cell["metadata"], cell["source"], "".join(base["source"])
    if source != before:
        if source.rstrip("\n") == before.rstrip("\n"):
            metadata, source = with_own_layout(metadata, base["metadata"]), before
        elif source.rstrip("\n") == percent_read.again(base).rstrip("\n"):
            source = before
    kept = {key: value for key, value in base["metadata"].items() if key not in _LAYOUT and not is_shown(key, value)}
    if base["metadata"] != {**metadata, **kept}:
        made[_spans(text, place, layout)["metadata"]] = _dump({**metadata, **kept}, layout.cell, layout)
    if source != before:
        made[_spans(text, place, layout)["source"]] = _source(source, layout)
    return made


def with_own_layout(metadata: Json, base: Json) -> Json:
    """Blank lines that end a cell are its own in a notebook, and layout in a mirror: nobody edits them there."""
    return {
        **{key: value for key, value in metadata.items() if key not in _LAYOUT},
        **{key: value for key, value in base.items() if key in _LAYOUT},
    }


def _new_cell(cell: Json, name: str, layout: _Layout) -> str:
    members = {"cell_type": f'"{cell["cell_type"]}"'}
    if cell["cell_type"] == "code":
        members["execution_count"] = "null"
    if name:
        members["id"] = f'"{name}"'
    members["metadata"] = _dump(cell["metadata"], layout.cell, layout)
    if cell["cell_type"] == "code":
        members["outputs"] = "[]"
    members["source"] = _source(cell["source"], layout)
    between, colon = layout.comma + layout.cell, layout.colon
    return "{" + layout.cell + between.join([f'"{key}"{colon}{value}' for key, value in members.items()]) + layout.end


def _source(source: str, layout: _Layout) -> str:
    lines = [encode_basestring(line) for line in source.splitlines(True)]
    deeper = layout.cell + layout.unit
    return f"[{deeper}{(layout.comma + deeper).join(lines)}{layout.cell}]" if lines else "[]"


def _dump(value: Json, newline: str, layout: _Layout) -> str:
    if not value:
        return "{}"
    import json

    marks = (layout.comma, layout.colon)
    text = json.dumps(value, indent=layout.unit or None, separators=marks, sort_keys=True, ensure_ascii=False)
    return text.replace("\n", newline) if layout.unit else text


def _spliced(text: str, start: int, end: int, made: dict[Span, str]) -> str:
    """`text[start:end]` with other values in some places."""
    parts: list[str] = []
    for first, last in sorted(made):
        parts += (text[start:first], made[first, last])
        start = last
    parts.append(text[start:end])
    return "".join(parts)


def _opened(text: str, layout: _Layout) -> tuple[Json, dict[str, Span], list[Span], int]:
    """The notebook, where its values stand, where its cells stand, and where it ends."""
    notebook: Json = {}
    spans: dict[str, Span] = {}
    places: list[Span] = []
    at = 0
    mark = "{"
    while text.startswith(mark + layout.top + '"', at):
        key, start = scan(text, at + len(mark + layout.top))
        if key in spans or not text.startswith(layout.colon, start):
            raise Unsure
        start += len(layout.colon)
        if key == "cells":
            notebook[key], places, at = _opened_cells(text, start, layout)
        else:
            notebook[key], at = scan(text, start)
        spans[key] = (start, at)
        mark = layout.comma
    end = "\n}" if layout.unit else "}"
    if not text.startswith(end, at):
        raise Unsure
    return notebook, spans, places, at + len(end)


def _opened_cells(text: str, start: int, layout: _Layout) -> tuple[list[Any], list[Span], int]:
    if text.startswith("[]", start):
        return [], [], start + 2
    cells, places = [], []
    mark = "[" + layout.cells
    while text.startswith(mark + "{", start):
        start += len(mark)
        cell, end = scan(text, start)
        cells.append(cell)
        places.append((start, end))
        start = end
        mark = layout.comma + layout.cells
    if not text.startswith(layout.cells_end, start):
        raise Unsure
    return cells, places, start + len(layout.cells_end)


def _spans(text: str, place: Span, layout: _Layout) -> dict[str, Span]:
    """Where the values of a cell stand."""
    spans: dict[str, Span] = {}
    at, end = place
    mark = "{"
    while text.startswith(mark + layout.cell + '"', at):
        key, start = scan(text, at + len(mark + layout.cell))
        if key in spans or not text.startswith(layout.colon, start):
            raise Unsure
        start += len(layout.colon)
        _, at = scan(text, start)
        spans[key] = (start, at)
        mark = layout.comma
    if text[at:end] != layout.end:
        raise Unsure
    return spans
