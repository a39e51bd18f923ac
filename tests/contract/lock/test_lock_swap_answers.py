"""What real servers answer to a compare-and-swap, over a path, git:// and smart HTTP, and what we take it to mean."""

from __future__ import annotations

import contextlib
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sahel_nb.errors import NetworkError, UsageError
from sahel_nb.repo.cmd import GitResult, git
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, make_commit
from sahel_nb.repo.swap_answer import Swap, classify
from sahel_nb.repo.worktree import Worktree
from support.git import Git, Origin, git_daemon, git_http, serving
from support.ssh import ssh_to_here

REF = "refs/sahel/locks/o/s"


@dataclass
class Scene:
    origin: Origin
    clone: Git
    refs: RemoteRefs
    base: str

    def commit(self, text: str, parent: RawCommit | None = None) -> RawCommit:
        return make_commit(text.encode(), parent=parent.oid if parent else None, name="n", email="e@x", when=1)

    def swap(self, old: RawCommit | None, new: RawCommit, **more: float) -> Swap:
        return self.refs.swap(REF, old, new, **more).swap

    def there(self) -> str:
        return self.origin("rev-parse", "--verify", "-q", REF, check=False)


@pytest.fixture(params=["path", "ssh", "git", "http"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    origin = Origin.create(tmp_path / "origin.git")
    with contextlib.ExitStack() as stack:
        base = str(tmp_path)
        if request.param in ("git", "http"):
            base = stack.enter_context({"git": git_daemon, "http": git_http}[request.param](tmp_path))
        clone = origin.clone("awa")
        if request.param == "ssh":
            base = f"ssh://git@host.example{tmp_path}"
            clone("config", "core.sshCommand", ssh_to_here(tmp_path))
        clone("remote", "set-url", "origin", f"{base}/origin.git")
        yield Scene(origin, clone, RemoteRefs(Worktree.discover(clone.root), "origin"), base)


def test_won_already_mine_and_lost(scene: Scene) -> None:
    one = scene.commit("one")
    two, other = scene.commit("two", one), scene.commit("other", one)
    assert scene.swap(None, one) is Swap.WON
    assert scene.swap(None, one) is Swap.ALREADY_MINE
    assert scene.swap(None, scene.commit("another beginning")) is Swap.LOST
    assert scene.swap(one, two) is Swap.WON
    assert scene.swap(one, two) is Swap.ALREADY_MINE
    assert scene.swap(one, other) is Swap.LOST
    assert scene.there() == two.oid
    three = scene.commit("three", two)
    assert scene.swap(two, three) is Swap.WON  # `two` has parents that were never here
    assert [commit.message for commit in scene.refs.history(REF, 9)] == [b"three", b"two", b"one"]


def test_lost_inside_the_server(scene: Scene) -> None:
    """The ref moves after the server has told us where it is: its own transaction notices."""
    one = scene.commit("one")
    two, other = scene.commit("two", one), scene.commit("other", one)
    scene.swap(None, one)
    scene.refs.swap("refs/sahel/other", None, one)
    scene.refs.swap("refs/sahel/other", one, other)
    move = "cd {0} && env -u GIT_QUARANTINE_PATH git update-ref {1}"
    scene.origin.hook("pre-receive", move.format(scene.origin.path, f"{REF} {other.oid}"))
    answer = scene.refs.swap(REF, one, two)
    assert answer.swap is Swap.LOST
    assert any("but expected" in line for line in answer.evidence)
    scene.origin("update-ref", "-d", REF)
    assert scene.swap(None, one) is Swap.LOST  # reference already exists
    scene.origin("update-ref", REF, one.oid)
    scene.origin.hook("pre-receive", move.format(scene.origin.path, f"-d {REF}"))
    assert scene.swap(one, two) is Swap.LOST  # unable to resolve reference
    assert scene.there() == ""


def test_a_stale_lock_file_on_the_server_is_named(scene: Scene) -> None:
    one = scene.commit("one")
    scene.swap(None, one)
    (scene.origin.path / f"{REF}.lock").touch()
    answer = scene.refs.swap(REF, one, scene.commit("two", one))
    assert answer.swap is Swap.BUSY
    assert any(f"{REF}.lock': File exists" in line for line in answer.evidence)


@pytest.mark.parametrize("hook", ["pre-receive", "update"])
def test_a_hook_that_says_no(scene: Scene, hook: str) -> None:
    scene.origin.hook(hook, "echo not you >&2; exit 1")
    answer = scene.refs.swap(REF, None, scene.commit("one"))
    assert answer.swap is Swap.REFUSED
    assert any("not you" in line for line in answer.evidence)
    assert scene.there() == ""


def test_hidden_refs(scene: Scene) -> None:
    one = scene.commit("one")
    scene.swap(None, one)
    scene.origin("config", "transfer.hideRefs", "refs/sahel")
    assert scene.refs.read(REF) is None
    assert scene.swap(None, scene.commit("x")) is Swap.REFUSED
    assert scene.swap(one, scene.commit("two", one)) is Swap.LOST  # stale info; the next reading finds nothing


def test_a_server_that_dies_is_ambiguous_both_ways(scene: Scene) -> None:
    one = scene.commit("one")
    two = scene.commit("two", one)
    scene.swap(None, one)
    scene.origin.hook("pre-receive", "kill -9 $PPID")
    assert scene.swap(one, two) is Swap.AMBIGUOUS
    assert scene.there() == one.oid
    scene.origin.hook("pre-receive", "exit 0")
    scene.origin.hook("post-receive", "kill -9 $PPID")
    assert scene.swap(one, two) is Swap.AMBIGUOUS
    assert scene.there() == two.oid
    scene.origin.hook("post-receive", "exit 0")
    assert scene.swap(one, two) is Swap.ALREADY_MINE


def test_a_server_that_is_slow_is_ambiguous(scene: Scene) -> None:
    one = scene.commit("one")
    scene.origin.hook("post-receive", "touch waiting; while test -e waiting; do sleep 0.05; done")
    try:
        assert scene.swap(None, one, timeout=1.5) is Swap.AMBIGUOUS
        assert scene.there() == one.oid
    finally:
        (scene.origin.path / "waiting").unlink(missing_ok=True)


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


def test_a_push_without_a_lease_is_lost_too(scene: Scene) -> None:
    """It must not happen; git's words for it are known all the same."""
    one = scene.commit("one")
    scene.swap(None, one)
    scene.clone.commit()
    for text in ("fetch first", "non-fast-forward"):
        answer = git("push", "--porcelain", "origin", f"HEAD:{REF}", cwd=scene.clone.root, check=False)
        assert text in answer.text
        assert classify(answer, REF) is Swap.LOST
        scene.clone("fetch", "-q", "origin", f"{REF}:refs/heads/one")
    assert scene.there() == one.oid


REFUSALS = (
    ({"receive.denyDeletes": "true"}, "refs/heads/x/y", Swap.WON),
    ({"transfer.hideRefs": "refs/sahel"}, REF, Swap.REFUSED),
    ({"receive.maxInputSize": "10"}, REF, Swap.REFUSED),
    ({"receive.unpackLimit": "1", "receive.fsckObjects": "true"}, REF, Swap.WON),
    ({}, "refs/heads/main", Swap.REFUSED),
)


@pytest.mark.parametrize(("settings", "ref", "wanted"), REFUSALS)
def test_settings_of_the_server(tmp_path: Path, settings: dict[str, str], ref: str, wanted: Swap) -> None:
    server = Git.init(tmp_path / "origin.git")  # with a worktree: its checked-out branch cannot be moved
    server.commit("README.md")
    for key, value in settings.items():
        server("config", key, value)
    refs = RemoteRefs(Worktree.discover(Git.init(tmp_path / "awa").root), str(server.root))
    one = make_commit(b"one", parent=None, name="n", email="e@x", when=1)
    old = RawCommit(server.head(), b"") if ref == "refs/heads/main" else None
    if old is not None:
        old = RawCommit(old.oid, server("cat-file", "commit", old.oid).encode() + b"\n")
        one = make_commit(b"one", parent=old.oid, name="n", email="e@x", when=1)
    answer = refs.swap(ref, old, one)
    assert answer.swap is wanted, answer
    assert server("rev-parse", "-q", "--verify", ref, check=False) == (
        one.oid if wanted is Swap.WON else (old and old.oid) or ""
    )


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


def test_unknown_texts_are_ambiguous() -> None:
    def answer(returncode: int, line: str, stderr: str = "") -> Swap:
        stdout = f"To somewhere\n{line}\nDone\n" if line else ""
        return classify(GitResult(returncode, stdout.encode(), stderr.encode()), REF)

    to = f"\t{'a' * 40}:{REF}\t"
    assert answer(0, f"*{to}[new reference]") is Swap.WON
    assert answer(1, f"*{to}[new reference]") is Swap.AMBIGUOUS
    assert answer(0, "") is Swap.AMBIGUOUS
    assert answer(0, f"!{to}[rejected] (stale info)") is Swap.AMBIGUOUS
    assert answer(1, f"!{to}[rejected] (fetch first)") is Swap.LOST
    assert answer(1, f"!{to}[rejected] (non-fast-forward)") is Swap.LOST
    assert answer(1, f"!{to}[remote rejected] (something new)") is Swap.AMBIGUOUS
    assert answer(1, f"!{to}[remote failure] (remote failed to report status)") is Swap.AMBIGUOUS
    assert answer(1, f"!{to}[remote rejected] (failed to update ref)") is Swap.AMBIGUOUS
    no_space = "remote: error: cannot lock ref 'x': Unable to create '/x.lock': No space left on device"
    assert answer(1, f"!{to}[remote rejected] (failed to update ref)", no_space) is Swap.REFUSED
    assert answer(1, f"!\t{'a' * 40}:refs/another\t[rejected] (stale info)") is Swap.AMBIGUOUS
    assert answer(128, "", "fatal: the remote end hung up unexpectedly") is Swap.AMBIGUOUS
    assert answer(128, "", "fatal: unable to access 'u': The requested URL returned error: 403") is Swap.REFUSED
    assert (
        answer(128, "", "error: RPC failed; HTTP 403 curl 22 The requested URL returned error: 403") is Swap.AMBIGUOUS
    )
    assert answer(128, "", "git@h: Permission denied (publickey).") is Swap.REFUSED
    assert answer(-9, "", "") is Swap.AMBIGUOUS


def test_the_persons_repository_is_left_as_it_was(scene: Scene) -> None:
    scene.clone.commit("a.txt")
    before = sorted(path for path in scene.clone.root.rglob("*") if "sahel-nb" not in path.parts)
    one = scene.commit("one")
    scene.swap(None, one)
    scene.refs.read(REF)
    scene.refs.read_all("refs/sahel/locks")
    assert sorted(path for path in scene.clone.root.rglob("*") if "sahel-nb" not in path.parts) == before
    (outbox,) = (scene.clone.root / ".git/sahel-nb/scratch").iterdir()
    assert sorted(path.name for path in outbox.iterdir()) == ["HEAD", "config", "objects", "refs"]
    assert outbox.stat().st_mode & 0o77 == 0
    scene.clone("fetch", "-q", "origin")
    assert scene.clone("for-each-ref", "refs/sahel") == ""
    assert scene.clone("cat-file", "-t", one.oid, check=False) == ""
    assert scene.clone("rev-parse", "--is-shallow-repository") == "false"
    scene.origin("fsck", "--strict")


def test_settings_of_this_clone_reach_the_server(scene: Scene, tmp_path: Path) -> None:
    """url.insteadOf and credentials of .git/config count, though the conversation is not held in that repository."""
    scene.clone("config", f"url.{scene.base}/.insteadOf", "team:")
    scene.clone("config", "remote.locks.url", "team:origin.git")
    scene.clone("config", "http.extraHeader", 'X-Odd: "quoted" \\ value')
    refs = RemoteRefs(scene.refs.worktree, "locks")
    assert refs.url == "team:origin.git"
    assert refs.swap(REF, None, scene.commit("one")).swap is Swap.WON
    assert RemoteRefs(scene.refs.worktree, f"{scene.base}/origin.git").read(REF) is not None
    with pytest.raises(UsageError, match="no remote called") as caught:
        RemoteRefs(scene.refs.worktree, "upstream").read(REF)
    assert caught.value.hints == ("git remote add upstream URL",)


def test_pushes_and_reads_go_to_one_place(scene: Scene, tmp_path: Path) -> None:
    scene.clone("config", "remote.origin.pushurl", f"{scene.base}/origin.git")
    scene.clone("config", "remote.origin.url", f"{scene.base}/mirror.git")
    refs = RemoteRefs(scene.refs.worktree, "origin")
    one = scene.commit("one")
    assert refs.swap(REF, None, one).swap is Swap.WON
    assert refs.read(REF) == one


def test_all_refs_below_a_prefix(scene: Scene) -> None:
    assert scene.refs.read_all("refs/sahel/locks") == {}
    one, two = scene.commit("one"), scene.commit("two")
    scene.refs.swap(REF, None, one)
    scene.refs.swap("refs/sahel/locks/o/ɓ", None, two)
    scene.refs.swap("refs/sahel/elsewhere", None, two)
    assert scene.refs.read_all("refs/sahel/locks") == {REF: one, "refs/sahel/locks/o/ɓ": two}
