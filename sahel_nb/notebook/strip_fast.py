"""The ordinary notebook, stripped fast: the bytes that nbstripout 0.9.1 writes with its defaults, or None.

None means "not sure", never "wrong": whatever is not exactly the nbformat 4 notebook described here goes through
nbstripout's own code (strip.py). This module is on the path of every `git add`, so it imports nothing but the C
helpers of the json module: `import json` would cost as much again as starting the interpreter.
"""

from __future__ import annotations

from _json import encode_basestring, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
_scan: Any = make_scanner(_Strict)  # type: ignore[arg-type]  # see the line above


class _Unsure(Exception):
    """The notebook is not one that this module knows by heart."""


def strip_ordinary(data: bytes) -> bytes | None:
    """The stripped notebook, or None where nbstripout's own code must decide. Raises nothing."""
    try:
        return _write(_parse(data))
    except (_Unsure, ValueError, StopIteration, RecursionError):
        # ValueError covers bytes that are no UTF-8, JSON errors and lone surrogates: strip.py finds the words for them.
        return None


def _parse(data: bytes) -> dict[str, Any]:
    text = data.decode("utf-8")
    if text[:1] != "{":
        raise _Unsure
    notebook, end = _scan(text, 0)
    if text[end:].strip(_SPACE):
        raise _Unsure
    if notebook.get("nbformat") != 4 or type(notebook["nbformat"]) is not int:
        raise _Unsure
    minor = notebook.get("nbformat_minor")
    if type(minor) is not int or not 0 <= minor <= 5:
        raise _Unsure
    metadata = notebook.get("metadata")
    if type(metadata) is not dict or "keep_output" in metadata or type(notebook.get("cells")) is not list:
        raise _Unsure
    for key in _NOTEBOOK_NOISE:
        metadata.pop(key, None)
    return dict(notebook)


def _write(notebook: dict[str, Any]) -> bytes:
    with_ids = notebook["nbformat_minor"] >= 5
    cells = [_cell(cell, str(index), with_ids) for index, cell in enumerate(notebook["cells"])]
    parts = []
    for key in sorted(notebook):
        if key == "cells":
            value = "[\n  " + ",\n  ".join(cells) + "\n ]" if cells else "[]"
        else:
            value = _dump(notebook[key], "\n ")
        parts.append(f"\n {encode_basestring(key)}: {value}")
    return ("{" + ",".join(parts) + "\n}\n").encode("utf-8")


def _cell(cell: Any, name: str, with_ids: bool) -> str:
    """One stripped cell as text, its keys in sorted order."""
    if type(cell) is not dict or not cell.keys() <= _CELL_KEYS:
        raise _Unsure
    kind = cell.get("cell_type")
    if kind not in ("code", "markdown", "raw"):
        raise _Unsure
    # nbformat repairs a missing or doubled id before nbstripout numbers the cells anew: the result is the same, but
    # only a text can be compared.
    if "id" in cell and type(cell["id"]) is not str:
        raise _Unsure
    parts = []
    if "attachments" in cell:
        parts.append(f'"attachments": {_dump(_attachments(cell["attachments"]), _INNER)}')
    parts.append(f'"cell_type": "{kind}"')
    if "execution_count" in cell:
        parts.append('"execution_count": null')
    if with_ids or "id" in cell:
        parts.append(f'"id": "{name}"')
    parts.append(f'"metadata": {_dump(_cell_metadata(cell.get("metadata")), _INNER)}')
    if "outputs" in cell:
        _refuse_odd_outputs(cell["outputs"])
        parts.append('"outputs": []')
    elif kind == "code":
        raise _Unsure
    if "source" in cell:
        parts.append(f'"source": {_source(cell["source"])}')
    return "{\n   " + ",\n   ".join(parts) + "\n  }"


_INNER = "\n   "


def _cell_metadata(metadata: Any) -> dict[str, Any]:
    if type(metadata) is not dict or "init_cell" in metadata or "keep_output" in metadata:
        raise _Unsure
    if "tags" in metadata and (type(metadata["tags"]) is not list or "keep_output" in metadata["tags"]):
        raise _Unsure
    for key in _CELL_NOISE:
        if key in metadata:
            del metadata[key]
    return dict(metadata)


def _source(source: Any) -> str:
    if type(source) is list:
        try:
            source = "".join(source)
        except TypeError:
            raise _Unsure from None
    elif type(source) is not str:
        raise _Unsure
    lines = source.splitlines(True)
    if not lines:
        return "[]"
    return "[\n    " + ",\n    ".join(map(encode_basestring, lines)) + "\n   ]"


def _attachments(attachments: Any) -> dict[str, Any]:
    """nbformat joins what was split into lines, and splits text again when it writes."""
    if type(attachments) is not dict:
        raise _Unsure
    for bundle in attachments.values():
        if type(bundle) is not dict:
            raise _Unsure
        for mime, value in bundle.items():
            if type(value) is list:
                is_json = mime == "application/json" or (mime.startswith("application/") and mime.endswith("+json"))
                if not is_json and all(type(line) is str for line in value):
                    value = bundle[mime] = "".join(value)
            if type(value) is str and (mime.startswith("text/") or mime in _SPLIT_MIMES):
                bundle[mime] = value.splitlines(True)
    return attachments


def _refuse_odd_outputs(outputs: Any) -> None:
    """Outputs are dropped only where nbstripout drops them too: it keeps those of size 0 and chokes on odd shapes."""
    if type(outputs) is not list:
        raise _Unsure
    for output in outputs:
        if type(output) is not dict:
            raise _Unsure
        kind = output.get("output_type")
        if type(kind) is not str or not kind:
            raise _Unsure
        if type(output.get("data", _EMPTY)) is not dict:
            raise _Unsure
        text = output.get("text")
        if type(text) is list and not all(type(line) is str for line in text):
            raise _Unsure


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
