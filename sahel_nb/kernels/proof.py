"""Whether Kaggle's copy of a version is what git says that was pushed.

Bytes do not survive the way there: Kaggle's client empties outputs, joins the lines of a cell and writes the JSON anew,
and reads a script with its line ends made equal. What must survive is compared: of a notebook the kind and the source
of every cell, of a script its text; of both, the stamp of this very attempt, put on git's source once more.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum

from sahel_nb.kernels.stamp import Stamp, stamp_notebook, stamp_script


class Copy(Enum):
    SAME = "same"
    DIFFERS = "differs"
    UNREAD = "unread"
    """It could not be looked at: Kaggle did not answer, or the commit is not in this clone."""


@dataclass(frozen=True)
class Proof:
    """What was found, and why where that is not SAME."""

    copy: Copy
    why: str = ""


def compare(copy: str, code: bytes, *, notebook: bool, nonce: str) -> Proof:
    """`copy` is the source that Kaggle gives back, `code` the one that git has.

    Raises `UsageError` where `code` cannot have been pushed.
    """
    stamp = Stamp.find(copy)
    if stamp is None or stamp.nonce != nonce:
        whose = "no stamp of ours" if stamp is None else f"the stamp of another attempt, {stamp.run_id}"
        return Proof(Copy.DIFFERS, f"it carries {whose}")
    markdown = f"<!-- {stamp.text()}" in copy
    expected = stamp_notebook(code, stamp) if notebook else stamp_script(code, stamp, markdown=markdown)
    if content(copy, notebook=notebook) != content(expected.decode("utf-8", "replace"), notebook=notebook):
        return Proof(Copy.DIFFERS, f"its source is not that of commit {stamp.commit[:12]}")
    return Proof(Copy.SAME)


def content(source: str, *, notebook: bool) -> str:
    """A digest of what survives the way to Kaggle and back, in hex; of a notebook that is none, of its text."""
    kept: object = _text(source)
    if notebook:
        try:
            cells = json.loads(source)["cells"]
            kept = [[str(cell["cell_type"]), _text("".join(cell["source"]))] for cell in cells]
        except (ValueError, KeyError, TypeError):
            pass  # a copy that somebody broke is a copy that differs
    return hashlib.sha256(json.dumps(kept).encode("ascii")).hexdigest()


def _text(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
