"""Outputs land inside their folder, whole, under the names the server gave, or they are reported as missed."""

from __future__ import annotations

import hashlib
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.arrivals import ARRIVED
from sahel_nb.kernels.crew import Hand, Progress, work_off
from sahel_nb.kernels.download import PART, _Download
from sahel_nb.kernels.model import OutputFile
from sahel_nb.kernels.outputs import fetch_all

BODY = "ŋana ɓiɗɗo ".encode() * 50_000


class Unreliable(BaseHTTPRequestHandler):
    """/cut/… breaks off twice and then serves ranges; /gone/… is an HTML error page; others are whole.

    /later/… is refused once with 429 and then breaks off once; /none/… is not there.

    /bad/… breaks off after every 100,000 bytes, for ever; /state-<n>/… is another state of the same file for each n.
    """

    cuts: dict[str, int]
    sent: dict[str, int]

    def do_GET(self) -> None:
        path = unquote(self.path)
        if path.startswith("/later/") and not self.server.cuts.setdefault(path, 0):  # type: ignore[attr-defined]
            self.server.cuts[path] = 1  # type: ignore[attr-defined]
            self.send_response(429)
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(b"too many")
            return
        if path.startswith("/none/"):
            self.send_response(404)
            self.end_headers()
            return
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
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}")
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
        if path.startswith("/slow/"):
            with suppress(ConnectionError):
                for at in range(0, len(data), 20_000):
                    self.wfile.write(data[at : at + 20_000])
                    self.server.slowly.wait(0.05)  # type: ignore[attr-defined]
            return
        self.server.sent[path] = self.server.sent.get(path, 0) + len(data)  # type: ignore[attr-defined]
        with suppress(ConnectionError):  # who has seen enough of the headers asks again, for the rest
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  the base class names it so


@contextmanager
def server(sent: dict[str, int] | None = None) -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Unreliable)
    httpd.slowly = threading.Event()  # type: ignore[attr-defined]
    httpd.cuts = {}  # type: ignore[attr-defined]
    httpd.sent = {} if sent is None else sent  # type: ignore[attr-defined]
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.slowly.set()  # type: ignore[attr-defined]
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
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [ARRIVED, "cut.bin", "ɓ.bin"]


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


