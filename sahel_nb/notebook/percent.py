"""The ordinary notebook as a `py:percent` mirror, fast: the bytes that jupytext 1.18 and 1.19 writes, or `Unsure`.

    # ---
    # jupyter:
    #   jupytext: …
    #   kernelspec: …
    # ---

    # %% [markdown]
    # # A title

    # %% tags=["parameters"]
    # %matplotlib inline
    x = 1

`Unsure` means "not known by heart", never "wrong": pair.py then asks jupytext itself, whose import alone takes as long
as writing a thousand mirrors here. Imports nothing but the C helpers of the json module, as strip_fast.py does.
"""

from __future__ import annotations

from _json import encode_basestring_ascii
from itertools import chain

from sahel_nb.notebook.form import hides_only_itself
from sahel_nb.notebook.percent_lines import blank_lines, comment_magics
from sahel_nb.notebook.strip_fast import Unsure, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Json = dict[str, Any]

FORMAT = "py:percent"

# Cell metadata that jupytext keeps out of a mirror.
CELL_NOISE = frozenset(
    (
        *("autoscroll", "collapsed", "scrolled", "trusted", "execution", "ExecuteTime"),
        *("skipline", "noskipline", "cell_marker", "lines_to_next_cell", "lines_to_end_of_cell_marker"),
    )
)
# Cell metadata that change how a cell is written, in ways that are left to jupytext.
_CELL_ODD = frozenset(
    (
        *("active", "cell_depth", "cell_marker", "cell_type", "comment_questions", "endofcell"),
        *("incorrectly_encoded_metadata", "language", "magic_args", "region_name", "run_control"),
    )
)
_NOTEBOOK_ODD = frozenset(
    (
        *("encoding", "executable", "jupytext_format_version", "jupytext_formats", "kernel_info", "main_language"),
        *("nbrmd_format_version", "nbrmd_formats", "orphan", "tocdepth"),
    )
)
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_KEY = frozenset(_WORD + ".@/-")
_PLAIN = frozenset(_WORD + " .()[]':+-")
_YAML_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
_LONGEST = 50
"""Of a value in the header: beyond 80 columns YAML breaks the line."""

# Cell magics that are languages for jupytext, so that it comments the whole cell; and those that are none.
_LANGUAGES = frozenset(("bash", "sh", "html", "javascript", "js", "latex", "sql", "ruby", "perl", "svg", "script"))
_NO_LANGUAGES = frozenset(("time", "timeit", "capture", "writefile", "prun", "debug", "file", "memit"))


def write(notebook: bytes) -> bytes:
    """The mirror of a stripped notebook. Raise `Unsure`."""
    try:
        found, _ = scan(notebook.decode("utf-8"), 0)
        if found["nbformat"] != 4:
            raise Unsure  # other versions keep their cells elsewhere, and their texts under other names
        text: bytes = compose(found["metadata"], found["cells"]).encode("utf-8")
    except (AttributeError, IndexError, KeyError, StopIteration, SystemError, TypeError, ValueError, RecursionError):
        raise Unsure from None
    return text


def compose(metadata: Json, cells: Sequence[Json]) -> str:
    """The whole text. Raise `Unsure`, or what an odd shape raises."""
    return "\n".join([*header(metadata), "", *body(cells)])


def body(cells: Sequence[Json]) -> list[str]:
    """The lines of all cells, the blank ones between and behind them included."""
    if cells and cells[0]["cell_type"] == "raw" and "".join(cells[0]["source"]).lstrip().startswith("---"):
        raise Unsure  # a header of somebody's own, which jupytext weaves into the mirror's
    behind: list[list[str]] = []
    for cell in reversed(cells):
        source = "".join(cell["source"])
        text = cell_lines(cell, source)
        gap = cell["metadata"].get("lines_to_next_cell")
        if gap is None:
            gap = expected_gap(cell["cell_type"], source, text, chain.from_iterable(reversed(behind)), not behind)
        elif type(gap) is not int or not 0 <= gap < 100:
            raise Unsure
        text += [""] * gap
        behind.append(text)
    return list(chain.from_iterable(reversed(behind)))


def expected_gap(kind: str, source: str, text: Sequence[str], rest: Iterable[str], last: bool) -> int:
    """The blank lines that jupytext writes between a cell's lines and `rest`, those of the cells behind it."""
    if last or kind != "code":
        return 1
    return blank_lines(text, '"""' in source or "'''" in source, rest)


