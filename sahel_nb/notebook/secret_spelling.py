"""Secrets in pieces: "hf_…" + "…", two strings side by side, "".join([…]), f"{a}{b}" of constants, k += "…",
"{}{}".format(a, b), "%s%s" % (a, b), escapes, base64.

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
_ADDED = re.compile(
    rb"^[ \t\0]*([A-Za-z_]\w*)[ \t]*\+=[ \t]*[\"']([^\"'\n]{2,4000})[\"'][ \t]*(?:#.*)?\r?$", re.MULTILINE
)
_FILLED = re.compile(
    rb"[\"'](?P<text>[^\"'\n]{2,200})[\"'](?:\.format\(|[ \t]*%[ \t]*\()(?P<given>[^()\n]{3,4000})\)",
)
_HOLE = re.compile(rb"\{\}|%s")
_GIVEN = re.compile(rb"[ \t]*(?:[\"']([^\"'\n]*)[\"']|([A-Za-z_]\w*))[ \t]*(?:,|\Z)")
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
    if b"+=" in data:
        yield from _added(data)
    if b".format(" in data or b"%s" in data:
        yield from _filled(data)
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


def _added(data: bytes) -> Iterator[tuple[int, bytes]]:
    """A constant, and what is added to its name below it."""
    added = list(_ADDED.finditer(data))
    names = {match[1] for match in added}
    for match in _CONSTANT.finditer(data) if names else ():
        if match[1] in names:
            text = match[2] + b"".join(more[2] for more in added if more[1] == match[1] and more.start() > match.end())
            yield match.start(), match[1] + b' = "' + text + b'"'


def _filled(data: bytes) -> Iterator[tuple[int, bytes]]:
    """A text whose holes are filled with literals and constants; with anything else, nothing is known of it."""
    constants: dict[bytes, bytes] | None = None
    for match in _FILLED.finditer(data):
        given, at = [], 0
        while (one := _GIVEN.match(match["given"], at)) is not None and one.end() > at:
            given.append(one)
            at = one.end()
        holes = _HOLE.findall(match["text"])
        if at < len(match["given"]) or len(holes) != len(given):
            continue
        if constants is None:
            constants = {found[1]: found[2] for found in _CONSTANT.finditer(data)}
        values = [one[1] if one[2] is None else constants.get(one[2]) for one in given]
        if None not in values:
            filled = iter(values)
            begin = _line_begin(data, match.start())
            text = _HOLE.sub(lambda _, filled=filled: next(filled), match["text"])
            yield begin, data[begin : match.start()] + b'"' + text + b'"'


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
