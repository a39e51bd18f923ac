"""An answer that is sent while it is read has the bytes of one that is held, and is never held itself."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response, StreamingResponse

from sahel_nb.localkaggle.long_text import HELD, LongText, answer


def _body(response: Response) -> Iterator[bytes]:
    """What it sends, piece by piece."""
    if not isinstance(response, StreamingResponse):
        yield bytes(response.body)
        return
    loop = asyncio.new_event_loop()
    pieces: Any = response.body_iterator
    try:
        while True:
            yield loop.run_until_complete(anext(pieces))
    except StopAsyncIteration:
        return
    finally:
        loop.close()


@given(st.lists(st.text(max_size=30), max_size=5), st.sampled_from([0, 1, HELD // 4]))
def test_the_bytes_are_those_of_an_answer_that_is_held(texts: list[str], more: int) -> None:
    pieces = [text.encode() for text in texts] + [b'"\\\n\xc5\x8b' * more]
    value = {"files": [{"fileName": "ŋ"}], "log": LongText(lambda: iter(pieces)), "nextPageToken": None}

    response = answer(value)

    whole = JSONResponse({**value, "log": b"".join(pieces).decode()}).body
    assert b"".join(_body(response)) == whole
    assert ("content-length" in response.headers) == (len(whole) <= HELD)


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    assert answer({"log": LongText(lambda: iter([b"a\xff"]))}).body == '{"log":"a\ufffd"}'.encode()


def test_an_answer_without_a_long_text_is_any_json() -> None:
    assert answer({"a": 1}).body == b'{"a":1}'
    assert answer([1]).body == b"[1]"


def test_a_hundred_megabytes_are_not_held() -> None:
    pieces = LongText(lambda: (b"x" * 1_000_000 for _ in range(100)))
    tracemalloc.start()
    try:
        size = sum(map(len, _body(answer({"log": pieces}))))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size == 100_000_000 + len('{"log":""}')
    assert peak < 20_000_000
