"""Servers that misbehave, on real sockets: what our HTTP sessions do not take from them."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from sahel_nb.errors import NetworkError
from sahel_nb.kernels import download, log_answer, logs, transport
from sahel_nb.kernels.door import Rejected, translated
from sahel_nb.kernels.lane import Lane
from sahel_nb.kernels.model import OutputFile
from sahel_nb.kernels.outputs import fetch_all

PACKED = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: data,
    "zstd": lambda data: data,
    "GZIP, identity": gzip.compress,
}
CONTENT = b"\x00" * 100_000


class Trap(BaseHTTPRequestHandler):
    """`/KIND[/argument]`; every request is written down."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, str | None, bytes]]
    over: threading.Event
    elsewhere: str

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes) -> None:
        self.close_connection = True
        self.asked.append((self.command, self.path, self.headers.get("Authorization"), body))
        _, kind, *argument = self.path.split("/", 2)
        with contextlib.suppress(OSError):
            getattr(self, f"send_{kind}")(*argument)

    def _head(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")  # else a client may send its next request into what is being closed
        self.end_headers()

    def send_plain(self) -> None:
        self._head(Content_Length="2", Content_Type="application/json", ETag='"1"')
        self.wfile.write(b"{}")

    def send_packed(self, how: str) -> None:
        how = how.replace("%20", " ")
        body = PACKED[how](CONTENT)
        self._head(Content_Length=str(len(body)), Content_Encoding=how, ETag='"1"')
        self.wfile.write(body)

    def send_to(self, status_and_place: str) -> None:
        status, _, place = status_and_place.partition("/")
        self._head(int(status), Location=place.replace("ELSEWHERE", self.elsewhere), Content_Length="0")

    def send_round(self) -> None:
        self._head(302, Location="/round", Content_Length="0")

    def send_endless(self, kind: str) -> None:
        beginning = {
            "json": b'{"code": "',
            "log": b'{"files": [], "log": "x',
            "files": b'{"files": ["',
            "events": b"data: ",
        }
        status = {"302": 302, "500": 500}.get(kind, 200)
        self._head(status, Content_Type="application/json", Transfer_Encoding="chunked", Location="/plain", ETag='"1"')
        for piece in itertools.chain([beginning.get(kind, b"")], itertools.repeat(b"x" * (1 << 18))):
            if self.over.is_set():
                return
            if piece:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def send_bomb(self) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        body = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(32)) + packer.flush()
        self._head(Content_Length=str(len(body)), Content_Encoding="gzip", Content_Type="application/json")
        self.wfile.write(body)

    def send_huge(self, length: str) -> None:
        self._head(Content_Length=length, ETag='"1"')
        self.wfile.write(b"x" * 1000)

    def send_drip(self, part: str) -> None:
        if part != "head":
            self._head(Content_Length="1000000", Content_Type="text/event-stream", ETag='"1"')
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(3000):
            self.wfile.write(b"x")
            self.wfile.flush()
            if self.over.wait(0.02):
                return

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  the base class names it so


class Service:
    def __init__(self) -> None:
        self.over = threading.Event()
        self.servers = [
            ThreadingHTTPServer(("127.0.0.1", 0), type("T", (Trap,), {"asked": [], "over": self.over})) for _ in "ab"
        ]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        first, second = (server.RequestHandlerClass for server in self.servers)
        self.url, other = (f"http://127.0.0.1:{server.server_address[1]}" for server in self.servers)
        first.elsewhere = other  # type: ignore[attr-defined]  # Trap has it
        self.asked, self.asked_elsewhere = first.asked, second.asked  # type: ignore[attr-defined]  # Trap has it

    def close(self) -> None:
        self.over.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.auth = ("awa", "her-key")
        transport.guard_session(session)
        yield session


@pytest.mark.parametrize("how", list(PACKED))
def test_a_file_that_was_packed_unasked_is_refused(how: str, service: Service, tmp_path: Path) -> None:
    fetched, (missed,) = fetch_all([OutputFile("a.bin", f"{service.url}/packed/{how}")], tmp_path)
    assert fetched == ()
    assert "packed" in missed.why
    assert not (tmp_path / "a.bin").exists()
    assert len(service.asked) == 1


def test_json_may_be_packed_as_was_asked(service: Service, session: requests.Session) -> None:
    assert session.post(f"{service.url}/packed/gzip").content == CONTENT
    with pytest.raises(transport.Unwelcome, match="packed"):
        session.post(f"{service.url}/packed/gzip", headers={"Accept-Encoding": "deflate"})


