"""An answer with a text in it that may be too long to hold, sent while it is read.

{"files":[…],"log":"[{\\"stream_name\\":…","nextPageToken":""}      the same bytes as of an answer that is held
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

HELD = 1 << 20
"""Bytes. A shorter answer has its length in its head; a longer one is sent in chunks."""


@dataclass(frozen=True)
class LongText:
    """A value of an answer. Each call of `pieces` begins to read anew; a piece ends with a whole character."""

    pieces: Callable[[], Iterator[bytes]]


def answer(value: Any) -> Response:
    """`value` as JSON. A `LongText` may be a value of its outermost object."""
    if isinstance(value, dict) and any(isinstance(item, LongText) for item in value.values()):
        return in_parts(_parts(value), "application/json")
    return JSONResponse(value)


def in_parts(parts: Iterator[bytes], media_type: str) -> Response:
    """A body that is sent while it is read, if it is longer than is held."""
    begun: list[bytes] = []
    size = 0
    for part in parts:
        begun.append(part)
        size += len(part)
        if size > HELD:
            return StreamingResponse(chain((b"".join(begun),), parts), media_type=media_type)
    return Response(b"".join(begun), media_type=media_type)


def _parts(values: dict[str, Any]) -> Iterator[bytes]:
    """As JSONResponse writes them."""
    before = b"{"
    for key, value in values.items():
        yield before + _json(key) + b":"
        if isinstance(value, LongText):
            yield b'"'
            for piece in value.pieces():
                yield _json(piece.decode("utf-8", "replace"))[1:-1]
            yield b'"'
        else:
            yield _json(value)
        before = b","
    yield b"}"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
