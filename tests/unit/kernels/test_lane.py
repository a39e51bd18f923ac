"""What is worked out once for a host is what `requests` works out for every request: each case is asked of both."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BOTH = """
import json, sys, requests
from sahel_nb.kernels.lane import Lane

found = []
for url in sys.argv[1:]:
    with requests.Session() as session:
        for one in (session, Lane(session)):
            answers = []
            for _ in range(2):
                try:
                    with one.get(url, headers={"Accept-Encoding": "identity"}, stream=True, timeout=(5, 5)) as response:
                        body = b"".join(response.iter_content(7)).decode()
                        answers.append([response.status_code, response.reason, response.url, body])
                except (OSError, ValueError) as exc:
                    answers.append([type(exc).__name__])
            found.append(answers)
print(json.dumps(found))
"""
"""Sessions are closed one after the other, so a proxied host meets a new connection; each URL is asked for twice."""


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked for; `/away` leads to `/there`, `/busy` is 503."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps([self.path, sorted(self.headers.items())]).encode()
        self.send_response(302 if self.path.endswith("/away") else 503 if self.path.endswith("/busy") else 200)
        if self.path.endswith("/away"):
            self.send_header("Location", "/there")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  the base class names it so


@pytest.fixture
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def _both(home: Path, env: dict[str, str], *urls: str) -> list[list[list[object]]]:
    """The answers for each URL, and that they are the same from either."""
    done = subprocess.run(
        (sys.executable, "-c", BOTH, *urls), env={"HOME": str(home), **env}, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found[0::2] == found[1::2]
    return list(found[1::2])


def test_a_file_is_asked_for_in_the_same_words(tmp_path: Path, echo: str) -> None:
    answers = _both(tmp_path, {}, f"http://{echo}/a b/ŋ.bin?sig=a%2Fb", f"http://{echo}/away", f"http://{echo}/busy")

    assert [answer[0][0] for answer in answers] == [200, 200, 503]
    assert '"/a%20b/%C5%8B.bin?sig=a%2Fb"' in str(answers[0][0][3])
    assert '"/there"' in str(answers[1][1][3])


def test_a_netrc_speaks_for_its_host_alone(tmp_path: Path, echo: str) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login awa password secret\n")

    known, other = _both(tmp_path, {}, f"http://{echo}/file", f"http://{echo.replace('127.0.0.1', 'localhost')}/file")

    assert "Basic " in str(known)
    assert "Basic " not in str(other)


def test_a_proxy_is_asked_unless_the_host_is_excepted(tmp_path: Path, echo: str) -> None:
    env = {"http_proxy": f"http://awa:secret@{echo}", "no_proxy": "127.0.0.1"}

    through, direct = _both(tmp_path, env, "http://files.example/model.bin", f"http://{echo}/file")

    assert '"http://files.example/model.bin"' in str(through[1][3])
    assert "Proxy-Authorization" in str(through[1][3])
    assert "Proxy-Authorization" not in str(direct)


def test_a_bundle_of_certificates_that_is_not_there_is_missed(tmp_path: Path, echo: str) -> None:
    (found,) = _both(tmp_path, {"REQUESTS_CA_BUNDLE": str(tmp_path / "none.pem")}, f"https://{echo}/file")

    assert found == [["OSError"], ["OSError"]]


def test_what_is_no_url_and_who_does_not_answer_fail_in_the_same_way(tmp_path: Path) -> None:
    found = _both(
        tmp_path, {}, "model.bin", "ftp://host/model.bin", "http:///model.bin", "http://127.0.0.1:1/model.bin"
    )

    assert [answers[0] for answers in found] == [
        ["MissingSchema"],
        ["InvalidSchema"],
        ["InvalidURL"],
        ["ConnectionError"],
    ]
