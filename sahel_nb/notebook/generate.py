"""New notebooks: from cells, or from a text that jupytext reads. Always stripped, always with a kernel Kaggle has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sahel_nb.notebook.document import CellKind, dump, encode, parse
from sahel_nb.notebook.pair import DEFAULT_FORMAT, PYTHON_KERNEL, R_KERNEL, notebook_from
from sahel_nb.notebook.strip import strip

_KERNELS = {"python": PYTHON_KERNEL, "ipython": PYTHON_KERNEL, "r": R_KERNEL}


def from_cells(cells: Sequence[tuple[CellKind, str]]) -> bytes:
    """A stripped notebook with these cells."""
    made: list[dict[str, Any]] = []
    for index, (kind, source) in enumerate(cells):
        cell: dict[str, Any] = {"cell_type": kind.value, "id": str(index), "metadata": {}, "source": source}
        if kind is CellKind.CODE:
            cell |= {"execution_count": None, "outputs": []}
        made.append(cell)
    notebook = {"cells": made, "metadata": {"kernelspec": PYTHON_KERNEL}, "nbformat": 4, "nbformat_minor": 5}
    return strip(encode(json.dumps(notebook, ensure_ascii=False)))


def from_text(text: bytes, fmt: str = DEFAULT_FORMAT) -> bytes:
    """A stripped notebook from a mirror, or from any script: without cell markers it is one cell."""
    return with_kernel(notebook_from(text, None, fmt))


def with_kernel(notebook: bytes) -> bytes:
    """The same notebook, stripped, with a kernel where it names none: see `add_kernel`. Raise `NotebookError`."""
    return strip(add_kernel(notebook))


def add_kernel(notebook: bytes, language: str = "") -> bytes:
    """The same notebook, outputs and layout kept, with Kaggle's kernel for its language where it names none.

    `language` is that of a notebook that does not say it itself; Python, if nobody does.
    """
    document = parse(notebook)
    kernel = _KERNELS.get(document.language or language or "python")
    if document.major < 4 or document.kernel_name or kernel is None:
        return notebook
    document.json["metadata"]["kernelspec"] = kernel
    return dump(document)
