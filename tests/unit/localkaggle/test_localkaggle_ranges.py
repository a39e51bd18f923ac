"""Content-Range as clients send it, and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.localkaggle.ranges import Piece, Query, content_range

NUMBERS = st.integers(0, 10**15)


@given(NUMBERS, NUMBERS, st.none() | NUMBERS)
def test_what_is_written_is_read(first: int, last: int, total: int | None) -> None:
    found = content_range(f"bytes {first}-{last}/{'*' if total is None else total}")
    if first <= last and (total is None or last < total):
        assert found == Piece(first, last, total)
    else:
        assert found is None


@given(NUMBERS)
def test_the_question(total: int) -> None:
    assert content_range(f"bytes */{total}") == Query(total)


@given(st.text(max_size=40))
def test_nothing_else_is_understood(text: str) -> None:
    found = content_range(text)
    if isinstance(found, Piece):
        assert 0 <= found.first <= found.last
    elif found is None:
        assert not text.strip().startswith("bytes */") or not text.strip()[8:].isdecimal() or len(text) > 26


@pytest.mark.parametrize("text", ["", "bytes", "bytes 0-", "bytes -5/10", "items 0-1/2", "bytes 0-1", "bytes ٠-١/٢"])
def test_malformed(text: str) -> None:
    assert content_range(text) is None
