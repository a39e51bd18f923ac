"""Both halves of a pair were edited: merged by cell against the pair that both came from, or a conflict.

The mirror is read as the notebook that it would make of the committed one, and the two notebooks are merged. Nobody is
asked to choose markers in two files: where both halves touched one cell, nothing is made, and the cells are named.
"""

from __future__ import annotations

from dataclasses import dataclass

from sahel_nb.notebook.document import NotebookError, parse
from sahel_nb.notebook.merge import merge
from sahel_nb.notebook.merge_lines import Labels
from sahel_nb.notebook.pair import DEFAULT_FORMAT, Form, in_step, mirror_of, notebook_from

_LABELS = Labels("the notebook", "its mirror")
_SAID_BY_TOOLS = ("jupytext_version:", "format_version:")


@dataclass(frozen=True)
class MergedPair:
    """The two halves, in step. With conflicts they are empty: there is nothing to write."""

    notebook: bytes = b""
    mirror: bytes = b""
    conflicts: tuple[str, ...] = ()

    @property
    def problem(self) -> str:
        """One line for people, empty where it merged."""
        if not self.conflicts:
            return ""
        return "both halves have changed, and touch the same: " + "; ".join(self.conflicts)


def merge_pair(
    head: tuple[bytes | None, bytes | None], notebook: bytes, mirror: bytes, fmt: str | Form = DEFAULT_FORMAT
) -> MergedPair:
    """What both halves become; the notebook keeps its outputs and whatever else a mirror does not show.

    Every line that either half added is in the result, which is looked at before it is returned. Raise `NotebookError`
    for a half that cannot be read.
    """
    before, its_mirror = head
    if before is None or its_mirror is None or not in_step(before, its_mirror, fmt):
        return MergedPair(conflicts=("git has no pair in step that they could be merged against",))
    theirs = notebook_from(mirror, before, fmt)
    done = merge(before, notebook, theirs, _LABELS)
    if done.conflicts:
        return MergedPair(conflicts=tuple(map(str, done.conflicts)))
    text = mirror_of(done.content, fmt)
    made = notebook_from(text, notebook, fmt)  # as if somebody had edited the mirror: outputs stay with their cells
    if _sources(made) != _sources(done.content):
        made = done.content
    text = mirror_of(made, fmt)
    lost = [*_lost(before, notebook, made), *_lost(before, theirs, made)]
    if lost:
        return MergedPair(conflicts=(f"this line would have been lost: {lost[0].strip()}",))
    header = _header(mirror) - _header(mirror_of(before, fmt)) - _header(text)
    if header:
        return MergedPair(conflicts=(f"the mirror's header alone says: {min(header)}",))
    if not in_step(made, text, fmt):
        raise NotebookError("what the two halves were merged into does not come back from its mirror as it is")
    return MergedPair(made, text)


def _lost(before: bytes, side: bytes, made: bytes) -> list[str]:
    """Lines that a side has more often than the base had them, and that are nowhere in the result."""
    was, there = _lines(before), _lines(made)
    return [line for line, count in _lines(side).items() if count > was.get(line, 0) and line not in there]


def _lines(notebook: bytes) -> dict[str, int]:
    counts: dict[str, int] = {}
    for source in _sources(notebook):
        for line in source.split("\n"):
            if line.strip():
                counts[line] = counts.get(line, 0) + 1
    return counts


def _sources(notebook: bytes) -> list[str]:
    return [cell.source.rstrip("\n") for cell in parse(notebook).cells()]


def _header(mirror: bytes) -> set[str]:
    """The lines between the first two rulers, which is where a mirror speaks of itself."""
    lines = [line.removeprefix("#").strip() for line in mirror.decode("utf-8", "replace").splitlines()]
    if not lines or lines[0] != "---" or "---" not in lines[1:]:
        return set()
    inner = lines[1 : lines.index("---", 1)]
    return {line for line in inner if line and not line.startswith(_SAID_BY_TOOLS)}
