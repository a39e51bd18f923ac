"""Three-way merge of lines, with git's rules and git's markers.

    <<<<<<< ours
    x = 1
    =======
    x = 2
    >>>>>>> theirs

As in git, changes that overlap or touch are a conflict, and the same change on both sides is one change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_OURS, _BASE, _MIDDLE, _THEIRS = "<|=>"
_SIZE = 7
_COMMENT = "# "
MARK = b"<<<<<<<"
"""In every text that has a conflict, and in hardly any other."""


@dataclass(frozen=True)
class Labels:
    """What stands behind the markers, and how long they are (git lengthens them in a merge of merge bases).

    With a name for `base`, its lines are shown too, as with git's merge.conflictStyle=diff3.
    """

    ours: str = "ours"
    theirs: str = "theirs"
    base: str = ""
    size: int = _SIZE


@dataclass(frozen=True)
class MergedLines:
    lines: tuple[str, ...]
    conflicts: int


@dataclass(frozen=True)
class _Change:
    """Lines [start, end) of the base became lines [to_start, to_end) of a side."""

    start: int
    end: int
    to_start: int
    to_end: int


def merge_lines(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], labels: Labels) -> MergedLines:
    """Every line that a side added, and none that a side deleted and the other left alone."""
    merged: list[str] = []
    conflicts = 0
    done = 0
    mine, others = _changes(base, ours), _changes(base, theirs)
    while mine or others:
        left, right, start, end = _touching(mine, others)
        merged += base[done:start]
        done = end
        if not right:
            merged += _side(ours, left, start, end)
        elif not left:
            merged += _side(theirs, right, start, end)
        else:
            a, b = _side(ours, left, start, end), _side(theirs, right, start, end)
            conflicts += a != b
            merged += a if a == b else in_conflict(base[start:end], a, b, labels)
    merged += base[done:]
    return MergedLines(tuple(merged), conflicts)


def merge_without_base(ours: Sequence[str], theirs: Sequence[str], labels: Labels) -> MergedLines:
    """Two texts that came up on their own: what they share once, every difference a conflict."""
    merged: list[str] = []
    conflicts = 0
    a = b = 0
    for at_a, at_b, size in (*matching_blocks(ours, theirs), (len(ours), len(theirs), 0)):
        if a < at_a or b < at_b:
            merged += in_conflict((), ours[a:at_a], theirs[b:at_b], labels)
            conflicts += 1
        merged += ours[at_a : at_a + size]
        a, b = at_a + size, at_b + size
    return MergedLines(tuple(merged), conflicts)


def in_conflict(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], labels: Labels) -> list[str]:
    """Both versions between markers; what they begin and end with alike stands outside, unless the base is shown."""
    head = tail = 0
    if not labels.base:
        head, tail = _alike(ours, theirs)
    shown = [_marker(_OURS, labels.ours, labels), *ours[head : len(ours) - tail]]
    if labels.base:
        shown += [_marker(_BASE, labels.base, labels), *base]
    shown += [_marker(_MIDDLE, "", labels), *theirs[head : len(theirs) - tail], _marker(_THEIRS, labels.theirs, labels)]
    return [*ours[:head], *shown, *ours[len(ours) - tail :]]


def has_markers(text: str) -> bool:
    """Whether a text holds a conflict that nobody has resolved: the three markers, in order, each on its own line.

    In a mirror the markers of a markdown cell stand behind its comment sign.
    """
    return marked_line(text) > 0


def marked_line(text: str) -> int:
    """The line, counted from 1, on which the first unresolved conflict begins; 0 where there is none."""
    if _OURS * _SIZE not in text:
        return 0
    begun = 0
    middle = False
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.removeprefix(_COMMENT).rstrip("\r")
        if _is_marker(bare, _OURS):
            begun, middle = number, False
        elif begun and _is_marker(bare, _MIDDLE):
            middle = True
        elif middle and _is_marker(bare, _THEIRS):
            return begun
    return 0


def matching_blocks(a: Sequence[object], b: Sequence[object]) -> list[tuple[int, int, int]]:
    """(index in a, index in b, length) of what both have in this order; no block is empty or touches the next."""
    from difflib import SequenceMatcher

    head, tail = _alike(a, b)
    middle = SequenceMatcher(None, a[head : len(a) - tail], b[head : len(b) - tail]).get_matching_blocks()
    blocks = [(0, 0, head), *((i + head, j + head, n) for i, j, n in middle), (len(a) - tail, len(b) - tail, tail)]
    joined: list[tuple[int, int, int]] = []
    for i, j, n in blocks:
        if not n:
            continue
        if joined and joined[-1][0] + joined[-1][2] == i and joined[-1][1] + joined[-1][2] == j:
            i, j, n = *joined[-1][:2], joined.pop()[2] + n
        joined.append((i, j, n))
    return joined


def _changes(base: Sequence[str], side: Sequence[str]) -> list[_Change]:
    found = []
    at_base = at_side = 0
    for i, j, n in (*matching_blocks(base, side), (len(base), len(side), 0)):
        if at_base < i or at_side < j:
            found.append(_Change(at_base, i, at_side, j))
        at_base, at_side = i + n, j + n
    return found


def _touching(mine: list[_Change], others: list[_Change]) -> tuple[list[_Change], list[_Change], int, int]:
    """Take the next changes that belong together off both lists: those of mine, of the others, and their base lines."""
    first = min((one[0] for one in (mine, others) if one), key=lambda change: (change.start, change.end))
    start, end = first.start, first.end
    left: list[_Change] = []
    right: list[_Change] = []
    grown = True
    while grown:
        grown = False
        for queue, taken in ((mine, left), (others, right)):
            while queue and queue[0].start <= end:
                taken.append(queue.pop(0))
                end = max(end, taken[-1].end)
                grown = True
    return left, right, start, end


def _side(lines: Sequence[str], changes: Sequence[_Change], start: int, end: int) -> list[str]:
    first, last = changes[0], changes[-1]
    return list(lines[first.to_start - (first.start - start) : last.to_end + (end - last.end)])


def _alike(a: Sequence[object], b: Sequence[object]) -> tuple[int, int]:
    """How many items both begin with, and how many of the rest both end with."""
    shorter = min(len(a), len(b))
    head = next((index for index in range(shorter) if a[index] != b[index]), shorter)
    rest = shorter - head
    tail = next((index for index in range(rest) if a[-1 - index] != b[-1 - index]), rest)
    return head, tail


def _marker(sign: str, label: str, labels: Labels) -> str:
    return f"{sign * labels.size} {label}".rstrip()


def _is_marker(line: str, sign: str) -> bool:
    run = len(line) - len(line.lstrip(sign))
    return run >= _SIZE and (run == len(line) if sign == _MIDDLE else line[run : run + 1] in ("", " "))
