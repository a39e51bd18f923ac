"""`Content-Range` of an upload's PUT: which bytes come, or the question how many have come.

bytes 100-199/200     these bytes of 200          bytes */200     how far are we?
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CONTENT_RANGE = re.compile(r"bytes (?:\*|([0-9]{1,18})-([0-9]{1,18}))/(\*|[0-9]{1,18})")


@dataclass(frozen=True)
class Query:
    """How much is there?"""

    total: int | None


@dataclass(frozen=True)
class Piece:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int
    total: int | None


def content_range(text: str) -> Query | Piece | None:
    """None for what cannot be understood or contradicts itself."""
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if match is None:
        return None
    total = None if match.group(3) == "*" else int(match.group(3))
    if match.group(1) is None:
        return Query(total)
    first, last = int(match.group(1)), int(match.group(2))
    if first > last or (total is not None and last >= total):
        return None
    return Piece(first, last, total)
