"""Kaggle's log in its three shapes, as records.

    persisted   [{"stream_name": "stdout", "time": 1.25, "data": "…"}\\n,{…}\\n]
    live (SSE)  data: {"stream_name": …}          ended by  data: END_OF_LOG
    lines       {…}\\n,{…}\\n                       a persisted log that was cut

Bytes are decoded as UTF-8 whatever the headers say (a stream without a charset is read as Latin-1 by others). A
reconnected stream replays from the start: whoever follows counts records, see `run.follow`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sahel_nb.kernels.model import LogRecord

END = "END_OF_LOG"


def parse_log(text: str) -> tuple[LogRecord, ...]:
    """The records of a persisted log. A cut log gives those that are whole; text that is no log, one record."""
    stripped = text.strip()
    if not stripped:
        return ()
    try:
        items = json.loads(stripped)
    except ValueError:
        if stripped.startswith("["):
            return tuple(_from_lines(stripped))
        return (LogRecord("stdout", 0.0, text),)
    if isinstance(items, dict):
        items = [items]
    if not isinstance(items, list):
        return (LogRecord("stdout", 0.0, text),)
    return tuple(_record(item) for item in items)


def _from_lines(text: str) -> Iterator[LogRecord]:
    # The first record follows "[", the others ",": keep both (a parser that looks for "," alone drops the first).
    for line in text.split("\n"):
        body = line.strip().lstrip("[,").rstrip("]").strip()
        if not body:
            continue
        try:
            item = json.loads(body)
        except ValueError:
            continue
        yield _record(item)


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream, as soon as they are whole, in time that grows with their length and no faster.

    (`requests` looks at everything that it has of a line again with every 512 bytes: seconds for a line of 10 MB.)
    """
    held: list[bytes] = []
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            held.append(line)
            yield b"".join(held)
            held.clear()
        if rest:
            held.append(rest)
    if held:
        yield b"".join(held)


def parse_stream(raw_lines: Iterable[bytes]) -> Iterator[LogRecord | None]:
    """Server-sent events as records; a last `None` says that the service itself ended the log."""
    for raw in raw_lines:
        line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
        if not line.startswith("data:"):
            continue
        payload = line[5:].lstrip(" ")
        if payload == END:
            yield None
            return
        try:
            item = json.loads(payload)
        except ValueError:
            item = payload
        yield _record(item)


def _record(item: Any) -> LogRecord:
    if not isinstance(item, dict):
        return LogRecord("stdout", 0.0, item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
    try:
        time = float(item.get("time") or 0.0)
    except (TypeError, ValueError):
        time = 0.0
    return LogRecord(str(item.get("stream_name") or "stdout"), time, str(item.get("data") or ""))


def dump_log(records: Iterable[LogRecord]) -> Iterator[str]:
    """The persisted shape, piece by piece, so that twelve hours of log never stand in memory."""
    yield "["
    for count, record in enumerate(records):
        item = {"stream_name": record.stream, "time": record.time, "data": record.data}
        yield ("," if count else "") + json.dumps(item, ensure_ascii=False) + "\n"
    yield "]"
