"""Notebooks to begin with, made quickly: ordinary ones, with everything that Jupyter and people put into them."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from sahel_nb.notebook.strip_fast import strip_ordinary
from tests.unit.notebook.spelling import spelt

LINES = (
    *(
        "a = 1\n",
        "print('ŋ ɓ ɗ ɲ')\n",
        "",
        "x",
        "n",
        "\\n",
        "\\",
        "\\\\n",
        '"',
        '"q"\n',
        "\t",
        "\u2028x",
        "\x85",
        "\x0c\n",
    ),
    *("\r\n", "\x00\x1f", "\U0001f600", '",\n', '"\n   ]\n  }', "é" * 40, "<<<<<<< HEAD\n", '"outputs": [\n'),
    *("sahel-nb:picture", '"image/png": "', "],\n", "   ", "u0041", "/"),
)
KEYS = ("a", "ŋ", "tags", "collapsed", "trusted", "hidden", "vscode", "name", "outputs", "source", "cells", "\\", '"')
VALUES = (None, True, False, 0, -1, 10**30, 1.5, 1e300, "", "x", "ŋ\n", [], {}, ["keep_output"], ["x"], [[]], {"a": {}})
MIMES = (
    "text/plain",
    "text/html",
    "image/png",
    "image/jpeg",
    "image/svg+xml",
    "application/json",
    "application/x+json",
)
_BASE64 = "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4"


def notebook(chance: Random) -> bytes:
    """In Jupyter's own layout, most of the time."""
    made = _notebook(chance)
    return spelt(made, chance.getrandbits(32) | (chance.random() < 0.2))


def clean(chance: Random) -> bytes:
    """As somebody without metadata would have committed it: everything is as the writer writes it."""
    made = _notebook(chance)
    for index, cell in enumerate(made["cells"]):
        cell["metadata"] = {}
        cell.pop("attachments", None)
        if made["nbformat_minor"] >= 5:
            cell["id"] = str(index)
    written = spelt(made, 0)
    return strip_ordinary(written) or written


def _notebook(chance: Random) -> Any:
    minor = chance.choice((0, 2, 4, 4, 5, 5, 5))
    cells = [_cell(chance, minor) for _ in range(chance.choice((0, 1, 1, 2, 3, 5)))]
    metadata = _some(chance, {"kernelspec": {"name": "python3"}, "widgets": _value(chance), "kaggle": _value(chance)})
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": minor}


def _cell(chance: Random, minor: int) -> dict[str, Any]:
    kind = chance.choice(("code", "code", "markdown", "raw"))
    cell: dict[str, Any] = {"cell_type": kind, "metadata": _metadata(chance), "source": lines(chance)}
    if kind == "code":
        cell["execution_count"] = chance.choice((None, 1, 7))
        cell["outputs"] = [_output(chance) for _ in range(chance.choice((0, 1, 1, 2, 9)))]
    elif chance.random() < 0.1:
        cell["attachments"] = {"p.png": _bundle(chance)}
    if minor >= 5 or chance.random() < 0.1:
        cell["id"] = chance.choice(("a", "b", "0", "1", f"{chance.getrandbits(32):08x}"))
    order = list(cell)
    if chance.random() < 0.5:
        order.sort()
    return {key: cell[key] for key in order}


def _metadata(chance: Random) -> dict[str, Any]:
    if chance.random() < 0.5:
        return {}
    return {chance.choice(KEYS): _value(chance) for _ in range(chance.choice((1, 1, 2)))}


def _output(chance: Random) -> dict[str, Any]:
    kind = chance.choice(("stream", "stream", "execute_result", "display_data", "error", ""))
    if kind == "stream":
        text = lines(chance)
        return {
            "output_type": kind,
            "name": chance.choice(("stdout", "stderr")),
            "text": text * chance.choice((1, 1, 1, 9)),
        }
    if kind == "error":
        return {"output_type": kind, "ename": "E", "evalue": "v", "traceback": lines(chance)}
    if kind == "":
        return chance.choice(({"output_type": ""}, {"output_type": "x", "text": [1]}, {"output_type": "x", "data": []}))
    found: dict[str, Any] = {"output_type": kind, "data": _bundle(chance), "metadata": _metadata(chance)}
    if kind == "execute_result":
        found["execution_count"] = 3
    return found


def _bundle(chance: Random) -> dict[str, Any]:
    bundle: dict[str, Any] = {}
    for mime in chance.sample(MIMES, chance.choice((1, 1, 2))):
        if mime in ("image/png", "image/jpeg"):
            size = chance.choice((4, 300, 300, 25_000))
            end = chance.choice(("", "\n", "=\n", "\\", '"', "ŋ"))
            bundle[mime] = (_BASE64 * (size // len(_BASE64) + 1))[:size] + end
        elif mime.startswith("application/"):
            bundle[mime] = _value(chance)
        else:
            bundle[mime] = lines(chance)
    return bundle


def lines(chance: Random) -> list[str] | str:
    found = [chance.choice(LINES) for _ in range(chance.choice((0, 1, 1, 2, 3, 8)))]
    if chance.random() < 0.6:
        return found
    return "".join(found).splitlines(True) if chance.random() < 0.7 else "".join(found)


def _value(chance: Random) -> Any:
    value = chance.choice(VALUES)
    return json.loads(json.dumps(value))


def _some(chance: Random, whole: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in whole.items() if chance.random() < 0.5}
