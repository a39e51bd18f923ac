"""The cells that a `py:percent` mirror describes, read fast: what jupytext 1.18 and 1.19 reads, or `Unsure`.

What was read is written again and compared with the mirror: whatever is lost or guessed on the way is noticed, and left
to jupytext. One thing is meant to differ. In Markdown jupytext takes `# Why?` for a commented help magic and forgets
the `# `; here the heading stays a heading.
"""

from __future__ import annotations

from itertools import islice

from sahel_nb.notebook import percent
from sahel_nb.notebook.form import hides_only_itself
from sahel_nb.notebook.percent_lines import Quotes, bare, uncomment_magics
from sahel_nb.notebook.strip_fast import Unsure, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahel_nb.notebook.percent import Json

_MARKER = "# %%"
_KINDS = ("[markdown]", "[raw]")
_VERSION = frozenset("0123456789.abcdefghijklmnopqrstuvwxyz")


def read(mirror: bytes) -> tuple[Json, list[Json]]:
    """The metadata in the header (`jupytext` left out), and the cells: type, source, metadata. Raise `Unsure`."""
    try:
        lines = mirror.decode("utf-8").splitlines()
        metadata, start = header(lines)
        cells = cells_in(lines, start)
    except (AttributeError, IndexError, KeyError, StopIteration, SystemError, TypeError, ValueError, RecursionError):
        raise Unsure from None
    return metadata, cells


def again(cell: Json) -> str:
    """The source of a cell after it was written and read, which is not always what it was. Raise `Unsure`."""
    source = "".join(cell["source"])
    marker, *lines = percent.cell_lines({**cell, "metadata": {}}, source)
    if cell["cell_type"] != "code" or _options(marker)[1]:
        lines = _uncommented(lines)
        return "\n".join([source.splitlines()[0], *lines] if cell["cell_type"] == "code" else lines)
    uncomment_magics(lines)
    return "\n".join(lines)


def header(lines: Sequence[str]) -> tuple[Json, int]:
    """The kernel that the header names, and the number of the first line behind the header."""
    at = 1 if lines[0] == percent.ENCODING else 0
    if lines[at : at + 2] != ["# ---", "# jupyter:"]:
        raise Unsure
    at += 2
    metadata: Json = {}
    block: Json = {}
    while (line := lines[at]) != "# ---":
        name, _, value = line.partition(": ")
        if line == "#   kernelspec:" and not metadata:
            block = metadata["kernelspec"] = {}
        elif name.startswith("#     ") and metadata:
            key = percent.plain(name[6:])
            if key in block:
                raise Unsure
            block[key] = percent.plain(value)
        elif metadata or not _about_jupytext(line, name, value):
            raise Unsure
        at += 1
    if block.get("language", "python") != "python" or (metadata and not block):
        raise Unsure
    at += 1
    if at < len(lines) and not lines[at]:
        at += 1
    return metadata, at


def _about_jupytext(line: str, name: str, value: str) -> bool:
    """A line that says nothing which we would have to keep."""
    if name == "#     formats":
        return percent.knows_formats(value)
    if name == "#     notebook_metadata_filter":
        return hides_only_itself(value)
    if name == "#       jupytext_version":
        return value.startswith("1.") and _VERSION.issuperset(value)
    return line == "#   jupytext:" or line in percent.FORMAT_LINES


def cells_in(lines: Sequence[str], start: int = 0) -> list[Json]:
    """The cells of these lines, which come back as they are. Raise `Unsure`, or what an odd shape raises."""
    cells = []
    at = start
    while at < len(lines):
        cell, at = _cell(lines, at)
        cells.append(cell)
    if percent.body(cells)[:-1] != lines[start:]:
        raise Unsure
    return cells


