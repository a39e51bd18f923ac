"""The mark that ties a version on Kaggle to a commit in git and to one attempt to run it.

It travels inside the source, so that whoever reads Kaggle's copy back can tell whose push it was:

    notebook   a last markdown cell, visible in the web page, and the same in the notebook's metadata
    script     a last comment line; in R Markdown one of HTML, where `#` would be a heading of the report

The machine-readable part is the same in all of them: `sahel-nb-stamp commit=<40 hex> run=<id> nonce=<32 hex>`.
The cell is the *last* one: cell numbers, and with them the "In [3]" of an error, stay those of the notebook in git.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from sahel_nb.errors import UsageError

_STAMP = re.compile(r"sahel-nb-stamp commit=([0-9a-f]{40,64}) run=([0-9A-Za-z-]{1,64}) nonce=([0-9a-f]{32})")

_NO_NOTEBOOK = "the notebook is not a version 4 notebook in JSON"


@dataclass(frozen=True)
class Stamp:
    commit: str
    run_id: str
    nonce: str

    def text(self) -> str:
        return f"sahel-nb-stamp commit={self.commit} run={self.run_id} nonce={self.nonce}"

    @classmethod
    def find(cls, source: str) -> Stamp | None:
        """The stamp in a source as Kaggle gives it back, whatever JSON did to it; the last of several."""
        matches = _STAMP.findall(source)
        return cls(*matches[-1]) if matches else None


def stamp_notebook(data: bytes, stamp: Stamp) -> bytes:
    """The notebook with its stamp. Everything else stays; raises `UsageError` for what is no notebook."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise UsageError("the notebook begins with a byte order mark; save it as UTF-8 without one")
    try:
        notebook = json.loads(data.decode("utf-8"))
        cells = notebook["cells"]
        minor = (int(notebook.get("nbformat", 4)), int(notebook.get("nbformat_minor", 0)))
    except (UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise UsageError(_NO_NOTEBOOK) from exc
    if not isinstance(cells, list):
        raise UsageError(_NO_NOTEBOOK)
    cell: dict[str, object] = {
        "cell_type": "markdown",
        "metadata": {},
        "source": (
            f"<!-- {stamp.text()} -->\n"
            f"*Pushed by sahel-nb from commit `{stamp.commit[:12]}`. "
            "Git is the source of truth: edits made here are lost with the next run.*"
        ),
    }
    if minor >= (4, 5):  # ids are required from 4.5 on
        cell["id"] = f"sahel-nb-{stamp.nonce[:8]}"
    cells.append(cell)
    notebook.setdefault("metadata", {})["sahel_nb"] = {
        "stamp": stamp.text(),
        "commit": stamp.commit,
        "run": stamp.run_id,
    }
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def stamp_script(data: bytes, stamp: Stamp, *, markdown: bool = False) -> bytes:
    """The script with its stamp as a last comment; `#` begins one in Python and in R alike."""
    gap = b"" if data.endswith(b"\n") or not data else b"\n"
    comment = f"<!-- {stamp.text()} -->" if markdown else f"# {stamp.text()}"
    return data + gap + f"{comment}\n".encode("ascii")
