"""A compare-and-swap over lines that break, and to servers that are not there or do not want to."""

from __future__ import annotations

import socket
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sahel_nb.errors import NetworkError
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import make_commit
from sahel_nb.repo.swap_answer import Swap
from sahel_nb.repo.worktree import Worktree
from support.git import Git, Origin, git_http, serving
from support.ssh import ssh_to_here
from support.swap_scene import REF, Scene


def test_a_repository_that_is_not_there(scene: Scene) -> None:
    scene.clone("remote", "set-url", "origin", f"{scene.base}/nowhere.git")
    refs = RemoteRefs(scene.refs.worktree, "origin")
    assert refs.swap(REF, None, scene.commit("one")).swap is Swap.UNREACHABLE
    with pytest.raises(NetworkError):
        refs.read(REF)
    with pytest.raises(NetworkError):
        refs.read_all("refs/sahel/locks")


@pytest.mark.parametrize("scheme", ["git", "http"])
def test_nobody_listens(tmp_path: Path, scheme: str) -> None:
    repo = Git.init(tmp_path / "nb")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        refs = RemoteRefs(Worktree.discover(repo.root), f"{scheme}://127.0.0.1:{taken.getsockname()[1]}/x.git")
        made = make_commit(b"one", parent=None, name="n", email="e", when=1)
        assert refs.swap(REF, None, made).swap is Swap.UNREACHABLE
        with pytest.raises(NetworkError):
            refs.read(REF)


def test_a_server_that_takes_no_pushes(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    origin("config", "http.receivepack", "false")
    origin("config", "daemon.receivepack", "false")
    made = make_commit(b"one", parent=None, name="n", email="e", when=1)
    with git_http(tmp_path) as url:
        refs = RemoteRefs(Worktree.discover(origin.clone("awa").root), f"{url}/origin.git")
        assert refs.swap(REF, None, made).swap is Swap.REFUSED


def test_a_connection_that_breaks(tmp_path: Path) -> None:
    """ssh ends with 255 before the server was reached, or after it has done its work."""
    origin = Origin.create(tmp_path / "origin.git")
    clone = origin.clone("awa")
    clone("config", "core.sshCommand", "exit 255;")
    refs = RemoteRefs(Worktree.discover(clone.root), f"git@host.example:{origin.path}")
    one = make_commit(b"one", parent=None, name="n", email="e@x", when=1)
    assert refs.swap(REF, None, one).swap is Swap.AMBIGUOUS
    assert origin("for-each-ref") == ""
    clone("config", "core.sshCommand", f'f() {{ {ssh_to_here(tmp_path)} "$@"; exit 255; }}; f')
    refs = RemoteRefs(refs.worktree, refs.remote)
    assert refs.swap(REF, None, one).swap in (Swap.WON, Swap.AMBIGUOUS)
    assert origin("rev-parse", REF) == one.oid


@pytest.mark.parametrize(
    ("status", "wanted"), [(401, Swap.REFUSED), (403, Swap.REFUSED), (404, Swap.UNREACHABLE), (502, Swap.AMBIGUOUS)]
)
def test_http_that_says_no_at_once(tmp_path: Path, status: int, wanted: Swap) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  the name is BaseHTTPRequestHandler's

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        refs = RemoteRefs(Worktree.discover(Git.init(tmp_path / "nb").root), f"http://127.0.0.1:{port}/x.git")
        answer = refs.swap(REF, None, make_commit(b"one", parent=None, name="n", email="e", when=1))
    assert answer.swap is wanted, answer


def test_a_proxy_that_gives_up_in_the_middle_is_ambiguous(tmp_path: Path) -> None:
    """The push was sent and carried out, and the answer is somebody else's 502."""
    origin = Origin.create(tmp_path / "origin.git")
    with git_http(tmp_path) as url:

        class Proxy(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass_on(None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._pass_on(body)

            def _pass_on(self, body: bytes | None) -> None:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                with urllib.request.urlopen(urllib.request.Request(url + self.path, body, headers)) as answer:
                    content = answer.read()
                self.send_response(502 if body and len(body) > 4 else 200)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  as above

        with serving(ThreadingHTTPServer(("127.0.0.1", 0), Proxy)) as port:
            refs = RemoteRefs(Worktree.discover(origin.clone("awa").root), f"http://127.0.0.1:{port}/origin.git")
            one = make_commit(b"one", parent=None, name="n", email="e", when=1)
            answer = refs.swap(REF, None, one)
            assert answer.swap is Swap.AMBIGUOUS, answer
            assert origin("rev-parse", REF) == one.oid
