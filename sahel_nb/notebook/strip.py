"""Stripping: outputs, counts and noise out of a notebook, with the bytes that nbstripout 0.9.1 writes.

The ordinary notebook takes the fast path (strip_fast.py). Everything else is done by nbstripout's own code. Where that
code would lose something, ours differs, and only there:

- `--keep-id`: missing or doubled ids become a name that depends on the notebook alone, not on chance;
- `--extra-keys cell.id`: where the format wants ids, they are numbers as without it, not chance;
- `--drop-tagged-cells "a b"` drops the cells of every tag, not only of the last;
- `--drop-empty-cells` keeps a code cell of nbformat 3, whose text is called `input`;
- what cannot be written (half of a surrogate pair) is an error, never a file cut short.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sahel_nb.errors import UsageError
from sahel_nb.notebook.document import NotebookError, encode, parse
from sahel_nb.notebook.strip_check import certainly_stripped
from sahel_nb.notebook.strip_fast import strip_ordinary

DEFAULT_KEYS = (
    "metadata.signature",
    "metadata.widgets",
    "cell.metadata.collapsed",
    "cell.metadata.ExecuteTime",
    "cell.metadata.execution",
    "cell.metadata.heading_collapsed",
    "cell.metadata.hidden",
    "cell.metadata.scrolled",
)
_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True)
class StripOptions:
    """nbstripout's options, under its names. `keep_output` None lets the notebook's own metadata decide."""

    keep_output: bool | None = None
    keep_count: bool = False
    keep_id: bool = False
    extra_keys: tuple[str, ...] = ()
    keep_metadata_keys: tuple[str, ...] = ()
    drop_empty_cells: bool = False
    drop_tagged_cells: tuple[str, ...] = ()
    strip_init_cells: bool = False
    drop_output_types: frozenset[str] = field(default_factory=frozenset)
    keep_output_types: frozenset[str] = field(default_factory=frozenset)
    max_size: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key for key in (*DEFAULT_KEYS, *self.extra_keys) if key not in self.keep_metadata_keys)


_DEFAULTS = StripOptions()


def strip(data: bytes, options: StripOptions = _DEFAULTS) -> bytes:
    """The stripped notebook. Raise `NotebookError` for what is no notebook; never return anything in part."""
    if options == _DEFAULTS:
        fast = strip_ordinary(data)
        if fast is not None:
            return fast
    return _by_nbstripout(data, options)


def is_stripped(data: bytes, options: StripOptions = _DEFAULTS) -> bool:
    """True where `strip` would change nothing in the bytes. Raise `NotebookError` as `strip` does."""
    if options == _DEFAULTS and certainly_stripped(data):
        return True
    return strip(data, options) == data


def has_something_to_strip(data: bytes, options: StripOptions = _DEFAULTS) -> bool:
    """Whether stripping changes what the notebook says, rather than how its JSON is laid out.

    A file for which this is False is left alone on disk, as nbstripout does.
    """
    if options == _DEFAULTS and certainly_stripped(data):
        return False
    stripped = strip(data, options)
    if stripped == data:
        return False
    if options == _DEFAULTS:
        same = _same_meaning(data, stripped)
        if same is not None:
            return not same
    return _is_changed(data, options)


def parse_size(text: str) -> int:
    """`10`, `10K`, `2M`, `1G`, as nbstripout's --max-size. Raise `UsageError`."""
    unit = text[-1:].upper()
    digits, factor = (text[:-1], _UNITS[unit]) if unit in _UNITS else (text, 1)
    try:
        return int(digits) * factor
    except ValueError:
        raise UsageError(f"not a size: {text!r}", details=("a number, and K, M or G after it if you like",)) from None


def _by_nbstripout(data: bytes, options: StripOptions) -> bytes:
    with _refusals(data):
        notebook = _read(data, options)
        _strip_read(notebook, options)
        return _written(notebook)


def _is_changed(data: bytes, options: StripOptions) -> bool:
    """As nbstripout sees it: what it has read, against what it has made of that."""
    import copy

    with _refusals(data):
        notebook = _read(data, options)
        before = copy.deepcopy(notebook)
        _strip_read(notebook, options)
        return bool(before != notebook)


