"""Outputs land inside their folder, whole, under the names the server gave, or they are reported as missed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.download import _Download
from sahel_nb.kernels.model import OutputFile
from sahel_nb.kernels.outputs import contained, fetch_all

BODY = "ŋana ɓiɗɗo ".encode() * 50_000


class Unreliable(BaseHTTPRequestHandler):
    """/cut/… breaks off twice and then serves ranges; /gone/… is an HTML error page; others are whole.

    /bad/… breaks off after every 100,000 bytes, for ever; /state-<n>/… is another state of the same file for each n.
    """

    cuts: dict[str, int]
    sent: dict[str, int]

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
        state = '"2"' if path.startswith("/state-2/") else '"1"'
        if wanted and self.headers.get("If-Range") == state:
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if begin else 200)
        self.send_header("ETag", state)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(BODY) - begin))
        self.end_headers()
        left = self.server.cuts.get(
            path, {"/cut/": 2, "/bad/": 99, "/state": 1}.get(path[:6] if path.startswith("/state") else path[:5], 0)
        )  # type: ignore[attr-defined]
        if left:
            self.server.cuts[path] = left - 1  # type: ignore[attr-defined]
            self._send(path, BODY[begin : begin + 100_000])
            self.close_connection = True
            return
        self._send(path, BODY[begin:])

    def _send(self, path: str, data: bytes) -> None:
        self.server.sent[path] = self.server.sent.get(path, 0) + len(data)  # type: ignore[attr-defined]
        with suppress(ConnectionError):  # who has seen enough of the headers asks again, for the rest
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  the base class names it so


@contextmanager
def server(sent: dict[str, int] | None = None) -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Unreliable)
    httpd.cuts = {}  # type: ignore[attr-defined]
    httpd.sent = {} if sent is None else sent  # type: ignore[attr-defined]
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


def test_a_line_that_is_cut_again_and_again_brings_hardly_a_byte_twice(tmp_path: Path) -> None:
    sent: dict[str, int] = {}
    with server(sent) as url:
        fetched, missed = fetch_all([OutputFile("model.bin", f"{url}/bad/model")], tmp_path)
    assert not missed
    assert fetched[0].sha256 == hashlib.sha256(BODY).hexdigest()
    assert sent["/bad/model"] < 1.3 * len(BODY)


def test_the_next_process_goes_on_where_the_last_one_was_cut(tmp_path: Path) -> None:
    sent: dict[str, int] = {}
    with server(sent) as url, requests.Session() as session:
        interrupted = _Download(session, f"{url}/bad/model", tmp_path / "model.bin")
        with pytest.raises(NetworkError):
            interrupted.go_on()
        begun = interrupted.have
        assert 0 < begun < len(BODY)
        assert fetch_all([OutputFile("model.bin", f"{url}/whole/model")], tmp_path)[0][0].size == len(BODY)
    assert (tmp_path / "model.bin").read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


def test_bytes_of_two_states_of_a_file_are_never_joined(tmp_path: Path) -> None:
    with server() as url, requests.Session() as session:
        with pytest.raises(NetworkError):
            _Download(session, f"{url}/state-1/model", tmp_path / "model.bin").go_on()
        (part,) = tmp_path.iterdir()
        part.write_bytes(b"x" * part.stat().st_size)
        fetched, missed = fetch_all([OutputFile("model.bin", f"{url}/state-2/model")], tmp_path)
    assert not missed
    assert fetched[0].sha256 == hashlib.sha256(BODY).hexdigest()


def test_a_name_may_end_as_ours_for_parts_once_did(tmp_path: Path) -> None:
    names = ["x.part", "x", ".x.part"]
    with server() as url:
        _, missed = fetch_all([OutputFile(name, f"{url}/whole/{name}") for name in names], tmp_path)
    assert not missed
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


@pytest.mark.parametrize(
    "name",
    [
        "\ud83d",
        "a/\udbff",
        "",
        ".",
        "..",
        "../a",
        "a/../../b",
        "/etc/passwd",
        "a//b",
        "a/./b",
        "a\\b",
        "a\x00b",
        "x" * 300,
    ],
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
