"""Notebook bytes → a document we have looked at, and back.

    {"cells": [...], "metadata": {...}, "nbformat": 4, "nbformat_minor": 5}

Format: https://nbformat.readthedocs.io/en/latest/format_description.html. What cannot be a notebook is refused with the
reason a person can act on: an empty file, a byte order mark, conflict markers, JSON cut short, an unknown format.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sahel_nb.errors import SahelError

_CONFLICT = re.compile(rb"^(?:<{7} |={7}\r?$|>{7} )", re.MULTILINE)
_INDENT = re.compile(r'^\{\r?\n( *|\t*)"')
SUPPORTED_MAJOR = (1, 2, 3, 4)


class NotebookError(SahelError):
    """These bytes are no notebook that we can read; the message says why."""


class ConflictMarkers(NotebookError):
    """A merge left its markers in the JSON."""


class CellKind(Enum):
    CODE = "code"
    MARKDOWN = "markdown"
    RAW = "raw"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Cell:
    """One cell as a reader sees it; `outputs` are the text of everything it printed or displayed."""

    index: int
    kind: CellKind
    source: str
    tags: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """A parsed notebook, and how its file was written."""

    json: dict[str, Any]
    newline: str
    indent: str | None
    """One level of indentation; None for a file on one line."""
    final_newline: bool

    @property
    def major(self) -> int:
        return int(self.json.get("nbformat", 1))

    @property
    def kernel_name(self) -> str:
        """`kernelspec.name`; empty where there is none, and then Kaggle cannot run it."""
        kernelspec = self.json["metadata"].get("kernelspec")
        name = kernelspec.get("name", "") if isinstance(kernelspec, dict) else ""
        return name if isinstance(name, str) else ""

    @property
    def language(self) -> str:
        """What its cells are written in, in lower case, by its kernel's name where nothing else tells; or empty."""
        from sahel_nb.notebook.form import language_of_kernel

        for section, key in (("kernelspec", "language"), ("language_info", "name")):
            named = self.json["metadata"].get(section)
            if isinstance(named, dict) and isinstance(named.get(key), str):
                return str(named[key]).lower()
        return language_of_kernel(self.kernel_name)

    @property
    def kernel_language(self) -> str:
        """What it is run in: by its kernel's name where that tells, since that is what a service goes by."""
        from sahel_nb.notebook.form import language_of_kernel

        return language_of_kernel(self.kernel_name) or self.language

    def cells(self) -> tuple[Cell, ...]:
        if self.major < 4:
            found = [cell for sheet in self.json.get("worksheets", ()) for cell in sheet.get("cells", ())]
        else:
            found = self.json["cells"]
        return tuple(_cell(index, cell) for index, cell in enumerate(found))


def parse(data: bytes) -> Document:
    """Raise `NotebookError` unless `data` is a notebook of a version that we know, with the shape that it promises."""
    if not data.strip():
        raise NotebookError("the notebook is empty (0 bytes of JSON)")
    if data.startswith(b"\xef\xbb\xbf"):
        raise NotebookError("the notebook starts with a byte order mark (BOM); save it as UTF-8 without one")
    if _CONFLICT.search(data):
        raise ConflictMarkers("the notebook contains git conflict markers (<<<<<<<, =======, >>>>>>>)")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise NotebookError(f"the notebook is not UTF-8: byte {exc.start} is 0x{data[exc.start]:02x}") from exc
    try:
        content = json.loads(text)
    except json.JSONDecodeError as exc:
        raise NotebookError(
            f"the notebook is not valid JSON: {exc.msg.removesuffix(' at')} at line {exc.lineno}, column {exc.colno}"
        ) from exc
    except (ValueError, RecursionError) as exc:
        raise NotebookError(f"the notebook is not JSON that can be read: {exc}") from exc
    _look_at(content)
    head = _INDENT.match(text)
    return Document(
        json=content,
        newline="\r\n" if b"\r\n" in data else "\n",
        indent=head.group(1) if head else None,
        final_newline=text.endswith("\n"),
    )


def dump(document: Document) -> bytes:
    """The notebook as JSON, in the style of the file it came from. Raise `NotebookError` for a lone surrogate."""
    text = json.dumps(document.json, ensure_ascii=False, indent=document.indent)
    if document.final_newline:
        text += "\n"
    if document.newline == "\r\n":
        text = text.replace("\n", "\r\n")
    return encode(text)


def encode(text: str) -> bytes:
    """UTF-8, or a `NotebookError` that names the half of a surrogate pair which has no UTF-8."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as exc:
        half = f"\\u{ord(text[exc.start]):04x}"
        raise NotebookError(
            f"the notebook contains {half}, half of a surrogate pair: no UTF-8 file can hold it"
        ) from exc


def _look_at(content: Any) -> None:
    if not isinstance(content, dict):
        raise NotebookError("the notebook is not a JSON object")
    major = content.get("nbformat")
    if type(major) is not int:
        raise NotebookError("not a notebook: it has no `nbformat` number")
    if major not in SUPPORTED_MAJOR:
        raise NotebookError(f"nbformat {major} is not supported; known are 1 to 4")
    if not isinstance(content.setdefault("metadata", {}) if major < 4 else content.get("metadata"), dict):
        raise NotebookError("not a notebook: it has no `metadata` object")
    if major < 4:
        return
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise NotebookError("not a notebook: it has no list of `cells`")
    for index, cell in enumerate(cells):
        if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
            raise NotebookError(f"cell {index + 1} is not a cell: it has no `cell_type`")
        if not isinstance(cell.get("metadata"), dict):
            raise NotebookError(f"cell {index + 1} has no `metadata` object")
        if isinstance(cell.get("source"), list) and _joined(cell["source"]) is None:
            raise NotebookError(f"cell {index + 1}: `source` is a list that holds something else than lines of text")
        if cell["cell_type"] == "code" and not isinstance(cell.get("outputs"), list):
            raise NotebookError(f"cell {index + 1} has no list of `outputs`")


def _cell(index: int, cell: dict[str, Any]) -> Cell:
    try:
        kind = CellKind(cell.get("cell_type"))
    except ValueError:
        kind = CellKind.UNKNOWN
    tags = cell.get("metadata", {}).get("tags", ())
    return Cell(
        index=index,
        kind=kind,
        source=_joined(cell.get("source", cell.get("input", ""))) or "",
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        outputs=tuple(_text(output) for output in cell.get("outputs", ()) if isinstance(output, dict)),
    )


def _text(output: dict[str, Any]) -> str:
    """Everything readable in one output: stream text, traceback, and the text forms of what was displayed."""
    parts = [_joined(output.get("text", "")) or ""]
    traceback = output.get("traceback")
    if isinstance(traceback, list):
        parts += [line for line in traceback if isinstance(line, str)]
    data = output.get("data")
    if isinstance(data, dict):
        parts += [_joined(value) or "" for mime, value in data.items() if not mime.startswith("image/")]
    return "\n".join(part for part in parts if part)


def _joined(source: Any) -> str | None:
    if isinstance(source, str):
        return source
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    return None
