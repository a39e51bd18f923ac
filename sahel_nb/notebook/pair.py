"""A notebook and its mirror: the same cells twice, once as JSON for Jupyter, once as text for people and git.

The mirror is what jupytext writes. The ordinary notebook in the ordinary format is converted here, to the same bytes
and without importing it (percent.py, percent_read.py, combine.py); every other one by jupytext itself (by_jupytext.py),
and a memo can keep what that took. The direction is decided by content against git: timestamps are a trap, strippers
and checkouts touch them.
"""

from __future__ import annotations

from enum import Enum

from sahel_nb.notebook import combine, percent, percent_read
from sahel_nb.notebook.form import DEFAULT_FORMAT, Form, extension, formed
from sahel_nb.notebook.jupytext_version import is_known_by_heart, version
from sahel_nb.notebook.strip_fast import Unsure, strip_ordinary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Memo(Protocol):
        """What was found out before, by digests of what it was found out of. May forget, may not lie."""

        def get(self, *parts: bytes) -> bytes | None: ...

        def put(self, *parts: bytes, found: bytes) -> None: ...


__all__ = [
    "DEFAULT_FORMAT",
    "PYTHON_KERNEL",
    "R_KERNEL",
    "Direction",
    "Form",
    "decide",
    "decide_by",
    "extension",
    "in_step",
    "looks_like_mirror",
    "mirror_of",
    "mirror_of_stripped",
    "notebook_from",
    "stripped",
]

PYTHON_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
R_KERNEL = {"display_name": "R", "language": "R", "name": "ir"}
"""The kernels that Kaggle has; a notebook that names none dies there before its first cell."""


_BOM = b"\xef\xbb\xbf"


class Direction(Enum):
    NOTHING = "nothing"
    TO_MIRROR = "to mirror"
    TO_NOTEBOOK = "to notebook"
    CONFLICT = "conflict"


def mirror_of(notebook: bytes, fmt: str | Form = DEFAULT_FORMAT, memo: Memo | None = None) -> bytes:
    """The mirror of a notebook, the same for a notebook and for its stripped self. Raise `NotebookError`."""
    return mirror_of_stripped(stripped(notebook), fmt, memo)


def mirror_of_stripped(plain: bytes, fmt: str | Form = DEFAULT_FORMAT, memo: Memo | None = None) -> bytes:
    """The same, for whoever has stripped the notebook."""
    form = formed(fmt)
    if _by_heart(form):
        try:
            return percent.write(plain)
        except Unsure:
            pass

    def ask() -> bytes:
        from sahel_nb.notebook import by_jupytext

        return by_jupytext.write(plain, form)

    return _remembered(memo, ask, b"mirror", form, plain)


def notebook_from(
    mirror: bytes, base: bytes | None = None, fmt: str | Form = DEFAULT_FORMAT, memo: Memo | None = None
) -> bytes:
    """The notebook that a mirror describes. Cells that `base` has too keep its ids, outputs and hidden metadata.

    A cell of `base` whose text in the mirror was not edited keeps its source, byte by byte (untouched.py). Raise
    `NotebookError` for a mirror that jupytext cannot read, and for one that would rewrite such a cell.
    """
    form = formed(fmt)
    made = _read(mirror, base, form, memo)
    if base is None:
        return made
    from sahel_nb.notebook.untouched import keep

    return keep(made, mirror, base, stripped(base), form)


def _read(mirror: bytes, base: bytes | None, form: Form, memo: Memo | None) -> bytes:
    _refuse_bom(mirror)
    if _by_heart(form):
        try:
            metadata, cells = percent_read.read(mirror)
            if base is None:
                return combine.compose({"kernelspec": PYTHON_KERNEL, **metadata}, cells)
            return combine.combine(metadata, cells, base)
        except Unsure:
            pass

    def ask() -> bytes:
        from sahel_nb.notebook import by_jupytext

        kernel = R_KERNEL if form.mirror.extension in (".R", ".r") else PYTHON_KERNEL
        return by_jupytext.notebook(mirror, base, form, kernel)

    return _remembered(memo, ask, b"notebook", form, mirror, b"" if base is None else b"+" + base)


def in_step(notebook: bytes, mirror: bytes, fmt: str | Form = DEFAULT_FORMAT, memo: Memo | None = None) -> bool:
    """Whether both say the same: cells, their order and their metadata, and the kernel, where the mirror names one.

    Layout may differ.
    """
    form = formed(fmt)
    expected = mirror_of(notebook, form, memo)
    if expected == mirror:
        return True
    _refuse_bom(mirror)
    if _by_heart(form):
        try:
            return _agree(percent_read.read(expected), percent_read.read(mirror))
        except Unsure:
            pass

    def ask() -> bytes:
        from sahel_nb.notebook import by_jupytext

        same = _agree(by_jupytext.read(expected, form), by_jupytext.read(mirror, form))
        return b"yes" if same else b"no"

    return _remembered(memo, ask, b"step", form, expected, mirror) == b"yes"


