"""Notebooks as a week's work leaves them: 20 KB, most of it outputs; the same bytes from the same seed everywhere."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

SIZE = 20_000
_WORDS = ("ŋana", "ɓiɗɗo", "ɲaama", "wuro", "kalan", "dugu", "jamana", "pulaar", "tokens", "batch", "loss", "epoch")
_KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook(seed: int, size: int = SIZE) -> bytes:
    """`size` bytes, as Jupyter writes them; the last output is a picture that fills what is left."""
    rng = random.Random(seed)
    cells: list[dict[str, Any]] = [_markdown(rng), *(_code(rng, count) for count in range(1, 11))]
    picture: dict[str, Any] = {
        "data": {"image/png": "", "text/plain": ["<Figure size 640x480 with 1 Axes>"]},
        "metadata": {},
        "output_type": "display_data",
    }
    cells[-1]["outputs"].append(picture)
    left = size - len(_dump(cells))
    picture["data"]["image/png"] = base64.b64encode(rng.randbytes(left)).decode()[:left]
    return _dump(cells)


def _markdown(rng: random.Random) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": _id(rng), "metadata": {}, "source": ["# " + _text(rng, 4)]}


def _code(rng: random.Random, count: int) -> dict[str, Any]:
    source = [f"x_{line} = {rng.random()!r}  # {_text(rng, 5)}\n" for line in range(7)]
    table = "".join(f"<tr><td>{_text(rng, 3)}</td><td>{rng.random():.6f}</td></tr>\n" for _ in range(4))
    outputs = [
        {"name": "stdout", "output_type": "stream", "text": [f"{_text(rng, 4)}\n" for _ in range(5)]},
        {
            "data": {"text/html": table.splitlines(keepends=True), "text/plain": [_text(rng, 8)]},
            "execution_count": count,
            "metadata": {},
            "output_type": "execute_result",
        },
    ]
    return {
        "cell_type": "code",
        "execution_count": count,
        "id": _id(rng),
        "metadata": {},
        "outputs": outputs,
        "source": source,
    }


def _dump(cells: list[dict[str, Any]]) -> bytes:
    body = {"cells": cells, "metadata": {"kernelspec": _KERNELSPEC}, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(words))


def _id(rng: random.Random) -> str:
    return f"{rng.getrandbits(32):08x}"


def conversation(*contents: bytes) -> bytes:
    """What git says to a filter process that shall clean these notebooks; see sahel_nb/repo/filter_process.py."""
    said = _lines("git-filter-client", "version=2") + _lines("capability=clean", "capability=smudge")
    for number, content in enumerate(contents):
        said += _lines("command=clean", f"pathname=notebooks/{number:03}.ipynb")
        said += b"".join(_packet(content[at : at + 65516]) for at in range(0, len(content), 65516)) + b"0000"
    return said


def _lines(*lines: str) -> bytes:
    return b"".join(_packet(line.encode() + b"\n") for line in lines) + b"0000"


def _packet(data: bytes) -> bytes:
    return f"{len(data) + 4:04x}".encode() + data
