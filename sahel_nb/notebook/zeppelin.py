"""Zeppelin's notebooks: results out, by nbstripout's own code and in its layout.

One object, of which we know as much as nbstripout does: {"paragraphs": [{"text": "%spark …", "results": {…}}, …], …}
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sahel_nb.notebook.document import NotebookError


def strip(data: bytes) -> bytes:
    """The notebook without results. Raise `NotebookError` for what has no paragraphs."""
    with _refusals():
        return (json.dumps(_stripped(_read(data)), indent=2) + "\n").encode("ascii")


def has_something_to_strip(data: bytes) -> bool:
    """Whether stripping changes what the notebook says. Raise `NotebookError` as `strip` does."""
    with _refusals():
        return bool(_stripped(_read(data)) != _read(data))


def _read(data: bytes) -> Any:
    return json.loads(data.decode("utf-8"), object_pairs_hook=OrderedDict)


def _stripped(notebook: Any) -> Any:
    from nbstripout._utils import strip_zeppelin_output

    try:
        return strip_zeppelin_output(notebook)
    except (AttributeError, KeyError, TypeError) as exc:
        raise NotebookError(f"not a Zeppelin notebook: it has no list of `paragraphs` ({exc!r})") from exc


@contextmanager
def _refusals() -> Iterator[None]:
    """What is no JSON, or is nested so deep that Python does not follow."""
    try:
        yield
    except (ValueError, RecursionError) as exc:
        raise NotebookError(f"not a Zeppelin notebook: {exc}") from exc
