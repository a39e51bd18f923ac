"""Which cells a merged notebook has, and in which order: the union of what both sides kept, added and moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sahel_nb.notebook.merge_match import Text, align, match, unmoved


@dataclass(frozen=True)
class Slot:
    """One cell of the result: where it is in the base, in ours and in theirs."""

    base: int | None
    ours: int | None
    theirs: int | None


def slots(base: Sequence[Text], ours: Sequence[Text], theirs: Sequence[Text]) -> list[Slot]:
    """The cells of the result in their order. What one side deleted is among them, for its other side to be looked at.

    Cells that neither side moved are the frame. Then ours, then theirs put in what they added or moved: behind the cell
    that it stands behind on that side.
    """
    was_ours, was_theirs = match(base, ours), match(base, theirs)
    at_ours = {was: at for at, was in enumerate(was_ours) if was is not None}
    at_theirs = {was: at for at, was in enumerate(was_theirs) if was is not None}
    still = (unmoved(was_ours), unmoved(was_theirs))
    frame = sorted(still[0] & still[1])
    shared = _shared(was_ours, was_theirs, frame, ours, theirs)
    known: dict[tuple[str, int], Slot] = {}
    for at, was in enumerate(was_ours):
        other = shared.get(at) if was is None else at_theirs.get(was)
        known["ours", at] = slot = Slot(was, at, other)
        if other is not None:
            known["theirs", other] = slot
    for at, was in enumerate(was_theirs):
        known.setdefault(("theirs", at), Slot(was, None, at))
    line = _Line([known["ours", at_ours[was]] for was in frame])
    moved_by_them = {was for was in at_theirs if was not in still[1] and was in still[0]}
    line.put((known["ours", at] for at in range(len(ours))), lambda slot: slot.base not in moved_by_them)
    line.put((known["theirs", at] for at in range(len(theirs))), lambda _: True)
    return line.order()


class _Line:
    """Slots in a row, into which others are put behind one that is there."""

    def __init__(self, frame: Iterable[Slot]) -> None:
        self._next: dict[Slot | None, Slot | None] = {}
        self._put_by: dict[Slot, int] = {}
        self._round = 0
        before: Slot | None = None
        for slot in frame:
            self._next[before] = slot
            self._put_by[slot] = 0
            before = slot
        self._next[before] = None

    def put(self, side: Iterable[Slot], takes: Callable[[Slot], bool]) -> None:
        """Put in the slots of a side that are not there yet, behind what others have put at the same place."""
        self._round += 1
        before: Slot | None = None
        for slot in side:
            if slot not in self._put_by:
                if not takes(slot):
                    continue
                after = self._next[before]
                while after is not None and 0 < self._put_by[after] < self._round:
                    before, after = after, self._next[after]
                self._next[before], self._next[slot] = slot, after
                self._put_by[slot] = self._round
            before = slot

    def order(self) -> list[Slot]:
        found = []
        slot = self._next[None]
        while slot is not None:
            found.append(slot)
            slot = self._next[slot]
        return found


def _shared(
    was_ours: Sequence[int | None],
    was_theirs: Sequence[int | None],
    frame: Sequence[int],
    ours: Sequence[Text],
    theirs: Sequence[Text],
) -> dict[int, int]:
    """New cells that both sides put in the same place and that are the same, or nearly: ours → theirs."""
    left, right = _runs(was_ours, frame), _runs(was_theirs, frame)
    found = {}
    for place in left.keys() & right.keys():
        mine, others = left[place], right[place]
        for i, j in align([ours[at] for at in mine], [theirs[at] for at in others]):
            found[mine[i]] = others[j]
    return found


def _runs(matched: Sequence[int | None], frame: Sequence[int]) -> dict[int, list[int]]:
    """Frame cell → the new cells of a side between it and the next one of the frame."""
    fixed = set(frame)
    runs: dict[int, list[int]] = {}
    place = -1
    for at, was in enumerate(matched):
        if was is None:
            runs.setdefault(place, []).append(at)
        elif was in fixed:
            place = was
    return runs
