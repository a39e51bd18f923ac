"""Secrets in pieces: "hf_…" + "…", two strings side by side, "".join([…]), f"{a}{b}" of constants, escapes, base64.

Nothing is evaluated: only literals are put together, as a reader does it. A text that is put together is searched by
itself, and what is found in it stands where its first piece begins.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_AROUND = 400
_OPEN = rb"[rbfuRBFU]{0,2}[\"']"
_JOINT = re.compile(rb"[\"'](?:[ \t]*(?:\\\r?\n)?\s*\+[\s\\]*|[ \t]+(?:\\\r?\n\s*)?|[ \t]*\\?\r?\n\s*)" + _OPEN)
_JOIN = re.compile(rb"(?:\"\"|'')\s*\.join\(\s*[\[(]\s*")
_COMMA = re.compile(rb"[\"'],\s*" + _OPEN)
_CUT = re.compile(rb"\\\r?\n[ \t]*")
_CONSTANT = re.compile(
    rb"^[ \t\0]*([A-Za-z_]\w*)[ \t]*(?::[ \t]*str[ \t]*)?=[ \t]*[\"']([^\"'\n]{2,4000})[\"'][ \t]*(?:#.*)?\r?$",
    re.MULTILINE,
)
_SUM = re.compile(rb"^.*(?:\+[ \t]*[A-Za-z_\"'{]|\{[A-Za-z_]\w*\}).*$", re.MULTILINE)
_PLUS = re.compile(rb"(?<![\w.\"'])([A-Za-z_]\w*)(?=[ \t]*(?:\+|\)|\r?$|#|,))", re.MULTILINE)
_FIELD = re.compile(rb"\{([A-Za-z_]\w*)\}")
_ESCAPE = re.compile(rb"\\{1,2}(?:u00|x)([2-7][0-9A-Fa-f])")


def put_together(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset of the first piece, the text in one piece) of whatever a reader would read as one."""
    yield from _chains(data)
    for match in _JOIN.finditer(data):
        end = data.find(b")", match.end(), match.end() + _AROUND)
        if end >= 0:
            begin = _line_begin(data, match.start())
            yield begin, data[begin : match.start()] + _COMMA.sub(b"", data[match.end() : end])
    if b"\\\n" in data or b"\\\r\n" in data:
        for match in _CUT.finditer(data):
            begin, end = _line_begin(data, match.start()), _line_end(data, match.end())
            yield begin, _CUT.sub(b"", data[begin:end])
    if b"+" in data or b"{" in data:
        yield from _sums(data)
    if b"\\u00" in data or b"\\x" in data:
        yield from _escapes(data)


def _chains(data: bytes) -> Iterator[tuple[int, bytes]]:
    first = end = -1
    pieces: list[bytes] = []
    for match in _JOINT.finditer(data):
        if first < 0 or match.start() - end > _AROUND:
            if pieces:
                yield first, b"".join(pieces) + data[end : _line_end(data, end)]
            first, pieces = _line_begin(data, _line_begin(data, match.start()) - 1), []
            end = first
        pieces.append(data[end : match.start()])
        end = match.end()
    if pieces:
        yield first, b"".join(pieces) + data[end : _line_end(data, end)]


def _sums(data: bytes) -> Iterator[tuple[int, bytes]]:
    constants = {match[1]: match[2] for match in _CONSTANT.finditer(data)}
    if not any(map(_may_be_a_piece, constants.values())):
        return
    for match in _SUM.finditer(data):
        line = match[0][:1000]
        if not any(name in constants for name in re.findall(rb"[A-Za-z_]\w*", line)):
            continue
        known = _FIELD.sub(lambda one: constants.get(one[1], one[0]), line)
        known = _PLUS.sub(lambda one: b'"' + constants[one[1]] + b'"' if one[1] in constants else one[0], known)
        if known != line:
            yield match.start(), _JOINT.sub(b"", known)


def _may_be_a_piece(value: bytes) -> bool:
    return value.startswith(b"-----") or (
        b" " not in value and (value.translate(None, b"0123456789") != value or not value.islower())
    )


def _escapes(data: bytes) -> Iterator[tuple[int, bytes]]:
    done = -1
    for match in _ESCAPE.finditer(data):
        if match.start() >= done:
            begin, done = _line_begin(data, match.start()), _line_end(data, match.end())
            yield begin, _ESCAPE.sub(lambda one: bytes((int(one[1], 16),)), data[begin:done])


def _line_begin(data: bytes, at: int) -> int:
    return max(data.rfind(b"\n", 0, max(at, 0)) + 1, at - _AROUND, 0)


def _line_end(data: bytes, at: int) -> int:
    end = data.find(b"\n", at)
    return min(end if end >= 0 else len(data), at + _AROUND)
