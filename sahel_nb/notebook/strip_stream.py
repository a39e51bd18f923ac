"""The large notebook, stripped while it is read: strip_fast.py's bytes, in memory that does not grow with outputs.

It knows the layout that Jupyter and nbformat write, where depth is indentation and a line end never inside a text:

    {                           the notebook's members are at depth 1
     "cells": [                 its cells at depth 2
      {                         a cell's members at depth 3
       "outputs": [             its outputs at depth 4
        {                       an output's members at depth 5
         "text": [              what they hold at depth 6 and below
          "one line\\n",

A cell that fits into the buffer is parsed as it is. From a larger one, children of its outputs are taken away in runs:
each run is parsed, so nothing is dropped unvalidated, and a mark stands in its place. What is left is parsed as the
cell. The layout is a guess that helps to find the places, never believed: where it is wrong, a run or what is left does
not parse, or the mark turns up in something that is kept, and then the answer is `Unsure`, as it is in strip_fast.py.
"""

from __future__ import annotations

from _json import scanstring

from sahel_nb.notebook.strip_fast import MARK, Unsure, refuse_odd_outputs, scan, strip_cell, without_pictures, written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from sahel_nb.notebook.strip_fast import Cell

    Steps = Generator[None, None, None]

_HEAD = 1 << 14
"""Bytes in which the key of a long text ends."""
_START = b'{\n "cells": [\n'
_OUTPUTS = b'   "outputs": [\n'
_IN_LIST, _IN_OBJECT = b'"' + MARK + b'",\n', b'"' + MARK + b'": 0,\n'
_MIXED = b'["' + MARK + b'"],\n'
_AN_OUTPUT = b'{"output_type": "' + MARK + b'"},\n'