def decide(
    head_notebook: bytes | None,
    head_mirror: bytes | None,
    now_notebook: bytes | None,
    now_mirror: bytes | None,
    fmt: str | Form = DEFAULT_FORMAT,
    memo: Memo | None = None,
) -> Direction:
    """Which half must follow the other; None is a half that is not there.

    Only what differs from git counts as changed, outputs do not. A missing half is made from the other one. jupytext is
    asked only where both changed.
    """
    if now_notebook is None or now_mirror is None:
        if now_notebook is not None:
            return Direction.TO_MIRROR
        return Direction.TO_NOTEBOOK if now_mirror is not None else Direction.NOTHING
    same = now_notebook == head_notebook
    notebook_changed = not same and (head_notebook is None or stripped(now_notebook) != stripped(head_notebook))
    mirror_changed = head_mirror is None or now_mirror != head_mirror
    return decide_by(notebook_changed, mirror_changed, lambda: in_step(now_notebook, now_mirror, fmt, memo))


def decide_by(notebook_changed: bool, mirror_changed: bool, agree: Callable[[], bool]) -> Direction:
    """The rule itself. `agree()` is asked only where both changed."""
    if notebook_changed and mirror_changed:
        return Direction.NOTHING if agree() else Direction.CONFLICT
    if notebook_changed:
        return Direction.TO_MIRROR
    return Direction.TO_NOTEBOOK if mirror_changed else Direction.NOTHING


def looks_like_mirror(data: bytes, fmt: str | Form = DEFAULT_FORMAT) -> bool:
    """Whether a text file beside a notebook was written as its mirror: it has jupytext's header or a cell marker.

    An ordinary module that happens to bear the notebook's name must never be overwritten. Where jupytext is told to
    write mirrors without a header, any text at that place is one.
    """
    data = data.removeprefix(_BOM)
    if data.startswith((b"# ---\n# jupyter:", b"# ---\r\n# jupyter:", b"---\njupyter:")) or b"\n# %%" in b"\n" + data:
        return True
    form = formed(fmt)
    return form.may_be_bare or (not form.is_ordinary and _has_header(data))


def _refuse_bom(mirror: bytes) -> None:
    """Before its header jupytext would take it for a line of a cell. Raise `NotebookError`."""
    if mirror.startswith(_BOM):
        from sahel_nb.notebook.document import NotebookError

        raise NotebookError("its script starts with a byte order mark (BOM); save the script as UTF-8 without one")


def _has_header(data: bytes) -> bool:
    """jupytext's header or percent markers, behind whatever sign begins a comment there."""
    lines = [line.strip(b" \t\r/;#*-") for line in data[:4_000].split(b"\n")[:5]]
    rulers = [line.rstrip().endswith(b"---") for line in data[:4_000].split(b"\n")[:5]]
    headed = any(line.startswith((b"jupyter:", b"jupytext:")) and any(rulers[:at]) for at, line in enumerate(lines))
    return headed or b"\n// %%" in b"\n" + data or b"\n-- %%" in b"\n" + data


def _by_heart(form: Form) -> bool:
    return form.is_ordinary and is_known_by_heart(version())


def stripped(notebook: bytes) -> bytes:
    """As it would be committed. Raise `NotebookError`."""
    fast = strip_ordinary(notebook)
    if fast is not None:
        return fast
    from sahel_nb.notebook.strip import strip

    return strip(notebook)


def _agree(expected: tuple[Any, Any], mirror: tuple[Any, Any]) -> bool:
    (kernel, cells), (named, found) = _said(*expected), _said(*mirror)
    return cells == found and named in ("", kernel)  # without a header it leaves the notebook its kernel


def _said(metadata: Any, cells: Any) -> tuple[Any, ...]:
    """What a mirror says, its layout aside."""
    kernel = metadata.get("kernelspec", {}).get("name", "")
    said = []
    for cell in cells:
        # Blank lines behind a cell are its own in a notebook, and layout in a mirror.
        told = {key: value for key, value in cell["metadata"].items() if not key.startswith("lines_to_")}
        said.append((cell["cell_type"], cell["source"].rstrip("\n"), told))
    return kernel, said


def _remembered(memo: Memo | None, ask: Callable[[], bytes], kind: bytes, form: Form, *parts: bytes) -> bytes:
    if memo is None:
        return ask()
    whole = (kind, version().encode(), form.key(), *parts)
    found = memo.get(*whole)
    if found is None:
        found = ask()
        memo.put(*whole, found=found)
    return found
