"""A notebook that came back from Kaggle, as git would have it: what only the round trip added is taken away.

Kaggle's editor writes its own metadata, ids and outputs. What a person can have meant is the cells' kinds, sources and
order; everything else stays as the notebook had it that was pushed.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sahel_nb.notebook.document import Document, NotebookError, dump, parse
from sahel_nb.notebook.merge_match import Text, match
from sahel_nb.notebook.strip import strip

Json = dict[str, Any]

_STAMP = re.compile(r"^(?:<!-- sahel-nb-stamp [^\n]*-->|\*Pushed by sahel-nb from commit [^\n]*\*)\n?", re.MULTILINE)
_SCRIPT_STAMP = re.compile(r"^(?:#|<!--) sahel-nb-stamp [^\n]*\n?", re.MULTILINE)
_KEPT_TAGS = ("tags",)


def notebook_home(kaggle: bytes, pushed: bytes) -> bytes:
    """Kaggle's copy without its stamp, stripped, with the metadata of what was pushed. Raises `NotebookError`."""
    base = parse(pushed)
    cells = [cell for cell in map(_unstamped, _cells(parse(kaggle).json)) if cell is not None]
    before = _cells(base.json)
    known = match([_text(cell) for cell in before], [_text(cell) for cell in cells])
    made = [_cell(cell, None if was is None else before[was]) for cell, was in zip(cells, known, strict=True)]
    whole = {**base.json, "cells": made}
    _name(made, int(whole.get("nbformat_minor", 0)))
    return strip(dump(Document(whole, base.newline, base.indent, base.final_newline)))


def script_home(kaggle: bytes) -> bytes:
    """The same for a script: without its stamp, with git's line ends."""
    text = kaggle.decode("utf-8").replace("\r\n", "\n")
    return _SCRIPT_STAMP.sub("", text).encode("utf-8")


def sources(notebook: bytes) -> list[tuple[str, str]]:
    """What a person reads: the kind and the source of every cell, without blank lines at its end."""
    cells = _cells(parse(notebook).json)
    return [(str(cell.get("cell_type", "")), source_of(cell).rstrip("\n")) for cell in cells]


def _cells(notebook: Json) -> list[Json]:
    """The cells; those of a format before 4 as format 4 has them. Raises `NotebookError`, and never finds none where
    there may be some."""
    if int(notebook.get("nbformat", 4)) < 4:
        import nbformat

        reads: Any = nbformat.reads  # untyped
        try:
            notebook = reads(json.dumps(notebook), as_version=4)
        except Exception as exc:  # whatever it is, the notebook cannot be read
            raise NotebookError(f"the notebook's old format cannot be read: {type(exc).__name__}: {exc}") from exc
        if not notebook.get("cells"):
            raise NotebookError("the notebook is of an old format, and no cell of it can be found")
    cells = notebook["cells"]
    return [dict(cell) for cell in cells]


def source_of(cell: Json) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _unstamped(cell: Json) -> Json | None:
    """The cell without our stamp; None where it was nothing else. What people typed beneath it stays."""
    source = source_of(cell)
    if cell.get("cell_type") != "markdown" or "sahel-nb-stamp " not in source:
        return cell
    rest = _STAMP.sub("", source).strip("\n")
    return {**cell, "source": rest} if rest else None


def _cell(cell: Json, was: Json | None) -> Json:
    source = source_of(cell)
    if was is not None and source_of(was) == source and was.get("cell_type") == cell.get("cell_type"):
        return dict(was)
    tags = {key: value for key, value in cell.get("metadata", {}).items() if key in _KEPT_TAGS}
    made: Json = {"cell_type": cell["cell_type"], "metadata": was.get("metadata", {}) if was else tags}
    made["source"] = source.splitlines(True)
    if cell["cell_type"] == "code":
        made |= {"execution_count": None, "outputs": []}
    name = (was or {}).get("id")
    return made | ({"id": name} if name is not None else {})


def _name(cells: list[Json], minor: int) -> None:
    """Ids from nbformat 4.5 on, each once."""
    taken = {cell["id"] for cell in cells if "id" in cell}
    for index, cell in enumerate(cells):
        if minor < 5:
            cell.pop("id", None)
        elif "id" not in cell:
            name = f"kaggle-{index}"
            while name in taken:
                name += "-"
            cell["id"] = name
            taken.add(name)


def _text(cell: Json) -> Text:
    return Text.of(str(cell.get("cell_type", "")), source_of(cell).rstrip("\n"))