class StripStream:
    """Takes a notebook in pieces; `finish` has the stripped one. Both raise `Unsure` where strip.py must decide.

    In bytes: `step` are gathered before anything is looked at; `most` of a cell, or of what is below it, are parsed in
    one piece; `small` outputs are not worth a mark.
    """

    def __init__(self, step: int = 1 << 17, most: int = 1 << 18, small: int = 1 << 12) -> None:
        self._step, self._most, self._small = step, most, small
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._buffer = b""
        self._at = 0
        self._ended = False
        self._kept: list[bytes] = []
        self._cells: list[Cell] = []
        self._rest: dict[str, Any] = {}
        self._steps = self._notebook()
        next(self._steps)

    def feed(self, data: bytes) -> None:
        self._pieces.append(data)
        self._gathered += len(data)
        if self._gathered >= self._step:
            self._go_on()

    def finish(self) -> bytes:
        """The whole stripped notebook, once all of it has been fed."""
        self._ended = True
        try:
            self._go_on()
        except StopIteration:
            pass
        else:
            raise Unsure
        try:
            return written(self._rest, self._cells)
        except (ValueError, RecursionError):
            raise Unsure from None  # half of a surrogate pair: strip.py finds the words

    def _go_on(self) -> None:
        self._buffer = b"".join((self._buffer[self._at :], *self._pieces))
        self._at = 0
        self._pieces.clear()
        self._gathered = 0
        try:
            next(self._steps)
        except (ValueError, RecursionError):
            raise Unsure from None

    def _more(self) -> Steps:
        """Wait for bytes; what has been passed is forgotten. There must be some: nothing ends where this is asked."""
        if self._ended:
            raise Unsure
        yield

    def _has(self, size: int) -> Steps:
        while len(self._buffer) - self._at < size:
            yield from self._more()

    def _notebook(self) -> Steps:
        yield from self._has(len(_START))
        if not self._buffer.startswith(_START):
            raise Unsure
        self._at = len(_START)
        while True:
            yield from self._has(4)
            if self._buffer[self._at : self._at + 4] != b"  {\n":
                raise Unsure
            yield from self._cell()
            yield from self._has(4)
            if not self._buffer.startswith(b",\n", self._at):
                break
            self._at += 2
        if not self._buffer.startswith(b"\n ],", self._at):
            raise Unsure
        self._at += 4
        while not self._ended:
            yield
        rest = "{" + self._buffer[self._at :].decode("utf-8")
        self._rest, end = _scanned(rest)
        if rest[end:].strip(" \t\r\n") or "cells" in self._rest:
            raise Unsure
        self._rest["cells"] = []

    def _cell(self) -> Steps:
        searched = 0
        while (end := self._buffer.find(b"\n  }", self._at + searched)) < 0:
            searched = max(0, len(self._buffer) - self._at - 3)
            if searched > self._most:
                yield from self._large_cell()
                return
            yield from self._more()
        text = self._buffer[self._at + 2 : end + 4]
        self._at = end + 4
        self._strip(text)

    def _strip(self, text: bytes) -> None:
        for candidate in (without_pictures(text), text):
            if candidate is None:
                continue
            whole = candidate.decode("utf-8")
            cell, end = _scanned(whole)
            if end != len(whole):
                raise Unsure
            stripped = strip_cell(cell, whole)
            if MARK.decode() not in stripped[0] and MARK.decode() not in stripped[1]:
                self._cells.append(stripped)
                return
        raise Unsure

    def _large_cell(self) -> Steps:
        self._kept = [b"{\n"]
        self._at += 4
        while True:
            yield from self._has(len(_OUTPUTS))
            if self._buffer.startswith(b"  }", self._at):
                break
            if self._buffer.startswith(_OUTPUTS, self._at):
                self._keep(len(_OUTPUTS))
                yield from self._children(4, b"]")
            else:
                yield from self._member()
            yield from self._has(2)
            # The comma and the line end after a member, or the line end alone after the last.
            self._keep(2 if self._buffer.startswith(b",", self._at) else 1)
        self._keep(3)
        text = b"".join(self._kept)
        self._kept = []
        self._strip(text)

    def _member(self) -> Steps:
        """A member of a cell that is kept, and so held, however large it is: up to its comma or line end."""
        line = yield from self._line()
        if line.endswith((b"[", b"{")):
            close = b"\n   " + (b"]" if line.endswith(b"[") else b"}")
            searched = 0
            while (end := self._buffer.find(close, self._at + searched)) < 0:
                searched = max(0, len(self._buffer) - self._at - len(close))
                yield from self._more()
            self._keep(end + len(close) - self._at)
        else:
            self._keep(len(line.rstrip(b",")))

    def _line(self) -> Generator[None, None, bytes]:
        searched = 0
        while (end := self._buffer.find(b"\n", self._at + searched)) < 0:
            searched = len(self._buffer) - self._at
            yield from self._more()
        return self._buffer[self._at : end]

    def _keep(self, size: int) -> None:
        self._kept.append(self._buffer[self._at : self._at + size])
        self._at += size

    def _children(self, depth: int, bracket: bytes) -> Steps:
        """What a list or an object holds, up to and with its closing bracket; of many children, most are taken away."""
        close = b"\n" + b" " * (depth - 1) + bracket
        while True:
            end = self._buffer.find(close, self._at)
            if 0 <= end <= self._at + self._small:
                self._keep(end + len(close) - self._at)
                return
            if end < 0 and len(self._buffer) - self._at < self._most:
                yield from self._more()
                continue
            # An output itself stays whole: each of its members is asked for when the cell is parsed.
            last = self._boundary(depth, end if end >= 0 else len(self._buffer)) if depth != 5 else 0
            if last > self._at:
                self._kept.append(_replaced(self._buffer[self._at : last], depth, bracket))
                self._at = last
            elif (yield from self._child(depth, close)):
                return

    def _boundary(self, depth: int, end: int) -> int:
        """Where the last child begins that follows a whole one, before `end`; 0 where there is none."""
        indent = b"\n" + b" " * depth
        last = self._buffer.rfind(b",\n", self._at, end)
        after = last + 1 + len(indent)
        if (
            last >= 0
            and self._buffer.startswith(indent, last + 1)
            and self._buffer[after : after + 1] not in (b"", b" ")
        ):
            return last + 2
        found = 0
        for first in (b'"', b"{", b"["):
            last = self._buffer.rfind(b"," + indent + first, max(self._at, found), end)
            found = max(found, last + 2 if last >= 0 else 0)
        return found

    def _child(self, depth: int, close: bytes) -> Generator[None, None, bool]:
        """The first child, by itself; True where it was the last, and its parent is closed."""
        end = self._buffer.find(b"\n", self._at)
        opened = self._buffer[end - 1 : end] if end >= 0 else b""
        if opened in (b"[", b"{"):
            self._keep(end + 1 - self._at)
            yield from self._children(depth + 1, b"]" if opened == b"[" else b"}")
        elif end < 0 or end > self._at + self._small:
            yield from self._long_text(depth)
        else:
            self._keep(end - self._at - (opened == b","))
        yield from self._has(len(close))
        if self._buffer.startswith(close, self._at):
            self._keep(len(close))
            return True
        if not self._buffer.startswith(b",\n", self._at):
            raise Unsure
        self._keep(2)
        return False

    def _long_text(self, depth: int) -> Steps:
        """A line as long as this can only be one text, or a key and a text. A mark is kept of the text."""
        head_end = _cut(self._buffer, self._at, min(len(self._buffer), self._at + _HEAD))
        head = self._buffer[self._at : head_end].decode("utf-8")
        start = depth
        if head[:start].strip(" ") or head[start : start + 1] != '"':
            raise Unsure
        start += 1
        _, end = scanstring(head + '"', start, True)
        if head.startswith(': "', end):
            start = end + 3
        elif head[end : end + 1] not in ("", ",", "\n"):
            raise Unsure
        size = len(head[:start].encode("utf-8"))
        self._keep(size)
        is_empty = True
        while True:
            cut = _cut(self._buffer, self._at, len(self._buffer))
            text = self._buffer[self._at : cut].decode("utf-8") + '"'
            _, end = scanstring(text, 0, True)
            if end < len(text):
                size = len(text[: end - 1].encode("utf-8"))
                is_empty = is_empty and not size
                self._at += size
                break
            is_empty = is_empty and cut == self._at
            self._at = cut
            if self._buffer.startswith(b'"', cut):
                break
            yield from self._more()
        if not is_empty:  # an output of empty texts is one that stays
            self._kept.append(MARK)
        self._keep(1)


