"""Is a notebook stripped already? For the ordinary one this is seen in its bytes, without parsing them.

The hooks look at every notebook of a commit, and nearly all of them are stripped. Like strip_fast.py this imports
nothing that the interpreter has not loaded.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAD, _END = b'{\n "cells": [\n  {\n', b"\n  }\n ],\n"
_BETWEEN = b"\n  },\n  {\n"
_OPENINGS = (
    b'   "cell_type": "code",\n   "execution_count": null,\n%b   "metadata": {},\n   "outputs": [],\n   "source": [',
    b'   "cell_type": "markdown",\n%b   "metadata": {},\n   "source": [',
    b'   "cell_type": "raw",\n%b   "metadata": {},\n   "source": [',
)
_FIRST, _LAST = b'\n    "', b'"\n   ]'
_BREAK = b'\\n",\n    "'
_WITH_IDS = b'"nbformat_minor": 5'
_CONTROL = bytes(range(32))

# What the next notebook will need as well.
_named: list[tuple[bytes, ...]] = []
_NAMELESS = tuple(opening % b"" for opening in _OPENINGS)
_tails: dict[bytes, bool] = {}
_MOST_TAILS = 32


def certainly_stripped(data: bytes) -> bool:
    """True only where the bytes are those that `strip` would write with its defaults; False says nothing."""
    end = data.rfind(_END)
    if end < 0 or not data.startswith(_HEAD):
        return False
    tail = data[end + len(_END) :]
    with_ids = tail.endswith(_WITH_IDS + b"\n}\n") or b"\n " + _WITH_IDS + b",\n" in tail
    sources = _sources(data[len(_HEAD) : end].split(_BETWEEN), with_ids)
    return sources is not None and _are_written(sources) and _is_text(data) and _is_written_tail(tail)


def _sources(cells: Sequence[bytes], with_ids: bool) -> bytes | None:
    """What stands in the brackets of all sources, from the first quote to the last; None for another kind of cell.

    One after the other they read like one: where a source ends with a line, the next is put as its next line.
    """
    while with_ids and len(_named) < len(cells):
        name = b'   "id": "%d",\n' % len(_named)
        _named.append(tuple(opening % name for opening in _OPENINGS))
    sources: list[bytes] = []
    for index, cell in enumerate(cells):
        for opening in _named[index] if with_ids else _NAMELESS:
            if cell.startswith(opening):
                text = cell[len(opening) :]
                break
        else:
            return None
        if text == b"]":
            continue
        if not text.startswith(_FIRST) or not text.endswith(_LAST):
            return None
        inner = text[len(_FIRST) : -len(_LAST)]
        if not inner or inner.endswith(_FIRST):
            return None  # the writer knows no empty line
        sources += (inner, _BREAK[2:] if inner.endswith(b"\\n") else b" ")
    return b"".join(sources)


def _are_written(sources: bytes) -> bool:
    """Are these whole lines and the usual escapes, spelt as the writer does it, and nothing else?"""
    lines = sources.replace(_BREAK, b"")
    if b"\\" in lines:
        # Backslashes first, in pairs from the left as a parser takes them: what is left of one begins an escape.
        # Something stays in their place, lest what stood around them made an escape of its own.
        lines = sources.replace(b"\\\\", b"xx").replace(_BREAK, b"").replace(b'\\"', b"").replace(b"\\t", b"")
    return b'"' not in lines and b"\\" not in lines and len(lines) == len(lines.translate(None, _CONTROL))


def _is_text(data: bytes) -> bool:
    """Valid UTF-8, without the characters at which `str.splitlines` breaks and which JSON does not escape."""
    if data.isascii():
        return True
    if b"\xc2" in data and b"\xc2\x85" in data:
        return False
    if b"\xe2" in data and (b"\xe2\x80\xa8" in data or b"\xe2\x80\xa9" in data):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_written_tail(tail: bytes) -> bool:
    """What follows the cells: mostly the same in all notebooks of a person."""
    known = _tails.get(tail)
    if known is None:
        from sahel_nb.notebook.strip_fast import strip_ordinary

        whole = b'{\n "cells": [],\n' + tail
        known = strip_ordinary(whole) == whole
        if len(_tails) < _MOST_TAILS:
            _tails[tail] = known
    return known