def _strip_read(notebook: Any, options: StripOptions) -> None:
    from nbstripout._utils import strip_output

    _drop_cells(notebook, options)
    strip_output(
        nb=notebook,
        keep_output=options.keep_output,
        keep_count=options.keep_count,
        keep_id=options.keep_id,
        extra_keys=[key for key in options.keys if is_key(key)],
        strip_init_cells=options.strip_init_cells,
        drop_output_types=set(options.drop_output_types),
        keep_output_types=set(options.keep_output_types),
        max_size=options.max_size,
    )
    if _has_ids(notebook):
        for index, cell in enumerate(notebook.cells):
            cell.setdefault("id", str(index))  # else nbformat, while it writes, invents one


@contextmanager
def _refusals(data: bytes) -> Iterator[None]:
    """What is no notebook dies somewhere in nbformat or nbstripout, of anything: say what is wrong with it."""
    import nbformat  # noqa: F401  where it cannot be imported, the notebook is not to blame
    from nbstripout._utils import MetadataError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (NotebookError, ModuleNotFoundError):
        raise
    except MetadataError as exc:
        raise NotebookError(f"a cell contradicts itself: {exc}") from exc
    except Exception as exc:
        parse(data)  # knows the words for what is wrong most often
        said = str(exc).strip().split("\n")[0]
        raise NotebookError(f"nbstripout cannot strip this notebook: {type(exc).__name__}: {said}") from exc


def _read(data: bytes, options: StripOptions) -> Any:
    import nbformat

    reads: Any = nbformat.reads  # untyped
    notebook = reads(data.decode("utf-8"), as_version=nbformat.NO_CONVERT)
    if options.keep_id:
        _name_cells(notebook, data)
    return notebook


def _written(notebook: Any) -> bytes:
    import nbformat

    writes: Any = nbformat.writes  # untyped
    text: str = writes(notebook)
    return encode(text if text.endswith("\n") else text + "\n")


def _has_ids(notebook: Any) -> bool:
    """Whether its format wants each cell to have an id. nbformat has read it, so the numbers can be compared."""
    return bool((notebook.get("nbformat", 1), notebook.get("nbformat_minor", 0)) >= (4, 5))


def _name_cells(notebook: Any, data: bytes) -> None:
    """nbformat has given random ids where they were missing or doubled: take names that depend on the content alone."""
    import json

    if not _has_ids(notebook):
        return
    originals = json.loads(data)["cells"]
    taken = {cell["id"] for cell in originals if "id" in cell}
    for index, (cell, original) in enumerate(zip(notebook.cells, originals, strict=True)):
        if "id" in original and cell["id"] == original["id"]:
            continue
        name = str(index)
        while name in taken:
            name += "-"
        taken.add(name)
        cell["id"] = name


def _drop_cells(notebook: Any, options: StripOptions) -> None:
    if not options.drop_empty_cells and not options.drop_tagged_cells:
        return
    # Without an nbformat number nbformat reads version 1, and nbstripout looks for cells where version 4 has them.
    holders = notebook["worksheets"] if notebook.get("nbformat", 4) < 4 else [notebook]
    for holder in holders:
        holder["cells"] = [cell for cell in holder["cells"] if not _to_drop(cell, options)]


def _to_drop(cell: Any, options: StripOptions) -> bool:
    text = cell.get("source", cell.get("input", ""))
    if options.drop_empty_cells and not any(line.strip() for line in text):
        return True
    tags = cell.get("metadata", {}).get("tags", [])
    return any(tag in tags for tag in options.drop_tagged_cells)


def is_key(key: str) -> bool:
    """`metadata.foo`, `cell.metadata.bar`: what nbstripout can take out. Others it ignores, with a word on stderr."""
    return "." in key and key.split(".")[0] in ("cell", "metadata")


def _same_meaning(whole: bytes, stripped: bytes) -> bool | None:
    """Whether two nbformat 4 notebooks say the same; None where that takes nbformat to know."""
    import json

    meanings = []
    for data in (whole, stripped):
        notebook = json.loads(data)
        if notebook.get("nbformat") != 4 or any("attachments" in cell for cell in notebook["cells"]):
            return None
        if data is stripped and any(cell.get("outputs") for cell in notebook["cells"]):
            return None  # what is kept of them has been joined and split by nbformat
        for key in ("orig_nbformat", "orig_nbformat_minor", "signature"):
            notebook["metadata"].pop(key, None)
        for cell in notebook["cells"]:
            cell["metadata"].pop("trusted", None)
            if isinstance(cell.get("source"), list):
                cell["source"] = "".join(cell["source"])
        meanings.append(notebook)
    return bool(meanings[0] == meanings[1])