def _cell(lines: Sequence[str], start: int) -> tuple[Json, int]:
    """The cell that begins at `start`, and the number of the first line of the next one."""
    kind, metadata = _options(lines[start])
    language = metadata.pop("language", "")
    arguments = metadata.pop("magic_args", "")
    following = _next(lines, start, kind)
    end = following
    last, before = (lines[following - 1], lines[following - 2]) if following - start > 1 else ("x", "x")
    if not last:
        end -= 2 if not before.strip() and following - start > 2 and lines[following - 3].strip() else 1
    elif not last.strip():
        raise Unsure  # versions of jupytext differ
    gap = following - end
    if following == len(lines):
        gap += 1
    content = list(lines[start + 1 : end])
    rest = islice(lines, following, None)
    expected = percent.expected_gap(kind, "\n".join(content), content or [""], rest, following == len(lines))
    if gap != expected:
        metadata["lines_to_next_cell"] = gap
    if kind != "code" or language:
        content = _uncommented(content)
        if language:
            if not content:
                raise Unsure  # jupytext gives the magic a line end that it then writes as a line
            content.insert(0, f"%%{language} {arguments}" if arguments else f"%%{language}")
    else:
        if any(line[:1] == "#" and _escaped_start(line) for line in content):
            raise Unsure
        uncomment_magics(content)
    return {"cell_type": kind, "source": "\n".join(content), "metadata": metadata}, following


def _escaped_start(line: str) -> bool:
    """`# # +`: the light format's marker, which jupytext uncomments once."""
    return line[:1] == "#" and bare(line)[:1] == "+" and "#" in line[1 : len(line) - len(bare(line))]


def _next(lines: Sequence[str], start: int, kind: str) -> int:
    """The number of the next line that is a marker, outside of strings; the end where there is none."""
    quotes = Quotes()
    fence = ""
    for at in range(start + 1, len(lines)):
        line = lines[at]
        if quotes.inside:
            quotes.read(line)
            continue
        if "#" in line and ("%%" in line or "In[" in line or "<codecell>" in line) and _is_marker(line):
            if fence:
                raise Unsure  # some versions of jupytext take it for a part of the fenced block
            return at
        if '"' in line or "'" in line:
            quotes.read(line)
        if kind != "code":
            fence = _fence(line[2:] if line.startswith("# ") else line[1:], fence)
    return len(lines)


def _fence(line: str, opened: str) -> str:
    """The Markdown fence that is open after this line, as it was written."""
    text = line.lstrip(" ")
    mark = text[: len(text) - len(text.lstrip(text[:1]))] if text[:1] in ("`", "~") else ""
    if len(mark) < 3:
        return opened
    if not opened:
        return mark
    return "" if mark.startswith(opened) and text.strip() == mark else opened


def _is_marker(line: str) -> bool:
    text = line.lstrip()
    if text[:1] != "#":
        return False
    text = text[1:].lstrip()
    if text.startswith("%%"):
        rest = text.lstrip("%")
        return rest[:1].isspace() or (not rest and text == "%%")
    if text.startswith(("In[", "<codecell>")):
        raise Unsure
    return False


def _options(line: str) -> tuple[str, Json]:
    """The kind and the metadata that a marker gives. Raise `Unsure` for one that is not as we write it."""
    text = line.lstrip()
    if not text.startswith(_MARKER):
        raise Unsure
    text = text[len(_MARKER) + 1 :]
    kind = "code"
    metadata: Json = {}
    first = text.find("=")
    if first < 0:
        for name in _KINDS:
            if text == name or text.endswith(" " + name):
                kind, text = name[1:-1], text[: -len(name)].rstrip(" ")
        if text:
            if any(char in "[{" for char in text) or any(word[:1] == "." for word in text.split(" ")):
                raise Unsure
            metadata["title"] = text
        return kind, metadata
    for name in _KINDS:
        if text.startswith(name + " "):
            kind, text = name[1:-1], text[len(name) + 1 :]
    at = 0
    while at < len(text):
        equals = text.index("=", at)
        metadata[text[at:equals]], at = scan(text, equals + 1)
        at += 1
    # jupytext reads from the right, and any further `=` might be one for it.
    if text.count("=") != len(metadata) or percent.CELL_NOISE.intersection(metadata):
        raise Unsure
    return kind, metadata


def _uncommented(lines: Sequence[str]) -> list[str]:
    if any(line[:1] != "#" for line in lines):
        raise Unsure
    return [line[2:] if line[1:2] == " " else line[1:] for line in lines]
