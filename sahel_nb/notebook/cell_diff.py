"""Two notebooks, cell by cell, for people: what a line diff of JSON hides.

@@ cell 3, code @@
 x = 1
-y = 2
+y = 3
@@ cell 5, markdown: new @@
+## ŋana
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from sahel_nb.notebook.merge_match import Text, match

CONTEXT = 3

Cells = Sequence[tuple[str, str]]
"""Kind and source of every cell."""


def cell_diff(before: Cells, after: Cells) -> tuple[str, ...]:
    """The lines of the difference; none where the cells are the same. Numbers count from 1."""
    known = match([Text.of(*cell) for cell in before], [Text.of(*cell) for cell in after])
    gone = sorted(set(range(len(before))) - {was for was in known if was is not None})
    last = -1
    lines: list[str] = []
    for number, (cell, was) in enumerate(zip(after, known, strict=True)):
        while gone and gone[0] <= (was if was is not None else last + 1):
            lines.extend(_whole(gone[0], before[gone.pop(0)], "deleted", "-"))
        if was is None:
            lines.extend(_whole(number, cell, "new", "+"))
            continue
        moved = f", moved from {was + 1}" if was < last else ""
        lines.extend(_changed(number, before[was], cell, moved))
        last = max(last, was)
    for index in gone:
        lines.extend(_whole(index, before[index], "deleted", "-"))
    return tuple(lines)


def line_diff(before: str, after: str) -> tuple[str, ...]:
    """The same for a script: an ordinary unified diff, without its first two lines."""
    return tuple(difflib.unified_diff(before.splitlines(), after.splitlines(), n=CONTEXT, lineterm=""))[2:]


def _whole(number: int, cell: tuple[str, str], what: str, sign: str) -> Iterator[str]:
    yield f"@@ cell {number + 1}, {cell[0]}: {what} @@"
    yield from (sign + line for line in cell[1].splitlines())


def _changed(number: int, before: tuple[str, str], after: tuple[str, str], moved: str) -> Iterator[str]:
    if before == after and not moved:
        return
    kind = after[0] if before[0] == after[0] else f"{before[0]} → {after[0]}"
    yield f"@@ cell {number + 1}, {kind}{moved} @@"
    for line in line_diff(before[1], after[1]):
        if not line.startswith("@@"):
            yield line
