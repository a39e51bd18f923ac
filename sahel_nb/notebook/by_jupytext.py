"""Conversions that jupytext does, for every format and option that it has. Its import takes longer than all of ours.

What is ours: the header leaves jupytext's version out, or every upgrade of one member would change every mirror; cells
that a mirror was written from and that come back unchanged are the notebook's own, also where jupytext reads something
else than it wrote (`# Why?` in Markdown is a help magic for it); new cells get names that depend on the notebook alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sahel_nb.errors import SahelError, UsageError
from sahel_nb.notebook.combine import with_own_layout
from sahel_nb.notebook.document import NotebookError, encode, parse

if TYPE_CHECKING:
    from sahel_nb.notebook.form import Form

_HIDDEN = "-jupytext.text_representation.jupytext_version,-jupytext.notebook_metadata_filter"


def write(stripped: bytes, form: Form) -> bytes:
    """The mirror of a stripped notebook. Raise `NotebookError`, or `UsageError` for a format that is none."""
    import jupytext

    with _failures_named(f"jupytext cannot write this notebook as {form.format}"):
        document = _nodes(stripped)
        own = document.metadata.setdefault("jupytext", {})
        chosen = form.options.get("notebook_metadata_filter") or own.get("notebook_metadata_filter", "")
        own["notebook_metadata_filter"] = f"{chosen},{_HIDDEN}" if chosen else _HIDDEN
        text: str = jupytext.writes(document, fmt=_known(form), config=_config(form))
    return encode(text)


def notebook(mirror: bytes, base: bytes | None, form: Form, kernel: dict[str, str]) -> bytes:
    """The notebook that a mirror describes; `base` gives outputs, ids and hidden metadata, `kernel` the default.

    Raise as `write` does.
    """
    found = _read(mirror, form)
    with _failures_named("jupytext cannot bring the mirror's cells into this notebook"):
        return _notebook(found, base, form, kernel)


def _notebook(found: Any, base: bytes | None, form: Form, kernel: dict[str, str]) -> bytes:
    import nbformat

    known: set[Any] = set()
    if base is None:
        found.metadata.pop("jupytext", None)
        found.metadata.setdefault("kernelspec", dict(kernel))
    else:
        before = _nodes(base)
        known = {cell.get("id") for cell in before.cells}
        found = _combined(found, before, form)
    _name_new_cells(found, known)
    writes: Any = nbformat.writes  # untyped
    return encode(writes(found) + "\n")


def read(mirror: bytes, form: Form) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The metadata in the header and the cells. Raise as `write` does."""
    found = _read(mirror, form)
    return found.metadata, found.cells


def segments(stripped: bytes, form: Form) -> tuple[list[list[str]], list[str]] | None:
    """The lines of each cell in the mirror of a stripped notebook, and all lines of it; None where they are not apart.

    Each cell is written alone. Raise as `write` does.
    """
    document = parse(stripped).json
    whole = write(stripped, form).decode("utf-8").splitlines()
    alone = (write(_encoded({**document, "cells": [cell]}), form) for cell in document["cells"])
    parts = [_below_header(text.decode("utf-8").splitlines()) for text in alone]
    return (parts, whole) if [line for lines in parts for line in lines] == _below_header(whole) else None


def _below_header(lines: list[str]) -> list[str]:
    """Without blank lines, and without the header, which differs by the metadata of the cells below it."""
    rulers = [at for at, line in enumerate(lines) if line.strip("#/;- \t") == "" and line.endswith("---")]
    start = rulers[1] + 1 if len(rulers) > 1 and not any(line.strip() for line in lines[: rulers[0]]) else 0
    return [line for line in lines[start:] if line.strip()]


def _encoded(document: Any) -> bytes:
    import json

    return encode(json.dumps(document))


