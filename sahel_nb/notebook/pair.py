"""A notebook and its mirror: the same cells twice, once as JSON for Jupyter, once as text for people and git.

jupytext does every conversion. What is ours: the mirror's bytes do not depend on the jupytext version that wrote them,
and the direction is decided by content against git. Timestamps are a trap: strippers and checkouts touch them.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

from sahel_nb.errors import UsageError
from sahel_nb.notebook.document import NotebookError, encode, parse
from sahel_nb.notebook.strip import strip

DEFAULT_FORMAT = "py:percent"

# Left out of the mirror's header: the version would change the mirror with every upgrade of one member, and the filter
# itself is ours to know.
_HEADER = "-jupytext.text_representation.jupytext_version,-jupytext.notebook_metadata_filter"


class Direction(Enum):
    NOTHING = "nothing"
    TO_MIRROR = "to mirror"
    TO_NOTEBOOK = "to notebook"
    CONFLICT = "conflict"


def mirror_of(notebook: bytes, fmt: str = DEFAULT_FORMAT) -> bytes:
    """The mirror of a notebook, the same for a notebook and for its stripped self. Raise `NotebookError`."""
    import jupytext

    document = _nodes(strip(notebook))
    own = document.metadata.setdefault("jupytext", {})
    filters = [part for part in (own.get("notebook_metadata_filter", ""), _HEADER) if part]
    own["notebook_metadata_filter"] = ",".join(filters)
    try:
        text: str = jupytext.writes(document, fmt=_known(fmt))
    except (ValueError, KeyError, TypeError) as exc:
        raise NotebookError(f"jupytext cannot write this notebook as {fmt}: {exc}") from exc
    return encode(text)


def notebook_from(mirror: bytes, base: bytes | None = None, fmt: str = DEFAULT_FORMAT) -> bytes:
    """The notebook that a mirror describes. Cells that `base` has too keep its ids, outputs and hidden metadata.

    Raise `NotebookError` for a mirror that jupytext cannot read.
    """
    import nbformat

    found = _read_mirror(mirror, fmt)
    known: set[Any] = set()
    if base is None:
        found.metadata.pop("jupytext", None)
        found.metadata.setdefault("kernelspec", dict(PYTHON_KERNEL))
    else:
        from jupytext.combine import combine_inputs_with_outputs

        before = _nodes(base)
        known = {cell.get("id") for cell in before.cells}
        had_jupytext = before.metadata.get("jupytext")
        found = combine_inputs_with_outputs(found, before, fmt=_known(fmt))
        _restore(found.metadata, "jupytext", had_jupytext)
        if "kernelspec" in before.metadata:
            found.metadata.setdefault("kernelspec", before.metadata.kernelspec)
    _name_new_cells(found, known)
    writes: Any = nbformat.writes  # untyped
    return encode(writes(found) + "\n")


def in_step(notebook: bytes, mirror: bytes, fmt: str = DEFAULT_FORMAT) -> bool:
    """Whether both say the same: cells, their order and their metadata, and the kernel. Layout may differ."""
    expected = mirror_of(notebook, fmt)
    return expected == mirror or _said(expected, fmt) == _said(mirror, fmt)


def decide(
    head_notebook: bytes | None,
    head_mirror: bytes | None,
    now_notebook: bytes | None,
    now_mirror: bytes | None,
    fmt: str = DEFAULT_FORMAT,
) -> Direction:
    """Which half must follow the other; None is a half that is not there.

    Only what differs from git counts as changed, outputs do not. A missing half is made from the other one. jupytext is
    asked only where both changed.
    """
    if now_notebook is None or now_mirror is None:
        if now_notebook is not None:
            return Direction.TO_MIRROR
        return Direction.TO_NOTEBOOK if now_mirror is not None else Direction.NOTHING
    notebook_changed = head_notebook is None or _stripped(now_notebook) != _stripped(head_notebook)
    mirror_changed = head_mirror is None or now_mirror != head_mirror
    return decide_by(notebook_changed, mirror_changed, lambda: in_step(now_notebook, now_mirror, fmt))


def decide_by(notebook_changed: bool, mirror_changed: bool, agree: Any) -> Direction:
    """The rule itself. `agree()` is asked only where both changed."""
    if notebook_changed and mirror_changed:
        return Direction.NOTHING if agree() else Direction.CONFLICT
    if notebook_changed:
        return Direction.TO_MIRROR
    return Direction.TO_NOTEBOOK if mirror_changed else Direction.NOTHING


def looks_like_mirror(data: bytes) -> bool:
    """Whether a text file beside a notebook was written as its mirror: it has jupytext's header or a cell marker.

    An ordinary module that happens to bear the notebook's name must never be overwritten.
    """
    return data.startswith((b"# ---\n# jupyter:", b"---\njupyter:")) or b"\n# %%" in b"\n" + data


def extension(fmt: str) -> str:
    """`py:percent` → `.py`. Raise `UsageError` for a format without one."""
    name = fmt.partition(":")[0].lstrip(".")
    if not name or "/" in name:
        raise UsageError(
            f"pair.format {fmt!r} is not of the form EXTENSION:FORMAT", details=("for example py:percent",)
        )
    return "." + name


PYTHON_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
"""The kernel that Kaggle has; a notebook that names none dies there before its first cell."""


def _stripped(notebook: bytes) -> bytes:
    return strip(notebook)


def _known(fmt: str) -> str:
    """jupytext's name of the format, checked here so that a typing error is not taken for a broken notebook."""
    from jupytext.formats import JupytextFormatError, long_form_one_format, validate_one_format

    extension(fmt)
    try:
        validate_one_format(long_form_one_format(fmt))
    except JupytextFormatError as exc:
        raise UsageError(f"pair.format {fmt!r}: {exc}") from exc
    return fmt