def header(metadata: Json) -> list[str]:
    """The commented YAML: the kernel, and what jupytext says of the format. Raise `Unsure`."""
    if not _NOTEBOOK_ODD.isdisjoint(metadata):
        raise Unsure
    lines = ["# ---", "# jupyter:", "#   jupytext:"]
    for key, value in sorted(metadata.get("jupytext", {}).items()):
        if key == "formats" and knows_formats(value):
            lines.append(f"#     formats: {value}")
        elif key == "encoding" and value == ENCODING:
            lines.insert(0, ENCODING)
        elif key == "text_representation" and type(value) is dict:
            if str(value.get("jupytext_version", "1")).startswith("0."):
                raise Unsure
        elif key != "notebook_metadata_filter" or not hides_only_itself(value):
            raise Unsure
    lines += FORMAT_LINES
    kernelspec = metadata.get("kernelspec")
    if kernelspec is not None:
        if not kernelspec or kernelspec.get("language", "python") != "python":
            raise Unsure
        lines.append("#   kernelspec:")
        lines += [f"#     {plain(key)}: {plain(value)}" for key, value in sorted(kernelspec.items())]
    lines.append("# ---")
    return lines


_FORMATS = frozenset(("ipynb", "md", "Rmd", "py:percent"))
ENCODING = "# -*- coding: utf-8 -*-"
FORMAT_LINES = (
    "#     text_representation:",
    "#       extension: .py",
    "#       format_name: percent",
    "#       format_version: '1.3'",
)


def knows_formats(value: object) -> bool:
    """jupytext's list of formats, in the one way in which it would write it itself."""
    return type(value) is str and _FORMATS.issuperset(value.split(","))


def plain(value: Any) -> str:
    """A string that YAML writes as it is."""
    if (
        type(value) is not str
        or not value[:1].isalpha()
        or len(value) > _LONGEST
        or value[-1] in " :"
        or ": " in value
        or not _PLAIN.issuperset(value)
        or value.lower() in _YAML_WORDS
    ):
        raise Unsure
    return value


def cell_lines(cell: Json, source: str) -> list[str]:
    """One cell: its marker and its lines, without the blank ones that separate it from the next."""
    kind = cell["cell_type"]
    lines = source.splitlines() if source else [""]
    if source[-1:] == "\n":
        lines.append("")
    metadata = cell["metadata"]
    kept = _kept(metadata) if metadata else metadata
    if kind == "code":
        return _code(lines, kept)
    if kind not in ("markdown", "raw") or source.startswith("%%"):
        raise Unsure
    return [_marker(kept, kind), *commented(lines)]


def _code(lines: list[str], metadata: Json) -> list[str]:
    if lines[0].startswith("%%"):
        name, _space, rest = lines[0][2:].partition(" ")
        if name in _LANGUAGES:
            added = {"magic_args": rest, "language": name} if rest else {"language": name}
            return [_marker({**metadata, **added}), *commented(lines[1:])]
        if name not in _NO_LANGUAGES:
            raise Unsure
    marker = _marker(metadata)
    first = lines[0]
    if first[:1].isspace() and first.strip():
        marker = first[: len(first) - len(first.lstrip())] + marker
    if len(lines) == 1 and not first:
        return [marker]
    comment_magics(lines)
    return [marker, *lines]


def _kept(metadata: Json) -> Json:
    """What of a cell's metadata the mirror shows. Raise `Unsure`."""
    kept = {}
    for key, value in metadata.items():
        if key in _CELL_ODD or not _KEY.issuperset(key) or not key:
            raise Unsure
        if key in CELL_NOISE:
            continue
        if key == "tags":
            if type(value) is not list or any(tag.startswith("active-") for tag in value):
                raise Unsure
            if not value:
                continue
        kept[key] = value
    return kept


def is_shown(key: str, value: object) -> bool:
    """Does the mirror show this of a cell's metadata?"""
    return bool(key) and _KEY.issuperset(key) and key not in CELL_NOISE and (key != "tags" or bool(value))


def _marker(metadata: Json, kind: str = "") -> str:
    """`# %% title [markdown] key=value`."""
    words = ["# %%"]
    if metadata:
        metadata = dict(metadata)
        title = metadata.pop("title", None)
        if title is not None:
            if type(title) is not str or not title or title[0] == "%" or len(title.splitlines()) > 1:
                raise Unsure
            words.append(title)
    if kind:
        words.append(f"[{kind}]")
    words += [key if value is None else f"{key}={_dumps(value)}" for key, value in metadata.items()]
    return " ".join(words)


def _dumps(value: Any) -> str:
    """As `json.dumps` spells it on one line."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is dict:
        return "{" + ", ".join([f"{encode_basestring_ascii(key)}: {_dumps(value[key])}" for key in value]) + "}"
    if kind is list:
        return "[" + ", ".join([_dumps(each) for each in value]) + "]"
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return "null"
    if kind is int:
        return str(value)
    raise Unsure


def commented(lines: Iterable[str]) -> list[str]:
    return [f"# {line}" if line else "#" for line in lines]
