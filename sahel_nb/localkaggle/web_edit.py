"""Somebody edits a kernel in Kaggle's web page and saves a version, which has run by the time that anybody looks.

The stamp of the push that was edited stays in it, as it would: only the source says that it is another version.
"""

from __future__ import annotations

import json
import time

from sahel_nb.localkaggle import names
from sahel_nb.localkaggle.model import Status
from sahel_nb.localkaggle.service import Service
from sahel_nb.localkaggle.store import kernels

MARK = "# edited in the web page"


def edit(service: Service, owner: str, slug: str) -> None:
    """Save the newest version once more, with a line added to its first cell. What is an edit already stays."""
    ref = names.ref(owner, slug)
    with service.db.write() as tx:
        kernel = kernels.find(tx, ref) if ref is not None else None
        newest = kernels.latest(tx, kernel) if kernel is not None else None
        if kernel is None or newest is None:
            return
        source = kernels.source(tx, newest)
        if MARK not in source:
            kernels.add_version(
                tx, kernel, newest.author, edited(source), newest.settings, Status.COMPLETE, newest.time_limit,
                time.time(),
            )  # fmt: skip


def edited(source: str) -> str:
    """A notebook or a script with a line more in it."""
    try:
        notebook = json.loads(source)
        cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    except (ValueError, KeyError, TypeError, StopIteration):
        return f"{MARK}\n{source}"
    text = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
    cell["source"] = f"{text}\n{MARK}"
    return json.dumps(notebook, ensure_ascii=False)
