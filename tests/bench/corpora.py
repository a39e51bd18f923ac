"""Corpora: folders of notebooks, made from seeds; the same bytes from the same seed everywhere.

S       196 notebooks of 20 KB, all alike: see notebooks.py
M       196 of all kinds, 27 MB in all: what the repository of a team that works on data and speech holds
large   one file of 20 or 100 MB, as many pictures or as one output of text that never ended
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .notebooks import SIZE, notebook

COUNT = 196
MIXED = 27_000_000
_LINE = 76
_LETTERS = (
    "ŋana",
    "ɓiɗɗo",
    "ɲaama",
    "wuro",
    "kalan",
    "dugu",
    "jamana",
    "pulaar",
    "ƴiiƴam",
    "hakkille",
    "ɗemngal",
    "naange",
)
_CODE = ("tokens", "batch", "loss", "epoch", "mel", "wav", "fold", "logits", "labels", "lr", "df", "train", "valid")

Output = dict[str, Any]
Maker = Callable[[random.Random, int, int], Output]
"""(rng, size, execution count) → an output of about `size` bytes."""


def small(count: int = COUNT) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        yield f"{number:03}.ipynb", notebook(number, SIZE)


def mixed(count: int = COUNT, total: int = MIXED) -> Iterator[tuple[str, bytes]]:
    """Half of the notebooks are small, some are a megabyte: sizes as they are found in repositories."""
    rng = random.Random(27)
    weights = sorted(rng.lognormvariate(0, 1.35) for _ in range(count))
    weights = [min(weight, 25.0) for weight in weights]
    rng.shuffle(weights)
    whole = sum(weights)
    for number, weight in enumerate(weights):
        size = int(total * weight / whole)
        yield f"{number:03}.ipynb", one_of_many(number, max(size, 3_000))


def many_pictures(size: int) -> bytes:
    """A notebook of `size` bytes, nearly: plots of 150 KB, three to a cell."""
    rng = random.Random(20)
    picture = 150_000
    pool = [_png(rng, picture, count) for count in range(7)]
    outputs = [pool[at % len(pool)] for at in range(size // picture)]
    cells = [_code_cell(rng, at + 1, True, outputs[at : at + 3]) for at in range(0, len(outputs), 3)]
    return _written(rng, cells, minor=5)


def one_stream(size: int) -> bytes:
    """A notebook of `size` bytes, nearly, nearly all of them what one cell has printed."""
    rng = random.Random(100)
    million = 1_000_000
    printed = {"name": "stdout", "output_type": "stream", "text": _log(rng, million) * max(1, size // million)}
    cells = [_markdown_cell(rng, True), _code_cell(rng, 1, True, [printed]), _code_cell(rng, 2, True, [])]
    return _written(rng, cells, minor=5)


def edit(content: bytes, number: int) -> bytes:
    """The same notebook or mirror after one line of its first code cell was changed; `number` makes it a new one."""
    before, found, after = content.partition(b"_0 = ")
    assert found, "every notebook here has a line that can be edited"
    return before + b"_%d = " % (1000 + number) + after


def write(files: Iterator[tuple[str, bytes]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files:
        (folder / name).write_bytes(content)


def one_of_many(seed: int, size: int) -> bytes:
    """A notebook of about `size` bytes: sources, then outputs of the one or two kinds that such a notebook has."""
    rng = random.Random(seed)
    minor = rng.choice((4, 4, 5, 5, 5))
    with_ids = minor == 5
    cells = [_markdown_cell(rng, with_ids, attachment=seed % 23 == 5 and size > 20_000)]
    left = size - _size(cells) - 600
    count = 0
    kinds = rng.sample(_MAKERS, 2)
    outputs = max(1, min(24, size // 12_000))
    while left > 1_500 or not count:
        count += 1
        made = [rng.choice(kinds)(rng, min(left - 1_200, size // outputs), count)] if left > 3_000 else []
        new = [_markdown_cell(rng, with_ids)] if rng.random() < 0.25 else []
        new.append(_code_cell(rng, count, with_ids, made))
        cells += new
        left -= _size(new)
    return _written(rng, cells, minor, written_by=_EDITORS.get(seed % 28, "jupyter"))


# Who wrote the file: Jupyter sorts its keys and indents by one; the others do as they like.
_EDITORS = {3: "colab", 11: "kaggle", 17: "vscode", 24: "widgets"}


def _written(rng: random.Random, cells: list[dict[str, Any]], minor: int, written_by: str = "jupyter") -> bytes:
    metadata: dict[str, Any] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {
            "codemirror_mode": {"name": "ipython", "version": 3},
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "name": "python",
            "nbconvert_exporter": "python",
            "pygments_lexer": "ipython3",
            "version": "3.11.7",
        },
    }
    body = {"metadata": metadata, "nbformat": 4, "nbformat_minor": minor, "cells": cells}
    if written_by == "colab":
        metadata["colab"] = {"provenance": [], "gpuType": "T4"}
        return json.dumps(body, ensure_ascii=False, indent=2).encode()
    if written_by == "kaggle":
        metadata["kaggle"] = {"accelerator": "nvidiaTeslaT4", "dataSources": [], "isGpuEnabled": True}
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    if written_by == "vscode":
        return json.dumps(body, ensure_ascii=False, indent=1).encode()
    if written_by == "widgets":
        metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": _widgets(rng, 20)}
    return (json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _markdown_cell(rng: random.Random, with_id: bool, attachment: bool = False) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": "markdown", "metadata": {}, "source": [f"## {_phrase(rng, 4)}\n", "\n"]}
    cell["source"] += [*(f"{_phrase(rng, 12)}\n" for _ in range(rng.randrange(1, 4))), _phrase(rng, 6)]
    if attachment:
        cell["attachments"] = {"image.png": {"image/png": _base64(rng, 6_000).replace("\n", "")}}
    return _with_id(rng, cell, with_id)


def _code_cell(rng: random.Random, count: int, with_id: bool, outputs: list[Output]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if rng.random() < 0.15:
        metadata["execution"] = {"iopub.execute_input": "2024-01-02T03:04:05.678901Z", "shell.execute_reply": "…"}
    if rng.random() < 0.08:
        metadata["tags"] = ["parameters"]
    if rng.random() < 0.05:
        metadata |= {"collapsed": True, "scrolled": False}
    lines = [
        f"{_word(rng)}_{line} = {_word(rng)}({rng.random():.6f}, '{_phrase(rng, 2)}')"
        for line in range(rng.randrange(2, 12))
    ]
    source = "\n".join(lines).splitlines(keepends=True)
    cell = {
        "cell_type": "code",
        "execution_count": count,
        "metadata": metadata,
        "outputs": outputs,
        "source": source,
    }
    return _with_id(rng, cell, with_id)


def _with_id(rng: random.Random, cell: dict[str, Any], with_id: bool) -> dict[str, Any]:
    return {**cell, "id": f"{rng.getrandbits(32):08x}"} if with_id else cell


def _png(rng: random.Random, size: int, count: int) -> Output:
    """matplotlib's, as Jupyter stores it: base64 in lines, the line ends as `\\n` inside the JSON string."""
    return _display({"image/png": _base64(rng, size), "text/plain": ["<Figure size 640x480 with 1 Axes>"]})