def _combined(found: Any, before: Any, form: Form) -> Any:
    from jupytext.combine import combine_inputs_with_outputs, map_outputs_to_inputs

    had_jupytext = before.metadata.get("jupytext")
    matched = map_outputs_to_inputs(found.cells, before.cells)
    sources = [cell.source for cell in found.cells]
    found = combine_inputs_with_outputs(found, before, fmt=_known(form))
    for cell, source, place in zip(found.cells, sources, matched, strict=True):
        if place is None:
            continue
        own = before.cells[place]
        if source != own.source and source.rstrip("\n") == own.source.rstrip("\n"):
            cell.metadata = type(cell.metadata)(with_own_layout(cell.metadata, own.metadata))
            cell.source = own.source
        elif source != own.source and source.rstrip("\n") == _again(before, own, form):
            cell.source = own.source
    _restore(found.metadata, "jupytext", had_jupytext)
    if "kernelspec" in before.metadata:
        found.metadata.setdefault("kernelspec", before.metadata.kernelspec)
    return found


def _again(notebook: Any, cell: Any, form: Form) -> str | None:
    """The source of a cell after it was written and read, less the blank lines at its end."""
    import json

    alone = {**notebook, "cells": [{**cell, "metadata": {}}]}
    cells = _read(write(json.dumps(alone).encode(), form), form).cells
    return str(cells[0].source).rstrip("\n") if len(cells) == 1 else None


def _known(form: Form) -> str:
    """jupytext's name of the format, checked here so that a typing error is not taken for a broken notebook."""
    from jupytext.formats import JupytextFormatError, long_form_one_format, validate_one_format

    try:
        validate_one_format(long_form_one_format(form.format))
    except JupytextFormatError as exc:
        raise UsageError(f"pair.format {form.format!r}: {exc}") from exc
    return form.format


def _config(form: Form) -> Any:
    """jupytext's settings, as it would read them from its own file; the formats are in `form` already."""
    from jupytext.config import JupytextConfiguration
    from traitlets import TraitError

    try:
        # The metadata filter of the notebook is in the document: it has ours in it.
        options = {key: value for key, value in form.options.items() if key != "notebook_metadata_filter"}
        return JupytextConfiguration(**options)
    except (TraitError, TypeError) as exc:
        raise UsageError(f"jupytext's configuration: {exc}") from exc


def _nodes(notebook: bytes) -> Any:
    import nbformat

    document = parse(notebook)
    if document.major < 4:
        raise NotebookError(
            "the notebook is in a format older than nbformat 4",
            hints=("jupyter nbconvert --to notebook --inplace FILE",),
        )
    if type(document.json.get("nbformat_minor")) is not int:
        raise NotebookError('the notebook has no `nbformat_minor` number; write "nbformat_minor": 4 next to "nbformat"')
    for number, cell in enumerate(document.json["cells"], 1):
        if not isinstance(cell.get("source"), (str, list)):
            raise NotebookError(f"cell {number} has no `source` that is text")
    reads: Any = nbformat.reads  # untyped
    with _failures_named("nbformat cannot read this notebook"):
        return reads(notebook.decode("utf-8"), as_version=4)


def _read(mirror: bytes, form: Form) -> Any:
    import jupytext

    try:
        text = mirror.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise NotebookError(f"the mirror is not UTF-8: byte {exc.start} is 0x{mirror[exc.start]:02x}") from exc
    with _failures_named("jupytext cannot read the mirror"), _plain_yaml():
        return jupytext.reads(text, fmt=_known(form), config=_config(form))


@contextmanager
def _plain_yaml() -> Iterator[None]:
    """jupytext reads headers, and in MyST the options of cells, by `yaml.safe_load`, which follows aliases: a header of
    ten lines can stand for a hundred million texts. Inside they are a `ValueError`."""
    import yaml

    from sahel_nb.config_text import check_yaml, documents

    load, load_all = yaml.safe_load, yaml.safe_load_all

    def checked(text: str) -> Any:
        check_yaml(text)
        return load(text)

    def checked_all(text: str) -> Iterator[Any]:
        for _, document in zip(documents(text), load_all(text), strict=False):
            yield document

    yaml.safe_load, yaml.safe_load_all = checked, checked_all
    try:
        yield
    finally:
        yaml.safe_load, yaml.safe_load_all = load, load_all


@contextmanager
def _failures_named(what: str) -> Iterator[None]:
    """Whatever nbformat and jupytext stumble over in a malformed notebook is a `NotebookError`: it is never a bug of
    ours, and stops no other notebook. They also warn about what they repair."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except SahelError:
        raise
    except Exception as exc:
        raise NotebookError(f"{what}: {str(exc).splitlines()[0] if str(exc) else repr(exc)}") from exc


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
