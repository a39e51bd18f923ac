"""Which cell became which, and in what order the cells of two sides go together.

Cells are known by what they say: their ids are renumbered by stripping, and name a place rather than a cell.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sahel_nb.notebook.merge_lines import matching_blocks

_AN_EDIT = 0.5
"""How alike two cells must be to be one that was edited, where their neighbours match."""
_MOVED_AND_EDITED = 0.75
TELLING = 3
"""Words that a cell must have before it is recognised far from where it was."""
_MOST_PAIRS = 20_000


@dataclass(frozen=True)
class Text:
    """What a cell says, as far as it takes to recognise it."""

    kind: str
    source: str
    words: Mapping[str, int] = field(compare=False, default_factory=dict)

    @classmethod
    def of(cls, kind: str, source: str) -> Text:
        words: dict[str, int] = {}
        for word in _words(source):
            words[word] = words.get(word, 0) + 1
        return cls(kind, source, words)


def match(base: Sequence[Text], side: Sequence[Text]) -> list[int | None]:
    """For every cell of the side the cell of the base that it was; None for a new one."""
    found: list[int | None] = [None] * len(side)
    for i, j, size in matching_blocks(base, side):
        found[j : j + size] = range(i, i + size)
    steady = [-1, *(i for i in found if i is not None), len(base)]
    _moved_as_they_are(base, side, found)
    taken = {i for i in found if i is not None}
    gaps: dict[tuple[int, int], list[int]] = {}
    last = 0
    for j, was in enumerate(found):
        if was is not None and last + 1 < len(steady) and steady[last + 1] == was:
            last += 1
        elif was is None:
            gaps.setdefault((steady[last], steady[last + 1]), []).append(j)
    for (after, before), new in gaps.items():
        gone = [i for i in range(after + 1, before) if i not in taken]
        _pair(base, side, gone, new, _AN_EDIT, found, taken)
        _in_place(base, side, [i for i in gone if i not in taken], [j for j in new if found[j] is None], found, taken)
    gone = [i for i in range(len(base)) if i not in taken and sum(base[i].words.values()) >= TELLING]
    new = [j for j, was in enumerate(found) if was is None and sum(side[j].words.values()) >= TELLING]
    _pair(base, side, gone, new, _MOVED_AND_EDITED, found, taken)
    return found


def align(ours: Sequence[Text], theirs: Sequence[Text]) -> list[tuple[int, int]]:
    """Cells that two runs have in common, in the order of both: equal ones, and between them those alike.

    The same ones whoever merges whom: of equally good answers, which is found depends on what is looked at first.
    """
    if _spelled(theirs) < _spelled(ours):
        return [(i, j) for j, i in align(theirs, ours)]
    equal = [(i + n, j + n) for i, j, size in matching_blocks(ours, theirs) for n in range(size)]
    pairs: list[tuple[int, int]] = []
    i = j = 0
    for until_i, until_j in (*equal, (len(ours), len(theirs))):
        for place in range(i, until_i):
            best = max(
                ((likeness(ours[place], theirs[other]), -other) for other in range(j, until_j)), default=(0.0, 0)
            )
            if best[0] > _AN_EDIT:
                pairs.append((place, -best[1]))
                j = -best[1] + 1
        if until_i < len(ours):
            pairs.append((until_i, until_j))
        i, j = until_i + 1, until_j + 1
    return pairs


def _spelled(cells: Sequence[Text]) -> list[tuple[str, str]]:
    return [(cell.kind, cell.source) for cell in cells]


def unmoved(matched: Iterable[int | None]) -> set[int]:
    """Cells of the base that a side has left in their order: a longest rising run of `matched`."""
    order = [i for i in matched if i is not None]
    tails: list[int] = []
    places: list[int] = []
    for i in order:
        place = bisect_left(tails, i)
        tails[place : place + 1] = [i]
        places.append(place)
    kept = set()
    wanted = len(tails) - 1
    for i, place in zip(reversed(order), reversed(places), strict=True):
        if place == wanted:
            kept.add(i)
            wanted -= 1
    return kept


def likeness(a: Text, b: Text) -> float:
    """0 for nothing in common, 1 for the same."""
    if a.source == b.source:
        return 1.0 if a.kind == b.kind else 0.9
    total = sum(a.words.values()) + sum(b.words.values())
    if not total:
        return 0.0
    few, many = (a.words, b.words) if len(a.words) < len(b.words) else (b.words, a.words)
    common = sum(min(count, many[word]) for word, count in few.items() if word in many)
    return 2 * common / total * (1.0 if a.kind == b.kind else 0.9)


def _moved_as_they_are(base: Sequence[Text], side: Sequence[Text], found: list[int | None]) -> None:
    """Cells that are elsewhere now and say the same; only where there is no doubt which one it is."""
    taken = {i for i in found if i is not None}
    gone, new = _once(base, taken), _once(side, {j for j, was in enumerate(found) if was is not None})
    for text, j in new.items():
        if text in gone and text.words:
            found[j] = gone[text]


def _once(cells: Sequence[Text], but: set[int]) -> dict[Text, int]:
    counts: dict[Text, list[int]] = {}
    for index, text in enumerate(cells):
        if index not in but:
            counts.setdefault(text, []).append(index)
    return {text: places[0] for text, places in counts.items() if len(places) == 1}


def _pair(
    base: Sequence[Text],
    side: Sequence[Text],
    gone: Sequence[int],
    new: Sequence[int],
    least: float,
    found: list[int | None],
    taken: set[int],
) -> None:
    """Match what is most alike first; of equals those that stand at the same place."""
    if len(gone) * len(new) > _MOST_PAIRS:
        return
    ranked = []
    for place, i in enumerate(gone):
        for other, j in enumerate(new):
            alike = likeness(base[i], side[j])
            if alike >= least:
                ranked.append((-alike, abs(place - other), i, j))
    for _, _, i, j in sorted(ranked):
        if i not in taken and found[j] is None:
            found[j] = i
            taken.add(i)


def _in_place(
    base: Sequence[Text],
    side: Sequence[Text],
    gone: Sequence[int],
    new: Sequence[int],
    found: list[int | None],
    taken: set[int],
) -> None:
    """As many cells of the same kinds between the same neighbours were written anew, however little is left of them.

    What was empty was not written anew, it was filled: two people who did that have written two cells.
    """
    if [base[i].kind for i in gone] == [side[j].kind for j in new]:
        for i, j in zip(gone, new, strict=True):
            if base[i].source:
                found[j] = i
                taken.add(i)


def _words(source: str) -> list[str]:
    import re

    return re.findall(r"\w+", source)
