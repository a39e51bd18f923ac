"""A body as it comes, which is not how `requests` hands it on.

It reads a body that is not sent in chunks, as after a proxy that speaks HTTP/1.0, until it has as much as was asked
for: a live log would be silent, and what had arrived before a cut would be lost. The less there is to a piece, the more
of a processor it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sahel_nb.errors import NetworkError

MOST = 1 << 18


def arriving(response: Any, chunk: int | None = None) -> Iterator[bytes]:
    """The pieces of a `requests` response. Raises what its `iter_content` raises.

    `chunk` is for a body that is sent in chunks: so many bytes at a time; None: a chunk at a time, as it was sent.
    """
    raw = response.raw
    if getattr(raw, "chunked", False):
        yield from response.iter_content(chunk)
        return
    from requests.exceptions import ConnectionError as Cut
    from urllib3.exceptions import HTTPError

    try:
        while piece := raw.read1(MOST, decode_content=True):
            yield piece
    except HTTPError as exc:
        raise Cut(exc) from exc


def at_most(chunks: Iterable[bytes], limit: int, what: str) -> Iterator[bytes]:
    """The same chunks; raises `NetworkError` when they are more than `limit` bytes."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise NetworkError(f"{what} is larger than {limit:,} bytes")
        yield chunk
