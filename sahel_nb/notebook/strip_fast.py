"""The ordinary notebook, stripped fast: the bytes that nbstripout 0.9.1 writes with its defaults, or None.

None means "not sure", never "wrong": whatever is not exactly the nbformat 4 notebook described here goes through
nbstripout's own code (strip.py). This module is on the path of every `git add`, so it imports nothing but the C
helpers of the json module: `import json` would cost as much again as starting the interpreter.
"""

from __future__ import annotations

from _json import encode_basestring, make_scanner, scanstring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Cell = tuple[str, str, bool]

_CELL_KEYS = frozenset(("attachments", "cell_type", "execution_count", "id", "metadata", "outputs", "source"))
_CELL_NOISE = ("collapsed", "ExecuteTime", "execution", "heading_collapsed", "hidden", "scrolled", "trusted")
_NOTEBOOK_NOISE = ("signature", "widgets", "orig_nbformat", "orig_nbformat_minor")
_SPLIT_MIMES = ("application/javascript", "image/svg+xml")
_SPACE = " \t\n\r"


class _Strict:
    """What `json.JSONDecoder()` would hand to its C scanner."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}.__getitem__


# The type stubs call the argument `make_scanner`; CPython reads the attributes above from any object.
scan: Any = make_scanner(_Strict)  # type: ignore[arg-type]  # see the line above


class Unsure(Exception):
    """The notebook is not one that this module knows by heart."""


def strip_ordinary(data: bytes) -> bytes | None:
    """The stripped notebook, or None where nbstripout's own code must decide. Raises nothing."""
    try:
        if len(data) > _SHORT:
            short = without_pictures(data)
            if short is not None:
                stripped = _stripped(short)
                if MARK not in stripped:
                    return stripped
                # A picture stands in something that is kept: an attachment, or somebody's own metadata.
        return _stripped(data)
    except (Unsure, ValueError, StopIteration, SystemError, RecursionError):
        # SystemError is how the C scanner fails to raise where nobody has imported json.decoder before. ValueError
        # covers bytes that are no UTF-8, JSON errors and lone surrogates: strip.py finds the words for them.
        return None


def without_pictures(data: bytes) -> bytes | None:
    """The same JSON with a mark for the text of each picture; None where nothing is gained by it.

    Half of a notebook is base64. Nothing is dropped unvalidated, but base64 can be seen valid at several times the
    speed at which a parser makes strings of it. In valid JSON the last quote of `"image/png": "` can only open a value.
    """
    kept: list[bytes] = []
    done = 0
    at = data.find(_PICTURE)
    while at >= 0:
        at += len(_PICTURE)
        start = data.find(b'": "', at, at + 8) + 4
        if data[at:start] in _KINDS:
            end = data.find(b'"', start)
            if end - start > 256 and is_json_text(data[start:end]):
                kept += (data[done:start], MARK)
                at = done = end
        at = data.find(_PICTURE, at)
    if not kept:
        return None
    kept.append(data[done:])
    return b"".join(kept)


def is_json_text(text: bytes) -> bool:
    """Is this, between two quotes, surely a valid JSON string? Asked of what is mostly base64."""
    try:
        # Jupyter ends base64, or in old notebooks each line of it, with an escaped line end.
        if b"\\" in text[:-2]:
            return scanstring(text.decode("ascii") + '"', 0, True)[1] == len(text) + 1
    except ValueError:
        return False
    return not text.removesuffix(b"\\n").translate(None, _BASE64)


_PICTURE = b'"image/'
_KINDS = (b'png": "', b'jpeg": "')
_SHORT = 24_000
"""Below this a search for pictures costs what it saves."""
MARK = b"sahel-nb:picture"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


def _stripped(data: bytes) -> bytes:
    text = data.decode("utf-8")
    if text.startswith(_CELLS):
        return written(*_parsed_by_cell(text))
    if text[:1] != "{":
        raise Unsure
    notebook, end = scan(text, 0)
    if text[end:].strip(_SPACE):
        raise Unsure
    cells = notebook.get("cells")
    if type(cells) is not list:
        raise Unsure
    return written(notebook, [strip_cell(cell, "") for cell in cells])


