"""Random work on a notebook, as one person does it: cells and lines added, changed, moved and deleted."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

from sahel_nb.notebook.strip import strip

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_SESSION = ("add", "change", "insert", "drop line", "delete", "move", "split", "join", "tag")
_KINDS = ("code", "code", "code", "markdown", "raw")


def cell(kind: str, lines: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": "\n".join(lines).splitlines(True)}
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def notebook(cells: list[dict[str, Any]], minor: int = 5, **metadata: Any) -> bytes:
    """A stripped notebook."""
    numbered = [one | ({"id": str(at)} if minor >= 5 else {}) for at, one in enumerate(cells)]
    whole = {
        "cells": numbered,
        "metadata": {"kernelspec": KERNEL, **metadata},
        "nbformat": 4,
        "nbformat_minor": minor,
    }
    return strip(json.dumps(whole).encode())


def cells_of(data: bytes) -> list[dict[str, Any]]:
    return list(json.loads(data)["cells"])


def lines_of(cells: list[dict[str, Any]]) -> set[str]:
    return {line for one in cells for line in "".join(one["source"]).split("\n") if line}


_FEW = ("x = 1", "y = 2", "", "    pass", "def f():", "print(x)", "ŋ ɓ ɗ ɲ", "!ls", "%%time", "# T", '"""')


class Writer:
    """Draws lines. With a name every line is new in the world; without, they come from a few."""

    def __init__(self, draw: Any, name: str = "") -> None:
        self.draw = draw
        self._name = name
        self._count = 0

    def line(self) -> str:
        if not self._name:
            return str(
                self.draw(st.sampled_from(("x = 1", "y = 2", "", "    pass", "print(x)", "ŋ ɓ ɗ ɲ", "!ls", "# T")))
            )
        self._count += 1
        return f"{self._name}{self._count} = call_{self._name}({self._count}, 'ŋ')"

    def lines(self, least: int = 1) -> list[str]:
        return [self.line() for _ in range(self.draw(st.integers(least, 4)))]

    def cell(self) -> dict[str, Any]:
        return cell(self.draw(st.sampled_from(_KINDS)), self.lines(0 if not self._name else 1))

    def edit(self, cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One session of work on a copy."""
        cells = copy.deepcopy(cells)
        for _ in range(self.draw(st.integers(0, 4))):
            self._once(cells)
        return cells

    def _once(self, cells: list[dict[str, Any]]) -> None:
        what = self.draw(st.sampled_from(_SESSION))
        if what == "add" or not cells:
            cells.insert(self.draw(st.integers(0, len(cells))), self.cell())
            return
        at = self.draw(st.integers(0, len(cells) - 1))
        lines = "".join(cells[at]["source"]).split("\n")
        place = self.draw(st.integers(0, len(lines) - 1))
        if what == "delete":
            del cells[at]
        elif what == "move":
            cells.insert(self.draw(st.integers(0, len(cells) - 1)), cells.pop(at))
        elif what == "tag":
            cells[at]["metadata"]["tags"] = self.draw(st.lists(st.sampled_from(("a", "b", "c")), unique=True))
        elif what == "join":
            joined = "\n".join("".join(one["source"]) for one in cells[at : at + 2])
            cells[at : at + 2] = [cell(cells[at]["cell_type"], joined.split("\n"))]
        elif what == "split":
            cells[at : at + 1] = [
                cell(cells[at]["cell_type"], half) for half in (lines[:place], lines[place:]) if half != []
            ]
        else:
            lines[place : place + (what != "insert")] = [] if what == "drop line" else [self.line()]
            cells[at] = cells[at] | {"source": "\n".join(lines).splitlines(True)}


@st.composite
def branches(draw: Any, *, unique: bool) -> tuple[list[dict[str, Any]], ...]:
    """Cells of a base, and what two people made of it. `unique`: no line is written twice."""
    base = Writer(draw, "base" if unique else "")
    cells = [base.cell() for _ in range(draw(st.integers(0, 6)))]
    return cells, *(Writer(draw, name if unique else "").edit(cells) for name in ("ours", "theirs"))
