"""Kaggle's log in its four shapes, as records.

    persisted   [{"stream_name": "stdout", "time": 1.25, "data": "…"}\\n,{…}\\n]
    live (SSE)  data: {"stream_name": …}          ended by  data: END_OF_LOG
    lines       {…}\\n,{…}\\n                       a persisted log that was cut
    page        10.3s\\t12\\ttext                     copied from the notebook's web page: seconds, number, text

Bytes are decoded as UTF-8 whatever the headers say (a stream without a charset is read as Latin-1 by others). A
reconnected stream replays from the start: whoever follows counts records, see `run.follow`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.model import LogRecord

END = "END_OF_LOG"
LONGEST_LINE = 1 << 26
"""Bytes of a line: one without an end must not fill the memory."""
_PAGE = re.compile(r"[ \t]*(\d+(?:\.\d+)?)s[ \t]+\d+[ \t]?(.*)$")
FEW = 16
"""Lines that one record of a log may take."""


def persisted(lines: Iterable[str]) -> Iterator[LogRecord]:
    """The records of a persisted log, a line at a time. A cut log gives those that are whole.

    Kaggle writes a record a line; records that share a line or take several are read as well. Text that is no log
    gives a record for each of its lines, without what the web page puts before each.
    """
    plain: bool | None = None
    pending: list[str] = []
    for line in lines:
        body = line.strip()
        if plain is None and body:
            plain = not body.startswith(("[", "{"))
        if plain:
            yield _of_page(line.rstrip("\r\n"))
            continue
        alone, together = _items(body), None
        if alone is None and len(pending) < FEW:
            pending.append(body)
            together = _items("\n".join(pending))
        if alone is not None or together is not None or len(pending) == FEW:
            pending.clear()
        yield from map(_record, alone or together or ())


def _of_page(line: str) -> LogRecord:
    """A line of the web page's log, or of any other text."""
    found = _PAGE.match(line)
    return LogRecord("stdout", float(found[1]), found[2] + "\n") if found else LogRecord("stdout", 0.0, line + "\n")


def _items(text: str) -> list[Any] | None:
    # The first record follows "[", the others ",": keep both (a parser that looks for "," alone drops the first).
    body = text.removeprefix("[").lstrip(",").removesuffix("]").rstrip(",")
    try:
        found = json.loads(f"[{body}]")
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def parse_log(text: str) -> tuple[LogRecord, ...]:
    """The same, of a text that is all here."""
    return tuple(persisted(text.removesuffix("\n").split("\n") if text.strip() else ()))


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream with their ends, as soon as they are whole, in time that grows with their length alone.

    (`requests` looks at everything that it has of a line again with every 512 bytes: seconds for a line of 10 MB.)
    """
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            held.append(line)
            yield b"".join(held) + b"\n"
            held.clear()
            size = 0
        if rest:
            held.append(rest)
            size += len(rest)
            if size > LONGEST_LINE:
                raise NetworkError(f"a line of the log is larger than {LONGEST_LINE:,} bytes")
    if held:
        yield b"".join(held)


def parse_stream(raw_lines: Iterable[bytes]) -> Iterator[LogRecord | None]:
    """Server-sent events as records; a last `None` says that the service itself ended the log.

    A line without an end was cut: it comes whole when the stream is opened again.
    """
    for raw in raw_lines:
        line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
        if not line.startswith("data:"):
            continue
        payload = line[5:].lstrip(" ")
        if payload == END:
            yield None
            return
        if not raw.endswith(b"\n"):
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