def _parsed_by_cell(text: str) -> tuple[dict[str, Any], list[Cell]]:
    """A notebook laid out as Jupyter does it. That way the text of each cell is at hand, too, and often enough."""
    cells = []
    at = len(_CELLS) - 1
    while True:
        cell, end = scan(text, at)
        cells.append(strip_cell(cell, text[at:end]))
        if not text.startswith(_NEXT, end):
            break
        at = end + len(_NEXT) - 1
    if not text.startswith(_AFTER, end):
        raise Unsure
    rest = "{" + text[end + len(_AFTER) :]
    notebook, end = scan(rest, 0)
    if rest[end:].strip(_SPACE) or "cells" in notebook:
        raise Unsure
    notebook["cells"] = []
    return notebook, cells


_CELLS, _NEXT, _AFTER = '{\n "cells": [\n  {', ",\n  {", "\n ],"


def written(notebook: dict[str, Any], cells: list[Cell]) -> bytes:
    """The whole file, of a notebook without its cells and those stripped."""
    if notebook.get("nbformat") != 4 or type(notebook["nbformat"]) is not int:
        raise Unsure
    minor = notebook.get("nbformat_minor")
    if type(minor) is not int or not 0 <= minor <= 5:
        raise Unsure
    metadata = notebook.get("metadata")
    if type(metadata) is not dict or "keep_output" in metadata:
        raise Unsure
    for key in _NOTEBOOK_NOISE:
        metadata.pop(key, None)
    named = [
        f'{head}"id": "{index}",\n   {tail}' if minor >= 5 or has_id else head + tail
        for index, (head, tail, has_id) in enumerate(cells)
    ]
    parts = []
    for key in sorted(notebook):
        if key == "cells":
            value = "[\n  " + ",\n  ".join(named) + "\n ]" if named else "[]"
        else:
            value = _dump(notebook[key], "\n ")
        parts.append(f"\n {encode_basestring(key)}: {value}")
    return ("{" + ",".join(parts) + "\n}\n").encode("utf-8")


def strip_cell(cell: Any, text: str) -> Cell:
    """One stripped cell as text, its keys in sorted order: what comes before its id, what comes after, had it one.

    `text` is how the cell was written; empty where that is not known.
    """
    if type(cell) is not dict or not cell.keys() <= _CELL_KEYS:
        raise Unsure
    kind = cell.get("cell_type")
    if kind not in ("code", "markdown", "raw"):
        raise Unsure
    # nbformat repairs a missing or doubled id before nbstripout numbers the cells anew: the result is the same, but
    # only a text can be compared.
    has_id = "id" in cell
    if has_id and type(cell["id"]) is not str:
        raise Unsure
    head = f'{{\n   "cell_type": "{kind}",\n   '
    if "attachments" in cell:
        head = f'{{\n   "attachments": {_dump(_attachments(cell["attachments"]), _INNER)},\n   {head[5:]}'
    if "execution_count" in cell:
        head += '"execution_count": null,\n   '
    metadata = cell.get("metadata")
    if type(metadata) is dict and not metadata:
        tail = '"metadata": {}'
    else:
        tail = f'"metadata": {_dump(_cell_metadata(metadata), _INNER)}'
    if "outputs" in cell:
        refuse_odd_outputs(cell["outputs"])
        tail += ',\n   "outputs": []'
    elif kind == "code":
        raise Unsure
    if "source" in cell:
        tail += _source_as_it_stands(text) or f',\n   "source": {_source(cell["source"])}'
    return head, tail + "\n  }", has_id


