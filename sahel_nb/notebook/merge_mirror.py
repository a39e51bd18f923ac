"""Three-way merge of mirrors: read as notebooks, merged by cell, and written again.

git merges a notebook and its mirror one by one. Both merges are the same one here, so both halves come out alike.
"""

from __future__ import annotations

from sahel_nb.notebook.document import NotebookError, dump, parse
from sahel_nb.notebook.merge_lines import MARK, Labels, has_markers
from sahel_nb.notebook.pair import DEFAULT_FORMAT, Direction, Form, looks_like_mirror, mirror_of, notebook_from

# merge.py is imported where it is needed: every commit asks `resolved_half`, and nearly none has a conflict.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from sahel_nb.notebook.merge import Merged


def merge_mirrors(
    base: bytes | None,
    ours: bytes,
    theirs: bytes,
    notebook: bytes | None,
    fmt: str | Form = DEFAULT_FORMAT,
    labels: Labels = Labels(),  # noqa: B008  frozen
) -> Merged:
    """The merged mirror, as `Merged.content`. `notebook` is any version of the other half: it has jupytext's options.

    Raise `NotebookError` where one of the sides is no mirror.
    """
    from sahel_nb.notebook.merge import Merged, merge

    if ours == theirs or theirs == base:
        return Merged(ours)
    if ours == base:
        return Merged(theirs)
    options = None if notebook is None else _without_cells(notebook)
    sides = [_read(one, options, fmt) for one in (base, ours, theirs) if one is not None]
    done = merge(None if base is None else sides[0], sides[-2], sides[-1], labels)
    return Merged(mirror_of(done.content, fmt), done.conflicts)


def is_unresolved_mirror(mirror: bytes) -> bool:
    """Whether the mirror still holds a conflict between markers: git's own, or those of a cell."""
    return MARK in mirror and has_markers(mirror.decode("utf-8", "replace"))


def resolved_half(notebook: bytes | None, mirror: bytes | None) -> Direction | None:
    """Which way to go where a person has resolved a conflict in one half, and the other still has its markers.

    None where there is no such difference. Raise `NotebookError` as `parse` does.
    """
    if notebook is None or mirror is None or (MARK not in notebook and MARK not in mirror):
        return None
    from sahel_nb.notebook.merge import is_unresolved

    marked = (is_unresolved(notebook), is_unresolved_mirror(mirror))
    if marked[0] == marked[1] or not looks_like_mirror(mirror):
        return None
    return Direction.TO_NOTEBOOK if marked[0] else Direction.TO_MIRROR


def _read(mirror: bytes, options: bytes | None, fmt: str | Form) -> bytes:
    if not looks_like_mirror(mirror, fmt):
        raise NotebookError("not a mirror: it has no jupytext header and no # %%")
    return notebook_from(mirror, options, fmt)


def _without_cells(notebook: bytes) -> bytes:
    """What it says about itself alone: metadata of its cells would be given to cells that never had it."""
    document = parse(notebook)
    document.json["cells"] = []
    return dump(document)
