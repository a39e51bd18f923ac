"""Lines that one side deleted and the other moved into another cell: a merge by cell would bring them back unsaid.

    base        ours        theirs
    a           a           a
    b           c           b + c       `b` was joined into the next cell
    c

Matched by cell, `b` is deleted on both sides and `c` is edited on one: a clean merge, in which what ours deleted
stands again. The same happens where a cell is split and the other side deletes what became the second half.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sahel_nb.notebook.merge_lines import Labels, in_conflict
from sahel_nb.notebook.merge_match import TELLING, Text
from sahel_nb.notebook.merge_order import Slot

_MOST = 0.5
"""The share of the deleted lines that must stand elsewhere for them to be moved."""
_FEWEST_OF_A_CELL_THAT_STAYED = 2
"""Fewer lines are moved so often (an import, a parameter) that a conflict would be noise."""


@dataclass(frozen=True)
class Moved:
    """What a slot holds of what the other side deleted: its lines, and whether they are in ours or in theirs."""

    lines: Counter[str]
    in_ours: bool

    def marked(self, merged: Sequence[str], labels: Labels) -> list[str]:
        """The lines of the merged cell with git's markers around each run of moved ones."""
        left = self.lines.copy()
        moved = [at for at, line in enumerate(merged) if _take(left, line.strip())]
        runs: list[list[int]] = []
        for at in moved:
            if runs and not any(map(_says_something, merged[runs[-1][1] : at])):
                runs[-1][1] = at + 1
            else:
                runs.append([at, at + 1])
        shown: list[str] = []
        done = 0
        for start, end in runs:
            run = merged[start:end]
            shown += merged[done:start]
            shown += in_conflict(run, run if self.in_ours else (), () if self.in_ours else run, labels)
            done = end
        return [*shown, *merged[done:]]


def moved_lines(
    base: Sequence[Text], ours: Sequence[Text], theirs: Sequence[Text], slots: Iterable[Slot]
) -> dict[Slot, Moved]:
    """The slots of the result that bring back what the other side deleted."""
    slots = tuple(slots)
    sides = (
        _Side(base, ours, {slot: slot.ours for slot in slots}),
        _Side(base, theirs, {slot: slot.theirs for slot in slots}),
    )
    found: dict[Slot, Moved] = {}
    for at, text in enumerate(base):
        gone = sides[0].gone(at) & sides[1].gone(at)
        deleted_whole = all(at not in side.kept for side in sides)
        if not _is_telling(text, gone, whole=deleted_whole):
            continue
        elsewhere = [(gone & side.added).total() >= _MOST * gone.total() for side in sides]
        if elsewhere[0] != elsewhere[1]:
            for slot in sides[elsewhere[1]].holding(gone):
                lines = found[slot].lines if slot in found else Counter()
                found[slot] = Moved(lines + gone, in_ours=elsewhere[0])
    return found


class _Side:
    """The lines that one side took away from the cells of the base, and those that it put into others."""

    def __init__(self, base: Sequence[Text], cells: Sequence[Text], places: dict[Slot, int | None]) -> None:
        self._base = base
        self.kept: dict[int, Counter[str]] = {}
        self._added: dict[Slot, Counter[str]] = {}
        for slot, at in places.items():
            if at is None:
                continue
            lines = _lines(cells[at])
            if slot.base is None:
                self._added[slot] = lines
            else:
                self.kept[slot.base] = lines
                self._added[slot] = lines - _lines(base[slot.base])
        self.added: Counter[str] = sum(self._added.values(), Counter())

    def gone(self, at: int) -> Counter[str]:
        return _lines(self._base[at]) - self.kept.get(at, Counter())

    def holding(self, lines: Counter[str]) -> list[Slot]:
        """Where the lines went: the cell that got most of them, and each that is made of little else."""
        shares = {slot: (added & lines).total() for slot, added in self._added.items()}
        most = max(shares.values())
        return [
            slot
            for slot, share in shares.items()
            if share and (share == most or share >= _MOST * self._added[slot].total())
        ]


def _is_telling(text: Text, gone: Counter[str], *, whole: bool) -> bool:
    if whole:
        return bool(gone) and sum(text.words.values()) >= TELLING
    return gone.total() >= _FEWEST_OF_A_CELL_THAT_STAYED


def _lines(text: Text) -> Counter[str]:
    """The lines that say something, without their indentation."""
    return Counter(line.strip() for line in text.source.split("\n") if _says_something(line))


def _says_something(line: str) -> bool:
    return any(map(str.isalnum, line))


def _take(lines: Counter[str], line: str) -> bool:
    """Whether the line is among them; it is one less then."""
    lines[line] -= 1
    return lines[line] >= 0