def _source_as_it_stands(text: str) -> str:
    """`,\\n   "source": [...]` cut out of a valid cell's text, where it is certain that `_source` would write the same.

    The list closes right before the cell does, so it is the value of the cell's last key. If there is nothing but text
    and `\\n",\\n    "` between the quotes after `"source": [` and before the end, it is that list, of whole lines.
    """
    at = text.rfind(_SOURCE)
    if at < 0 or not text.endswith(_SOURCE_END):
        return ""
    inner = text[at + len(_SOURCE) : -len(_SOURCE_END)]
    if not inner or inner[-1] == '"':
        return ""
    lines = inner.removesuffix("\\n").replace(_BREAK, "")
    if "\\" in lines:
        # In pairs from the left, as a parser takes them: what is left of a backslash begins an escape. Something stays
        # in their place, lest what stood around them made an escape of its own.
        lines = (
            inner.replace("\\\\", "xx").removesuffix("\\n").replace(_BREAK, "").replace('\\"', "").replace("\\t", "")
        )
        if "\\" in lines:
            return ""
    if '"' in lines or not (lines.isascii() or not _has_odd_breaks(lines)):
        return ""
    return text[at : -len("\n  }")]


_SOURCE, _SOURCE_END = ',\n   "source": [\n    "', '"\n   ]\n  }'
_INNER = "\n   "


def _cell_metadata(metadata: Any) -> dict[str, Any]:
    if type(metadata) is not dict or "init_cell" in metadata or "keep_output" in metadata:
        raise Unsure
    if "tags" in metadata and (type(metadata["tags"]) is not list or "keep_output" in metadata["tags"]):
        raise Unsure
    for key in _CELL_NOISE:
        if key in metadata:
            del metadata[key]
    return dict(metadata)


def _source(source: Any) -> str:
    if type(source) is list:
        try:
            source = "".join(source)
        except TypeError:
            raise Unsure from None
    elif type(source) is not str:
        raise Unsure
    if not source:
        return "[]"
    return "[\n    " + ",\n    ".join(map(encode_basestring, source.splitlines(True))) + "\n   ]"


_BREAK = '\\n",\n    "'


def _has_odd_breaks(text: str) -> bool:
    """Other characters at which `str.splitlines` breaks and which JSON does not escape."""
    return "\x85" in text or "\u2028" in text or "\u2029" in text


def _attachments(attachments: Any) -> dict[str, Any]:
    """nbformat joins what was split into lines, and splits text again when it writes."""
    if type(attachments) is not dict:
        raise Unsure
    for bundle in attachments.values():
        if type(bundle) is not dict:
            raise Unsure
        for mime, value in bundle.items():
            if type(value) is list:
                is_json = mime == "application/json" or (mime.startswith("application/") and mime.endswith("+json"))
                if not is_json and all(type(line) is str for line in value):
                    value = bundle[mime] = "".join(value)
            if type(value) is str and (mime.startswith("text/") or mime in _SPLIT_MIMES):
                bundle[mime] = value.splitlines(True)
    return attachments


def refuse_odd_outputs(outputs: Any) -> None:
    """Outputs are dropped only where nbstripout drops them too: it keeps those of size 0 and chokes on odd shapes."""
    if type(outputs) is not list:
        raise Unsure
    for output in outputs:
        if type(output) is not dict:
            raise Unsure
        kind = output.get("output_type")
        if type(kind) is not str or not kind:
            raise Unsure
        if type(output.get("data", _EMPTY)) is not dict:
            raise Unsure
        text = output.get("text")
        if type(text) is list:
            try:
                "".join(text)
            except TypeError:
                raise Unsure from None


_EMPTY: dict[str, Any] = {}


def _dump(value: Any, newline: str) -> str:
    """`json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)`, the way CPython's own encoder spells it."""
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if kind is dict:
        if not value:
            return "{}"
        inner = newline + " "
        items = [f"{encode_basestring(key)}: {_dump(value[key], inner)}" for key in sorted(value)]
        return "{" + inner + ("," + inner).join(items) + newline + "}"
    if kind is list:
        if not value:
            return "[]"
        inner = newline + " "
        return "[" + inner + ("," + inner).join([_dump(item, inner) for item in value]) + newline + "]"
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return int.__repr__(value)
    if value != value:
        return "NaN"
    if value in (_INFINITY, -_INFINITY):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)


_INFINITY = float("inf")