def _stream(rng: random.Random, size: int, count: int) -> Output:
    return {"name": rng.choice(("stdout", "stdout", "stderr")), "output_type": "stream", "text": _log(rng, size)}


def _html(rng: random.Random, size: int, count: int) -> Output:
    """A data frame as pandas shows it."""
    head = [
        "<div>\n",
        "<style scoped>\n",
        "    .dataframe tbody tr th {\n",
        "        vertical-align: top;\n",
        "    }\n",
    ]
    rows = (
        f"    <tr>\n      <th>{number}</th>\n      <td>{_phrase(rng, 2)}</td>\n"
        f"      <td>{rng.random():.6f}</td>\n    </tr>\n"
        for number in range(max(1, size // 150))
    )
    lines = [*head, '<table border="1" class="dataframe">\n', *_lines("".join(rows)), "</table>\n", "</div>"]
    data = {"text/html": lines, "text/plain": _lines(_text(rng, min(size // 8, 4_000)))}
    return _display(data, count=count)


def _plotly(rng: random.Random, size: int, count: int) -> Output:
    numbers = [round(rng.gauss(0, 1), 6) for _ in range(max(4, size // 32))]
    figure = {
        "config": {"plotlyServerURL": "https://plot.ly"},
        "data": [{"type": "scatter", "name": _phrase(rng, 2), "x": list(range(len(numbers))), "y": numbers}],
        "layout": {"template": {"layout": {"autotypenumbers": "strict"}}, "title": {"text": _phrase(rng, 3)}},
    }
    return _display({"application/vnd.plotly.v1+json": figure, "text/plain": ["Figure(…)"]})


def _vega(rng: random.Random, size: int, count: int) -> Output:
    rows = [
        {"speaker": _phrase(rng, 1), "wer": rng.random(), "hours": rng.randrange(99)}
        for _ in range(max(1, size // 130))
    ]
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"name": "data-1"},
        "datasets": {"data-1": rows},
        "encoding": {"x": {"field": "hours", "type": "quantitative"}, "y": {"field": "wer", "type": "quantitative"}},
        "mark": {"type": "point"},
    }
    return _display({"application/vnd.vegalite.v5+json": chart, "text/plain": ["alt.Chart(...)"]}, count=count)


def _svg(rng: random.Random, size: int, count: int) -> Output:
    points = "".join(
        f'  <path d="M {rng.randrange(999)} {rng.randrange(999)} L {rng.random():.4f} 0"/>\n'
        for _ in range(max(1, size // 50))
    )
    picture = f'<?xml version="1.0" encoding="utf-8" standalone="no"?>\n<svg viewBox="0 0 460 345">\n{points}</svg>\n'
    return _display({"image/svg+xml": _lines(picture), "text/plain": ["<Figure size 640x480 with 1 Axes>"]})


def _error(rng: random.Random, size: int, count: int) -> Output:
    red, blue, off = "\x1b[0;31m", "\x1b[1;34m", "\x1b[0m"
    frames = [
        f"{blue}Cell In[{count}], line {line}{off}\n{red}----> {line}{off} {_word(rng)}[{_phrase(rng, 1)!r}]\n"
        for line in range(1, max(2, min(size, 40_000) // 90))
    ]
    return {
        "output_type": "error",
        "ename": "KeyError",
        "evalue": repr(_phrase(rng, 1)),
        "traceback": [f"{red}KeyError{off}", *frames],
    }


_MAKERS: tuple[Maker, ...] = (_png, _png, _png, _html, _html, _stream, _stream, _plotly, _vega, _svg, _error)


def _display(data: dict[str, Any], count: int | None = None) -> Output:
    made: Output = {"data": data, "metadata": {}, "output_type": "display_data"}
    return made if count is None else {**made, "execution_count": count, "output_type": "execute_result"}


def _widgets(rng: random.Random, count: int) -> dict[str, Any]:
    def model() -> dict[str, Any]:
        state = {"_model_name": "HTMLModel", "layout": f"IPY_MODEL_{rng.getrandbits(64):x}", "value": _phrase(rng, 5)}
        return {"model_module": "@jupyter-widgets/controls", "model_module_version": "2.0.0", "state": state}

    return {
        "state": {f"{rng.getrandbits(128):032x}": model() for _ in range(count)},
        "version_major": 2,
        "version_minor": 0,
    }


def _log(rng: random.Random, size: int) -> list[str]:
    """What training prints: numbers, a progress bar that redraws itself, names of speakers."""
    parts, length = [], 0
    while length < size:
        bar = "█" * rng.randrange(20)
        line = f"epoch {rng.randrange(99)} step {rng.randrange(9999)} loss {rng.random():.5f} {_phrase(rng, 3)}\n"
        part = f"\r {rng.randrange(100):3}%|{bar:20}| {line}" if rng.random() < 0.2 else line
        parts.append(part)
        length += len(part.encode()) + 8  # quotes, comma, indentation
    return _lines("".join(parts))


def _text(rng: random.Random, size: int) -> str:
    return "\n".join(f"{_phrase(rng, 3):30} {rng.random():.6f}" for _ in range(max(1, size // 45)))


def _lines(text: str) -> list[str]:
    """As nbformat splits: `\\r` alone ends a line too."""
    return text.splitlines(keepends=True)


def _base64(rng: random.Random, size: int) -> str:
    text = base64.b64encode(rng.randbytes(max(30, size) * 3 // 4)).decode()
    return "".join(f"{text[at : at + _LINE]}\n" for at in range(0, len(text), _LINE))


def _phrase(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_LETTERS, k=words))


def _word(rng: random.Random) -> str:
    return rng.choice(_CODE)


def _size(cells: list[dict[str, Any]]) -> int:
    return len(json.dumps(cells, ensure_ascii=False, indent=1).encode())