def test_a_bomb_is_defused(service: Service, session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_JSON", 1 << 20)
    with pytest.raises(transport.Unwelcome, match="larger than"):
        session.post(f"{service.url}/bomb")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_post_is_sent_to_nobody_else(status: int, service: Service, session: requests.Session) -> None:
    for place in ("ELSEWHERE/plain", "/plain"):
        with pytest.raises(NetworkError, match="where it is not sent"), translated("pushing"):
            session.post(f"{service.url}/to/{status}/{place}", json={"source": "ours"})
    assert len(service.asked) == 2
    assert service.asked_elsewhere == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_get_is_led_elsewhere_without_the_key(status: int, service: Service, session: requests.Session) -> None:
    for one in (session, Lane(session)):
        url = f"{service.url}/to/{status}/ELSEWHERE/plain"
        answer = one.get(url, headers={}, stream=True, timeout=(5, 5))
        assert answer.content == b"{}"
    assert {authorization is not None for _, _, authorization, _ in service.asked} == {True}
    assert [authorization for _, _, authorization, _ in service.asked_elsewhere] == [None, None]


@pytest.mark.parametrize(
    "place", ["http://198.51.100.1/x", "http://169.254.169.254/latest", "ftp://127.0.0.1/x", "file:///etc/passwd"]
)
def test_a_redirect_leads_to_https_or_stays_on_this_machine(
    place: str, service: Service, session: requests.Session
) -> None:
    with pytest.raises(Rejected, match="not https"), translated("fetching x"):
        session.get(f"{service.url}/to/302/{place}")


@pytest.mark.parametrize("url", ["http://198.51.100.1/x", "http://169.254.169.254/latest"])
def test_plain_http_is_for_this_machine_and_for_a_service_that_was_named(
    url: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(transport.Unwelcome, match="plain http"):
        session.get(url)
    monkeypatch.setattr(transport, "_plain_hosts", set())
    transport.allow_plain("http://192.0.2.7:8000")
    assert transport._may_be_asked("http://192.0.2.7:8000/api")


def test_redirects_come_to_an_end(service: Service, session: requests.Session) -> None:
    with pytest.raises(requests.TooManyRedirects):
        session.get(f"{service.url}/round")
    assert len(service.asked) == transport.REDIRECTS + 1


def test_an_endless_answer_does_not_fill_the_memory(
    service: Service, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in (
        (transport, "MOST_JSON"),
        (log_answer, "MOST_PAGE"),
        (log_answer, "LONGEST_LINE"),
        (logs, "LONGEST_LINE"),
    ):
        monkeypatch.setattr(module, name, 1 << 20)
    with pytest.raises(transport.Unwelcome, match="larger than"):
        session.post(f"{service.url}/endless/json")
    with pytest.raises(NetworkError, match="500"), translated("asking"):
        session.post(f"{service.url}/endless/500", stream=True).raise_for_status()
    assert session.get(f"{service.url}/endless/302").json() == {}
    readers: dict[str, Callable[[Iterator[bytes]], object]] = {
        "log": lambda chunks: list(log_answer.log_lines(chunks)),
        "files": log_answer.without_log,
        "events": lambda chunks: list(logs.lines(chunks)),
    }
    for kind, read in readers.items():
        with (
            session.post(f"{service.url}/endless/{kind}", stream=True) as answer,
            pytest.raises(NetworkError, match="larger"),
        ):
            read(answer.iter_content(1 << 16))


def test_a_log_is_skipped_in_no_memory_and_not_for_ever(
    service: Service, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_answer, "MOST_LOG", 5 << 20)
    with session.post(f"{service.url}/endless/log", stream=True) as answer, pytest.raises(NetworkError, match="larger"):
        log_answer.without_log(answer.iter_content(1 << 16))


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_server_that_drips_is_given_up(part: str, service: Service) -> None:
    with requests.Session() as session:
        transport.guard_session(session, patience=0.3)
        with pytest.raises(NetworkError, match="timed out"), translated("asking"):
            session.post(f"{service.url}/drip/{part}")
    assert not service.over.is_set()


def test_a_live_log_may_drip(service: Service) -> None:
    with requests.Session() as session:
        transport.guard_session(session, patience=0.3)
        with session.get(f"{service.url}/drip/body", stream=True, headers={"Accept": "text/event-stream"}) as answer:
            assert answer.raw.read(60) == b"x" * 60  # more than a second of it


def test_a_download_that_drips_is_not_asked_for_again_for_ever(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download.backoff, "pause", lambda *_: 0.0)
    with requests.Session() as session:
        transport.guard_session(session, patience=0.3)
        with pytest.raises(download.Incomplete, match="timed out"):
            download.fetch(session, f"{service.url}/drip/body", tmp_path / "a.bin")
    assert len(service.asked) == download.ATTEMPTS


def test_a_file_larger_than_kaggle_keeps_is_refused(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (missed,) = fetch_all([OutputFile("a", f"{service.url}/huge/{(20 << 30) + 1}")], tmp_path)
    assert "more than Kaggle keeps" in missed.why
    monkeypatch.setattr(download, "LARGEST", 5 << 20)
    _, (missed,) = fetch_all([OutputFile("b", f"{service.url}/endless/file")], tmp_path)
    assert "more bytes than Kaggle keeps" in missed.why
    assert [path.name for path in tmp_path.iterdir() if path.stat().st_size > 0] == []


def test_a_file_that_has_no_room_is_not_begun(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = type("Usage", (), {"free": 999_999})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: free)
    url = f"{service.url}/huge/1000000"
    _, missed = fetch_all([OutputFile("a", url), OutputFile("b", url)], tmp_path, workers=1)
    assert "No space left on device: 1,000,000 bytes are to come, 999,999 are free" in missed[0].why
    assert missed[1].why == "not begun: the disk is full"
    assert len(service.asked) == 1
