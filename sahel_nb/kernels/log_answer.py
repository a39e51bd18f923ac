"""The log inside Kaggle's answer, read while the answer comes.

ListKernelSessionOutput answers `{"files": […], "log": "[{\\"stream_name\\": …}\\n,{…}\\n]", "nextPageToken": ""}`: a
JSON text within a JSON string, tens of megabytes after twelve hours. The SDK holds it several times over; here a line
of it is held at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.arriving import at_most

MOST_LOG = 1 << 31
"""Bytes of an answer with a log in it, which is read as it comes: half a day at 50 KB a second."""
MOST_PAGE = 1 << 23
"""Bytes of it without the log: a page of 500 names and signed URLs takes one."""
LONGEST_LINE = 1 << 26
"""Bytes of a line of the log: one without an end must not fill the memory."""
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)
_VALUE = re.compile(rb"\s*(:)?\s*(\S)?")
# As far as it is neither the string's end, nor an escaped newline, nor an escape that was cut in two.
_RUN = re.compile(rb'[^"\\]*(?:\\[^n][^"\\]*)*', re.DOTALL)


def log_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of the answer's `log`, without their ends; none where the answer has no log.

    Raises `NetworkError` for an answer that was cut or is an error, and `ValueError` for what is no such answer.
    """
    pieces = at_most(chunks, MOST_LOG, "the answer")
    head, begun = _find(pieces)
    if begun is None:
        _parsed(head)
    else:
        yield from _lines(begun, pieces)


def without_log(chunks: Iterable[bytes]) -> dict[str, Any]:
    """All of the answer but its log. Raises as `log_lines` does."""
    pieces = at_most(chunks, MOST_LOG, "the answer")
    head, begun = _find(pieces)
    if begun is None:
        return _parsed(head)
    return _parsed(b"".join((head, b'""', _behind(begun, pieces), *at_most(pieces, MOST_PAGE, "the answer"))))


def _find(chunks: Iterator[bytes]) -> tuple[bytes, bytes | None]:
    """The answer as far as its log, and what has come of that string after its quote; the answer and None where it has
    no log. Only the outermost object's own key counts."""
    head, place, depth = b"", 0, 0
    for chunk in at_most(chunks, MOST_PAGE, "the list of files"):
        head += chunk
        while token := _TOKEN.search(head, place):
            if token[0] in b"{[":
                depth += 1
            elif token[0] in b"}]":
                depth -= 1
            elif depth == 1 and token[0] == b'"log"':
                after = _VALUE.match(head, token.end())
                if after is None or not (after[1] or after[2]) or (after[1] and not after[2]):
                    break  # what follows has not come yet
                if after[1] and after[2] == b'"':
                    return head[: after.end() - 1], head[after.end() :]
            place = token.end()
    return head, None


def _parsed(body: bytes) -> dict[str, Any]:
    answer = json.loads(body)
    if not isinstance(answer, dict):
        raise ValueError("no JSON object")  # noqa: TRY004  it is the text that is wrong
    if isinstance(answer.get("code"), int) and answer["code"] >= 400:
        raise NetworkError(f"Kaggle answered {answer['code']} {answer.get('message', '')}")
    return answer


def _behind(data: bytes, chunks: Iterator[bytes]) -> bytes:
    """What has come after the end of the log's string, which is passed over."""
    scanned = 0
    while True:
        found = _RUN.match(data, scanned)
        end = found.end() if found else scanned
        if data[end : end + 2] == b"\\n":
            scanned = end + 2
        elif data[end : end + 1] == b'"':
            return data[end + 1 :]
        else:
            chunk = next(chunks, None)
            if chunk is None:
                raise NetworkError("the log was cut off")
            data, scanned = data[end:] + chunk, 0


def _lines(data: bytes, chunks: Iterator[bytes]) -> Iterator[str]:
    held: list[bytes] = []  # of a line that has not ended yet
    begin = scanned = size = 0
    while True:
        found = _RUN.match(data, scanned)
        end = found.end() if found else scanned
        if data[end : end + 2] == b"\\n":
            yield _text(b"".join((*held, data[begin:end])))
            held.clear()
            begin = scanned = end + 2
            size = 0
        elif data[end : end + 1] == b'"':
            if held or end > begin:
                yield _text(b"".join((*held, data[begin:end])))
            return
        else:
            if end > begin:  # a piece that ends with a line leaves nothing of the next
                held.append(data[begin:end])
                size += end - begin
                if size > LONGEST_LINE:
                    raise NetworkError(f"a line of the log is larger than {LONGEST_LINE:,} bytes")
            chunk = next(chunks, None)
            if chunk is None:
                raise NetworkError("the log was cut off")
            data, begin, scanned = data[end:] + chunk, 0, 0


def _text(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:  # an escape that JSON does not know
        return text
