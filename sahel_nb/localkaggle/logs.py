"""The log of a version: written line by line by the executor, read here in three shapes.

log.jsonl   {"stream_name":"stdout","time":0.42,"data":"ŋana\\n"}            one a line, as they come
the blob    [{…}\\n,{…}\\n]                                                   once the run is over
SSE         data: {…}\\n\\n … data: END_OF_LOG\\n\\n                             while it runs
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

END = b"data: END_OF_LOG\n\n"
_PIECE = 1 << 18

# The client cuts the stream with str.splitlines(), for which these are line ends too; inside JSON they can be escaped.
_LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


def tail(path: Path, offset: int, limit: int = 1 << 20) -> tuple[list[bytes], int]:
    """Whole lines from `offset` on, and where the next look begins. A line still being written waits."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(limit)
            while data and b"\n" not in data:
                more = file.read(limit)
                if not more:
                    return [], offset
                data += more
    except FileNotFoundError:
        return [], offset
    whole, newline, _ = data.rpartition(b"\n")
    if not newline:
        return [], offset
    return [line for line in whole.split(b"\n") if _is_record(line)], offset + len(whole) + 1


def records(path: Path) -> Iterator[bytes]:
    """All whole lines. What a killed writer left unfinished is not a record."""
    offset = 0
    while True:
        lines, after = tail(path, offset)
        if after == offset:
            return
        yield from lines
        offset = after


def array(path: Path) -> Iterator[bytes]:
    """The persisted log as Kaggle keeps it, a JSON array with the comma at the line's beginning: a piece at a time."""
    held, size = [b"["], 1
    for count, line in enumerate(records(path)):
        held += (b"," if count else b"", line, b"\n")
        size += len(line) + 2
        if size >= _PIECE:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join((*held, b"]"))


def blob(path: Path) -> bytes:
    """The same in one."""
    return b"".join(array(path))


def event(line: bytes) -> bytes:
    for raw, escaped in _LINE_ENDS:
        line = line.replace(raw, escaped)
    return b"data: " + line + b"\n\n"


def append(path: Path, seconds: float, text: str) -> None:
    """A line of the service's own, at the end of a log that nobody else writes any more."""
    record = {"stream_name": "stderr", "time": round(seconds, 6), "data": text}
    line = json.dumps(record, ensure_ascii=False).encode("utf-8") + b"\n"
    with path.open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)


def _is_record(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
