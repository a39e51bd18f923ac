"""Outputs land inside their folder, whole, under the names the server gave, or they are reported as missed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.kernels.model import OutputFile
from sahel_nb.kernels.outputs import contained, fetch_all

BODY = "ŋana ɓiɗɗo ".encode() * 50_000


class Unreliable(BaseHTTPRequestHandler):
    """/cut/… breaks off twice and then serves ranges; /gone/… is an HTML error page; others are whole."""

    cuts: dict[str, int]

    def do_GET(self) -> None:
        path = unquote(self.path)
        if path.startswith("/gone/"):
            self.send_response(503)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>busy</html>")
            return
        begin = 0
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == '"1"':
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if begin else 200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(BODY) - begin))
        self.end_headers()
        left = self.server.cuts.get(path, 2 if path.startswith("/cut/") else 0)  # type: ignore[attr-defined]
        if left:
            self.server.cuts[path] = left - 1  # type: ignore[attr-defined]
            self.wfile.write(BODY[begin : begin + 100_000])
            self.close_connection = True
            return
        self.wfile.write(BODY[begin:])

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  the base class names it so


@contextmanager
def server() -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Unreliable)
    httpd.cuts = {}  # type: ignore[attr-defined]
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        httpd.server_close()


def test_a_cut_download_is_resumed_and_an_error_page_is_never_a_file(tmp_path: Path) -> None:
    with server() as url:
        files = [
            OutputFile("models/ɓ.bin", f"{url}/whole/a"),
            OutputFile("cut.bin", f"{url}/cut/b"),
            OutputFile("gone.bin", f"{url}/gone/c"),
            OutputFile("../escape.txt", f"{url}/whole/d"),
            OutputFile("cut.bin", f"{url}/whole/e"),
        ]
        fetched, missed = fetch_all(files, tmp_path / "out")
    assert {file.name: file.sha256 for file in fetched} == dict.fromkeys(
        ("models/ɓ.bin", "cut.bin"), hashlib.sha256(BODY).hexdigest()
    )
    assert (tmp_path / "out/cut.bin").read_bytes() == BODY
    assert {item.name for item in missed} == {"gone.bin", "../escape.txt", "cut.bin"}
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["cut.bin", "ɓ.bin"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/../../b", "/etc/passwd", "a//b", "a/./b", "a\\b", "a\x00b", "x" * 300]
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    assert contained(tmp_path, name) is None


def test_a_link_in_the_folder_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path)
    assert contained(tmp_path / "out", "link/escape.txt") is None


@given(st.text(min_size=1, max_size=40))
def test_every_name_that_is_taken_stays_inside(name: str) -> None:
    folder = Path("/nowhere/out")
    target = contained(folder, name)
    assert target is None or folder in target.parents
