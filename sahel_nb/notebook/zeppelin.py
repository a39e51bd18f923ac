"""Zeppelin's notebooks: results out, by nbstripout's own code and in its layout.

One object, of which we know as much as nbstripout does: {"paragraphs": [{"text": "%spark …", "results": {…}}, …], …}
"""

from __future__ import annotations

import copy
import json
from collections import OrderedDict
from typing import Any

from sahel_nb.notebook.document import NotebookError


def strip(data: bytes) -> bytes:
    """The notebook without results. Raise `NotebookError` for what has no paragraphs."""
    return (json.dumps(_stripped(_read(data)), indent=2) + "\n").encode("ascii")


def has_something_to_strip(data: bytes) -> bool:
    """Whether stripping changes what the notebook says. Raise `NotebookError` as `strip` does."""
    notebook = _read(data)
    return bool(_stripped(copy.deepcopy(notebook)) != notebook)


def _read(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=OrderedDict)
    except (ValueError, RecursionError) as exc:
        raise NotebookError(f"not a Zeppelin notebook: {exc}") from exc


def _stripped(notebook: Any) -> Any:
    from nbstripout._utils import strip_zeppelin_output

    try:
        return strip_zeppelin_output(notebook)
    except (AttributeError, KeyError, TypeError) as exc:
        raise NotebookError(f"not a Zeppelin notebook: it has no list of `paragraphs` ({exc!r})") from exc
