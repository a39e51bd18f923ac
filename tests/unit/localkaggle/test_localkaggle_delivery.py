"""A small file's short cut answers as Starlette's own response does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import FileResponse, Response

from sahel_nb.localkaggle.delivery import SMALL, Delivery

HARMLESS = {"X-Content-Type-Options": "nosniff"}


def _answer(response: Response, method: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes, int]:
    """Status, headers, body, and in how many pieces it came."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.sleep(60)

    scope = {
        "type": "http",
        "method": method,
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "asgi": {"spec_version": "2.4"},
    }
    asyncio.run(response(scope, receive, send))
    head, *pieces = sent
    body = b"".join(piece["body"] for piece in pieces)
    return head["status"], {name.decode(): value.decode() for name, value in head["headers"]}, body, len(pieces)


@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=1-"}, {"Range": "bytes=0-0"}, {"Range": "lines=1"}])
def test_an_answer_is_the_same_as_starlettes(tmp_path: Path, size: int, method: str, headers: dict[str, str]) -> None:
    path = tmp_path / "ŋana.bin"
    path.write_bytes(bytes(index % 251 for index in range(size)))
    theirs = FileResponse(path, media_type="application/octet-stream", filename="ŋana.bin", headers=HARMLESS)

    ours = _answer(Delivery(path, filename="ŋana.bin", headers=HARMLESS), method, headers)

    assert ours[:3] == _answer(theirs, method, headers)[:3]


def test_a_small_file_comes_in_one_piece_and_a_large_one_is_not_held(tmp_path: Path) -> None:
    small, large = tmp_path / "small.bin", tmp_path / "large.bin"
    small.write_bytes(b"s" * SMALL)
    large.write_bytes(b"l" * (SMALL + 1))

    pieces = [_answer(Delivery(path, filename="f", headers={}), "GET", {})[3] for path in (small, large)]

    assert pieces[0] == 1
    assert pieces[1] > 1


def test_a_file_that_grew_since_it_was_read_is_sent_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log.bin"
    path.write_bytes(b"first")
    response = Delivery(path, filename="log.bin", headers={})
    path.write_bytes(b"first and second")

    assert _answer(response, "GET", {})[2] == b"first"