def _nodes(notebook: bytes) -> Any:
    import warnings

    import nbformat

    if parse(notebook).major < 4:
        raise NotebookError(
            "the notebook is in a format older than nbformat 4", hints=("jupyter nbconvert --to notebook",)
        )
    reads: Any = nbformat.reads  # untyped
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return reads(notebook.decode("utf-8"), as_version=4)
        except (AttributeError, KeyError, TypeError, ValueError, nbformat.ValidationError) as exc:
            raise NotebookError(f"nbformat cannot read this notebook: {exc}") from exc


def _read_mirror(mirror: bytes, fmt: str) -> Any:
    import jupytext

    try:
        text = mirror.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise NotebookError(f"the mirror is not UTF-8: byte {exc.start} is 0x{mirror[exc.start]:02x}") from exc
    try:
        return jupytext.reads(text, fmt=_known(fmt))
    except UsageError:
        raise
    except Exception as exc:
        raise NotebookError(
            f"jupytext cannot read the mirror: {str(exc).splitlines()[0] if str(exc) else exc!r}"
        ) from exc


def _said(mirror: bytes, fmt: str) -> tuple[Any, ...]:
    found = _read_mirror(mirror, fmt)
    kernel = found.metadata.get("kernelspec", {}).get("name", "")
    cells = []
    for cell in found.cells:
        # Blank lines behind a cell are its own in a notebook, and layout in a mirror.
        told = {key: value for key, value in cell.metadata.items() if not key.startswith("lines_to_")}
        cells.append((cell.cell_type, cell.source.rstrip("\n"), json.dumps(told, sort_keys=True)))
    return kernel, cells


def _restore(metadata: Any, key: str, value: Any) -> None:
    """The mirror's header is about the mirror: what the notebook says about itself stays as it was."""
    if value is None:
        metadata.pop(key, None)
    else:
        metadata[key] = value


def _name_new_cells(notebook: Any, known: set[Any]) -> None:
    """jupytext names new cells at random; a name that depends on the notebook alone makes the result repeatable."""
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        for cell in notebook.cells:
            cell.pop("id", None)
        return
    taken = set(known)
    for index, cell in enumerate(notebook.cells):
        if cell.get("id") in known:
            continue
        name = f"new-{index}"
        while name in taken:
            name += "-"
        taken.add(name)
        cell["id"] = name
