"""Is a notebook stripped already? For the ordinary one this is seen in its bytes, without parsing them.

The hooks look at every notebook of a commit, and nearly all of them are stripped. Like strip_fast.py this imports
nothing that the interpreter has not loaded.
"""

from __future__ import annotations

from sahel_nb.notebook.strip_fast import strip_ordinary

_HEAD, _END = b'{\n "cells": [\n  {\n', b"\n  }\n ],\n"
_BETWEEN = b"\n  },\n  {\n"
_ID = b'   "id": "%d",\n'
_CODE = (
    b'   "cell_type": "code",\n   "execution_count": null,\n',
    b'   "metadata": {},\n   "outputs": [],\n   "source": [',
)
_TEXTS = tuple(
    (b'   "cell_type": "%s",\n' % kind, b'   "metadata": {},\n   "source": [') for kind in (b"markdown", b"raw")
)
_WITH_IDS = b'"nbformat_minor": 5'
_BREAK = b'\\n",\n    "'
_OTHER_BREAKS = (b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
_CONTROL = bytes(range(32))


def certainly_stripped(data: bytes) -> bool:
    """True only where the bytes are those that `strip` would write with its defaults; False says nothing."""
    end = data.find(_END)
    if end < 0 or not data.startswith(_HEAD) or any(mark in data for mark in _OTHER_BREAKS):
        return False
    rest = b'{\n "cells": [],\n' + data[end + len(_END) :]
    with_ids = rest.endswith(_WITH_IDS + b"\n}\n") or b"\n " + _WITH_IDS + b",\n" in rest
    for index, cell in enumerate(data[len(_HEAD) : end].split(_BETWEEN)):
        name = _ID % index if with_ids else b""
        for head, tail in (_CODE, *_TEXTS):
            if cell.startswith(head):
                start = head + name + tail
                break
        else:
            return False
        if not cell.startswith(start) or not _is_written_source(cell[len(start) :]):
            return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return strip_ordinary(rest) == rest


def _is_written_source(text: bytes) -> bool:
    """The lines of a source as the writer spells them, after the opening bracket: whole lines, the usual escapes."""
    if text == b"]":
        return True
    if not text.startswith(b'\n    "') or not text.endswith(b'"\n   ]'):
        return False
    inner = text[6:-6]
    if not inner or inner.endswith(b'"'):
        return False
    # Backslashes first, in pairs from the left as a parser takes them: what is left of one begins an escape. Something
    # stays in their place, lest what stood around them made an escape of its own.
    lines = inner.replace(b"\\\\", b"xx").removesuffix(b"\\n").replace(_BREAK, b"")
    if b"\\" in lines:
        lines = lines.replace(b'\\"', b"").replace(b"\\t", b"")
    return b'"' not in lines and b"\\" not in lines and lines == lines.translate(None, _CONTROL)