def _cut(buffer: bytes, start: int, end: int) -> int:
    """A place near `end` of the text that begins at `start`, neither inside a character nor inside an escape."""
    last = buffer.rfind(b"\\", max(start, end - 6), end)
    if last >= 0:
        # Backslashes pair up from the left: one that is left over begins an escape, of two bytes or of six.
        before = buffer[start : last + 1]
        alone = (len(before) - len(before.rstrip(b"\\"))) % 2
        if alone and end - last < (6 if buffer[last + 1 : min(last + 2, end)] == b"u" else 2):
            return last
    first = end - 1
    while first >= max(start, end - 3) and buffer[first] & 0xC0 == 0x80:
        first -= 1
    return first if first >= start and buffer[first] >= 0xC0 else end


def _scanned(text: str) -> tuple[Any, int]:
    try:
        found: tuple[Any, int] = scan(text, 0)
    except (StopIteration, SystemError):
        raise Unsure from None
    return found


def _replaced(run: bytes, depth: int, bracket: bytes) -> bytes:
    """Parse a run of whole children, each with its comma, and find the mark that may stand for them."""
    short = without_pictures(run) or run
    opening = "[" if bracket == b"]" else "{"
    text = opening + short.removesuffix(b",\n").decode("utf-8") + bracket.decode()
    children, end = _scanned(text)
    if end != len(text) or not children:
        raise Unsure
    if depth == 4:
        refuse_odd_outputs(children)
        return _AN_OUTPUT
    if bracket == b"}":
        return _IN_OBJECT
    return _IN_LIST if {*map(type, children)} == {str} else _MIXED