def test_what_arrived_whole_is_not_fetched_again_by_the_next_attempt(tmp_path: Path) -> None:
    sent: dict[str, int] = {}
    with server(sent) as url:
        whole = OutputFile("models/ŋ.bin", f"{url}/whole/model")
        changed = OutputFile("state.bin", f"{url}/whole/state")
        touched = OutputFile("touched.bin", f"{url}/whole/touched")
        gone = OutputFile("gone.bin", f"{url}/none/gone")
        assert len(fetch_all([whole, changed, touched, gone], tmp_path)[1]) == 1
        sent.clear()
        (tmp_path / "touched.bin").write_bytes(b"x" * len(BODY))
        again = [
            whole,
            OutputFile("state.bin", f"{url}/state-2/state"),
            touched,
            OutputFile("gone.bin", f"{url}/whole/gone"),
        ]
        fetched, missed = fetch_all(again, tmp_path)

    assert not missed
    assert {file.sha256 for file in fetched} == {hashlib.sha256(BODY).hexdigest()}
    assert sent["/whole/model"] == 1
    assert min(sent["/state-2/state"], sent["/whole/touched"], sent["/whole/gone"]) >= len(BODY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gone.bin", "models", "state.bin", "touched.bin"]


def test_what_is_asked_for_apart_does_not_end_the_record_of_the_rest(tmp_path: Path) -> None:
    sent: dict[str, int] = {}
    with server(sent) as url:
        files = [OutputFile(f"{number}.bin", f"{url}/{'whole' if number else 'none'}/{number}") for number in range(3)]
        fetch_all(files, tmp_path)
        assert fetch_all(files[1:2], tmp_path)[1] == ()
        assert len(fetch_all(files, tmp_path)[1]) == 1
    assert sent == {"/whole/1": len(BODY) + 2, "/whole/2": len(BODY) + 1}


@pytest.mark.parametrize("cut", [0, 1, 40, 200])
def test_a_record_that_was_cut_costs_no_more_than_fetching(tmp_path: Path, cut: int) -> None:
    with server() as url:
        files = [OutputFile(f"{number}.bin", f"{url}/{'whole' if number else 'none'}/{number}") for number in range(3)]
        fetch_all(files, tmp_path)
        record = tmp_path / ARRIVED
        record.write_bytes(record.read_bytes()[: -cut or None])
        fetched, _ = fetch_all(files, tmp_path)
    assert {file.sha256 for file in fetched} == {hashlib.sha256(BODY).hexdigest()}


def test_a_folder_where_a_file_is_keeps_no_other_from_arriving(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a file")
    with server() as url:
        fetched, missed = fetch_all(
            [OutputFile("a/b.bin", f"{url}/whole/b"), OutputFile("c/d.bin", f"{url}/whole/d")], tmp_path
        )
    assert ([file.name for file in fetched], [item.name for item in missed]) == (["c/d.bin"], ["a/b.bin"])
    assert "directory" in missed[0].why or "exists" in missed[0].why


def test_no_output_takes_the_place_of_our_record(tmp_path: Path) -> None:
    with server() as url:
        fetched, missed = fetch_all([OutputFile(ARRIVED, f"{url}/whole/x")], tmp_path)
    assert (fetched, [item.name for item in missed], list(tmp_path.iterdir())) == ((), [ARRIVED], [])


def test_a_name_may_end_as_ours_for_parts_once_did(tmp_path: Path) -> None:
    names = ["x.part", "x", ".x.part"]
    with server() as url:
        _, missed = fetch_all([OutputFile(name, f"{url}/whole/{name}") for name in names], tmp_path)
    assert not missed
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_an_answer_that_is_cut_in_its_head_is_no_file(tmp_path: Path) -> None:
    """http.client takes a head that was cut for a short one: no length, or no ETag, or half of either."""
    body, files = b"\x00" * 1000, []
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nAccept-Ranges: bytes\r\n"
        b'Content-Length: 1000\r\nLast-Modified: Fri, 20 Nov 2026 10:00:00 GMT\r\nETag: "0123456789"\r\n\r\n'
    )
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        threading.Thread(target=_cut_once, args=(listening, head, body), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        files = [OutputFile(f"{cut}/file.bin", f"{url}/{cut}") for cut in range(len(head) + 1)]
        fetched, missed = fetch_all(files, tmp_path, workers=32)
    assert missed == ()
    assert {(file.size, file.sha256) for file in fetched} == {(1000, hashlib.sha256(body).hexdigest())}
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file.bin"] * len(files)


def _cut_once(listening: socket.socket, head: bytes, body: bytes) -> None:
    """`/N` gets N bytes of the head, and from then on all of the answer."""
    cut: set[int] = set()
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            with client, suppress(OSError):
                request = client.recv(65536)
                place = int(request.split(b" ", 2)[1].strip(b"/"))
                client.sendall(head + body if place in cut else head[:place])
                cut.add(place)


def test_many_files_arrive_each_under_its_name_and_in_the_order_of_the_list(tmp_path: Path) -> None:
    names = [f"f{number:02}/ŋ.bin" for number in range(12)]
    told: list[tuple[Progress, int]] = []
    with server() as url:
        files = [
            OutputFile(name, f"{url}/{'cut' if number % 7 else 'later'}/{number}") for number, name in enumerate(names)
        ]
        files.insert(3, OutputFile("none.bin", f"{url}/none/x"))
        fetched, missed = fetch_all(
            files, tmp_path, progress=lambda so_far: told.append((so_far, threading.get_ident())), workers=4
        )
    assert [file.name for file in fetched] == names
    assert {file.sha256 for file in fetched} == {hashlib.sha256(BODY).hexdigest()}
    assert [item.name for item in missed] == ["none.bin"]
    assert "404" in missed[0].why
    assert {thread for _, thread in told} == {threading.get_ident()}
    assert told[-1][0].done == told[-1][0].total == 13
    assert told[-1][0].bytes >= 12 * len(BODY)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """A disk on which no file may be longer than 300,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, previous)


def test_what_found_no_room_is_said_with_what_stays_of_it(tmp_path: Path, small_disk: None) -> None:
    with server() as url:
        _, missed = fetch_all([OutputFile("model.bin", f"{url}/whole/model")], tmp_path)
        (part,) = tmp_path.iterdir()
        assert missed[0].why == f"File too large; 300,000 bytes of it stay in {part.name} for the next attempt"


def test_ctrl_c_leaves_the_parts_and_the_next_attempt_finishes_them(tmp_path: Path) -> None:
    sent: dict[str, int] = {}

    def interrupt(so_far: Progress) -> None:
        if so_far.bytes:
            raise KeyboardInterrupt

    with server(sent) as url:
        files = [OutputFile(f"{number}.bin", f"{url}/slow/{number}") for number in range(3)]
        with pytest.raises(KeyboardInterrupt):
            fetch_all(files, tmp_path, progress=interrupt)
        assert all(path.name.endswith(PART) for path in tmp_path.iterdir())
        fetched, missed = fetch_all(
            [OutputFile(file.name, file.url.replace("slow", "whole")) for file in files], tmp_path
        )
    assert not missed
    assert {file.sha256 for file in fetched} == {hashlib.sha256(BODY).hexdigest()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.bin", "1.bin", "2.bin"]


def test_what_goes_wrong_in_a_thread_is_raised_where_somebody_waits() -> None:
    def work(hand: Hand, job: int) -> int:
        if job == 3:
            raise ZeroDivisionError(job)
        return job

    with pytest.raises(ZeroDivisionError):
        work_off(range(9), work, workers=2)
    assert work_off([4, 5], work, workers=8) == [4, 5]
    assert work_off([], work, workers=8) == []
