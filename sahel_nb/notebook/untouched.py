"""Cells whose text in the mirror was not edited keep their source, whatever the mirror's grammar makes of it.

jupytext reads a mirror from its beginning. A string that is never closed, in a cell or in a line that was just typed,
takes every marker behind it for text, and the cells behind it become one. The mirror of the notebook as it was says
which lines are whose: a cell whose lines are all there, from its marker to the next one, is the notebook's own, and
only what lies between such cells is read.

On the path of a commit with an edited mirror: imports nothing that is slow.
"""

from __future__ import annotations

from sahel_nb.notebook import combine, percent, percent_read
from sahel_nb.notebook.strip_fast import Unsure, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sahel_nb.notebook.form import Form
    from sahel_nb.notebook.percent import Json

    Lines = list[str]
    Place = tuple[int, int, int]
    """The number of a cell, its first line in the edited mirror, and the line behind its last one."""

_BROKEN = (AttributeError, IndexError, KeyError, StopIteration, SystemError, TypeError, ValueError, RecursionError)


def keep(made: bytes, mirror: bytes, base: bytes, plain: bytes, form: Form) -> bytes:
    """`made`, read from the `mirror`, if it keeps the source of each cell of `base` whose text was not edited.

    Else a notebook that does. `plain` is `base`, stripped. Raise `NotebookError`, which names the cell, where none can
    be made: nothing is rewritten that was not edited.
    """
    was = _cells_of(plain)
    found = _cells_of(made)
    if _first_lost([[cell] for cell in was], found) is None:
        return made
    segments, old = _segments(plain, was, form)
    if segments is None:
        if len(was) - _kept_in_order(was, found) > 1:
            raise _cannot_tell()
        return made
    lines = mirror.decode("utf-8").splitlines()
    full = [at for at, line in enumerate(lines) if line.strip()]
    short = [lines[at] for at in full]
    places = _marked(segments, short) if is_marked(form) else _unmarked(segments, old, lines)
    # Of cells with the same text in the mirror, any will do.
    same: dict[tuple[str, ...], list[Json]] = {}
    for cell, segment in zip(was, segments, strict=True):
        same.setdefault(tuple(segment), []).append(cell)
    wanted = [same[tuple(segments[number])] for number, _, _ in places]
    if _first_lost([[was[number]] for number, _, _ in places], found) is None:
        return made
    lost = _first_lost(wanted, found)
    if form.is_ordinary:
        spans = [
            (number, full[start], full[stop] if stop < len(full) else len(lines)) for number, start, stop in places
        ]
        try:
            pieced = _by_pieces(lines, spans, was, base)
            if _first_lost(wanted, _cells_of(pieced)) is None and _says(pieced, short):
                return pieced
        except (Unsure, *_BROKEN):
            pass
    if lost is None:
        return made
    raise _refused(places[lost][0], was, places)


def is_marked(form: Form) -> bool:
    """Does each cell of this format begin with a line of its own, `# %%`?"""
    return form.format.endswith((":percent", ":hydrogen"))


def _refused(number: int, was: Sequence[Json], places: Sequence[Place]) -> Exception:
    from sahel_nb.notebook.document import NotebookError

    kept = {number for number, _, _ in places}
    edited = [str(at + 1) for at in range(len(was)) if at not in kept]
    near = f" (edited: cell {', '.join(edited[:5])})" if edited else ""
    return NotebookError(
        f"cell {number + 1} was not edited in the mirror, and would be rewritten{near}: is a string, a fenced block or "
        "a `# %%` left open before it? Close it there, or edit the notebook"
    )


def _cannot_tell() -> Exception:
    from sahel_nb.notebook.document import NotebookError

    return NotebookError(
        "more than one cell would be rewritten, and whose lines were edited in the mirror cannot be told: edit one "
        "cell at a time, or the notebook"
    )


def _by_pieces(lines: Lines, spans: Sequence[Place], was: Sequence[Json], base: bytes) -> bytes:
    """The notebook, of its own cells where they were not edited, and of what is read between them."""
    metadata, begin = percent_read.header(lines)
    cells: list[Json] = []
    for number, start, stop in (*spans, (-1, len(lines), len(lines))):
        piece = lines[begin:start]
        while piece and not piece[-1].strip():
            piece.pop()
        while piece and not piece[0].strip():
            piece.pop(0)
        if piece:
            cells += percent_read.cells_in(piece)
        if number >= 0:
            shown = {key: value for key, value in was[number]["metadata"].items() if percent.is_shown(key, value)}
            cells.append({**was[number], "source": "".join(was[number]["source"]), "metadata": shown})
        begin = stop
    return combine.combine(metadata, cells, base)


