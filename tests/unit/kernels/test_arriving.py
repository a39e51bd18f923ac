"""A live log is handed on as it comes, however the line carries it; what was cut is no end."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from sahel_nb.kernels import logs
from sahel_nb.kernels.arriving import arriving

FIRST, SECOND = 'data: {"data":"ŋana"}\n\n'.encode(), 'data: {"data":"ɓiɗɗo"}\n\n'.encode()


class Live(BaseHTTPRequestHandler):
    """Sends one record, and the next when the test has seen the first; `/cut` announces more than comes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        way = self.path.strip("/")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        first, second = FIRST, SECOND
        if way == "packed":
            first, second = gzip.compress(FIRST), gzip.compress(SECOND)
            self.send_header("Content-Encoding", "gzip")
        if way == "chunks":
            self.send_header("Transfer-Encoding", "chunked")
            first, second = (b"%x\r\n%s\r\n" % (len(data), data) for data in (first, second))
            second += b"0\r\n\r\n"
        elif way in ("length", "cut"):
            self.send_header("Content-Length", str(len(first + second) + 100 * (way == "cut")))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(first)
        self.wfile.flush()
        self.server.seen.wait(30)  # type: ignore[attr-defined]
        self.wfile.write(second)

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  the base class names it so


@contextmanager
def live() -> Iterator[tuple[str, threading.Event]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Live)
    server.seen = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.seen  # type: ignore[attr-defined]
    finally:
        server.seen.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("way", ["chunks", "length", "closed", "packed"])
def test_a_record_is_there_before_the_next_is_sent(way: str) -> None:
    with live() as (url, seen), requests.get(f"{url}/{way}", stream=True, timeout=20) as response:
        lines = logs.lines(arriving(response))
        assert next(lines) + next(lines) == FIRST
        seen.set()
        assert b"".join(lines) == SECOND


def test_a_stream_that_is_cut_says_so() -> None:
    with live() as (url, seen), requests.get(f"{url}/cut", stream=True, timeout=20) as response:
        seen.set()
        lines = logs.lines(arriving(response))
        with pytest.raises(requests.exceptions.RequestException):
            list(lines)