def _says(made: bytes, short: Lines) -> bool:
    """Is the mirror of this notebook the edited one, blank lines and header aside?"""
    from sahel_nb.notebook.pair import mirror_of

    _, begin = percent_read.header(lines := mirror_of(made).decode("utf-8").splitlines())
    again = [line for line in lines[begin:] if line.strip()]
    return again == short[len(short) - len(again) :]


def _cells_of(notebook: bytes) -> list[Json]:
    try:
        return list(scan(notebook.decode("utf-8").strip(), 0)[0]["cells"])
    except (Unsure, *_BROKEN):
        from sahel_nb.notebook.document import parse

        return list(parse(notebook).json["cells"])


def _segments(plain: bytes, was: Sequence[Json], form: Form) -> tuple[list[Lines] | None, Lines]:
    """The lines of each cell in the mirror of the notebook as it was, without blank ones, and the whole of it.

    None where it cannot be told whose they are.
    """
    if form.is_ordinary:
        try:
            percent.write(plain)  # sure of the notebook's own wishes, too, such as magics without a comment
            return [_dense(percent.cell_lines(cell, "".join(cell["source"]))) for cell in was], []
        except (Unsure, *_BROKEN):
            pass
    from sahel_nb.notebook import by_jupytext

    found = by_jupytext.segments(plain, form)
    if found is None:
        return None, []
    parts, whole = found
    return [_dense(part) for part in parts], whole


def _dense(lines: Sequence[str]) -> Lines:
    return [line for line in lines if line.strip()]


def _is_marker(line: str) -> bool:
    """Does a cell of the percent format begin here, if no string is open? `# %%time` is a magic."""
    text = line.lstrip()
    rest = text.lstrip("#/-; \t")
    return rest != text and rest.startswith("%%") and rest.lstrip("%")[:1] in ("", " ", "\t")


def _marked(segments: Sequence[Lines], lines: Lines) -> list[Place]:
    """The cells that are in `lines` as they were, up to the next marker: those at the end, then from the beginning."""
    end = len(lines)
    behind: list[Place] = []
    for number in range(len(segments) - 1, -1, -1):
        start = end - len(segments[number])
        if start < 0 or lines[start:end] != segments[number]:
            break
        behind.append((number, start, end))
        end = start
    starts: dict[str, list[int]] = {}
    for at, line in enumerate(lines[:end]):
        starts.setdefault(line, []).append(at)
    before: list[Place] = []
    at = 0
    for number in range(len(segments) - len(behind)):
        segment = segments[number]
        for start in starts.get(segment[0], ()) if segment else ():
            stop = start + len(segment)
            ends = stop <= end and (stop == len(lines) or _is_marker(lines[stop]))
            if start >= at and ends and lines[start:stop] == segment:
                before.append((number, start, stop))
                at = stop
                break
    return [*before, *reversed(behind)]


def _unmarked(segments: Sequence[Lines], old: Lines, new: Lines) -> list[Place]:
    """The same for cells that blank lines divide: those before the first line that changed and behind the last one.

    The two next to what changed are taken for edited: a blank line more or less joins cells and parts them.
    """
    most = min(len(old), len(new))
    first = next((at for at in range(most) if old[at] != new[at]), most)
    last = next((at for at in range(most - first) if old[-1 - at] != new[-1 - at]), most - first)
    head, tail = len(_dense(old[:first])), len(_dense(old[len(old) - last :]))
    total = sum(map(len, segments))
    above = len(_dense(old)) - total  # the header
    places: list[Place] = []
    at = above
    for number, segment in enumerate(segments):
        start, at = at, at + len(segment)
        nexts = len(segments[number + 1]) if number + 1 < len(segments) else 0
        before = len(segments[number - 1]) if number else 0
        if at + nexts < head or start - before > above + total - tail:
            places.append((number, start, at))
    return places


def _first_lost(wanted: Sequence[Sequence[Json]], made: Sequence[Json]) -> int | None:
    """The first of `wanted`, each a choice of cells, that `made` does not have behind the one before."""
    at = 0
    said = [_said(cell) for cell in made]
    for number, choice in enumerate(wanted):
        some = {_said(cell) for cell in choice}
        while at < len(said) and said[at] not in some:
            at += 1
        if at == len(said):
            return number
        at += 1
    return None


def _kept_in_order(was: Sequence[Json], made: Sequence[Json]) -> int:
    """How many cells of the one are in the other, in their order: one of several alike counts once."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, [_said(cell) for cell in was], [_said(cell) for cell in made], autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())


def _said(cell: Json) -> tuple[Any, str]:
    return cell["cell_type"], "".join(cell["source"])
