"""Real git for stories: `origin.clone("bob")`, `bob.commit("a.ipynb")`, the same commit ids on every machine.

The environment is frozen by tests/conftest.py; this adds fixed dates and the servers that a remote can live behind.
"""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DATE = "2024-01-02T03:04:05+00:00"


def run_git(*args: str | bytes, cwd: Path, check: bool = True, **env: str) -> str:
    """Plain git, as a person would type it; stdout without its last line end."""
    done = subprocess.run(
        ["git", *args],
        cwd=cwd,
        env={**os.environ, "GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"git {args} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")


@dataclass(frozen=True)
class Git:
    """One clone, or a repository without a remote."""

    root: Path

    @classmethod
    def init(cls, root: Path, name: str = "Awa Diop") -> Git:
        root.mkdir(parents=True, exist_ok=True)
        run_git("init", "-q", "-b", "main", cwd=root)
        made = cls(root)
        made.become(name)
        return made

    def __call__(self, *args: str | bytes, check: bool = True) -> str:
        return run_git(*args, cwd=self.root, check=check)

    def become(self, name: str, email: str = "") -> None:
        """Who commits from here on."""
        self("config", "user.name", name)
        self("config", "user.email", email or f"{name.split()[0].lower()}@example.org")

    def write(self, path: str | bytes, content: str | bytes = "text\n") -> Path:
        target = self.root / os.fsdecode(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return target

    def commit(self, *paths: str | bytes, message: str = "Work") -> str:
        """Commit these paths (those that do not exist are written first), or what is staged; the commit's id."""
        for path in paths:
            if not os.path.lexists(self.root / os.fsdecode(path)):
                self.write(path)
        if paths:
            self("add", "--", *paths)
        self("commit", "-q", "--allow-empty", "-m", message)
        return self.head()

    def head(self) -> str:
        return self("rev-parse", "HEAD")

    def push(self, *args: str) -> None:
        self("push", "-q", *(args or ("-u", "origin", "HEAD")))


@dataclass(frozen=True)
class Origin:
    """A bare repository that people share."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Origin:
        path.mkdir(parents=True)
        run_git("init", "-q", "--bare", "-b", "main", cwd=path)
        return cls(path)

    def __call__(self, *args: str | bytes, check: bool = True) -> str:
        return run_git(*args, cwd=self.path, check=check)

    def clone(self, name: str, url: str = "", folder: Path | None = None) -> Git:
        """A clone beside the bare repository, worked in by `name`."""
        root = folder or self.path.parent / name
        run_git("clone", "-q", url or str(self.path), str(root), cwd=self.path.parent)
        made = Git(root)
        made("symbolic-ref", "HEAD", "refs/heads/main")
        made.become(name.capitalize())
        return made

    def hook(self, name: str, script: str) -> None:
        path = self.path / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def git_daemon(base: Path) -> Iterator[str]:
    """`git daemon` that serves everything below `base`, pushes included; yields the URL to put a path after."""
    port = free_port()
    daemon = subprocess.Popen(
        (
            *("git", "daemon", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}", "--export-all"),
            *("--enable=receive-pack", f"--base-path={base}", str(base)),
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _until_open(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        # `git daemon` the command is the parent of git-daemon the server: end the group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(daemon.pid, 15)
        daemon.wait()


def _until_open(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing listens on port {port}")
        time.sleep(0.01)


@contextlib.contextmanager
def git_http(base: Path) -> Iterator[str]:
    """Smart HTTP: git's own http-backend behind a real HTTP server; yields the URL to put a path after."""
    backend = Path(run_git("--exec-path", cwd=base)) / "git-http-backend"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # as servers do: head and body are two segments, and the second would wait 40 ms

        def do_GET(self) -> None:
            self._serve(b"")

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                self._serve(self._chunks())
            else:
                self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _serve(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            env = {
                **os.environ,
                "GIT_PROJECT_ROOT": str(base),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": _user(self.headers.get("Authorization", "")),  # without one http-backend takes no push
                "REMOTE_ADDR": "127.0.0.1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }
            answer = subprocess.run([backend], input=body, env=env, capture_output=True)
            head, _, content = answer.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if ": " in line)
            self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is BaseHTTPRequestHandler's
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}"


def _user(authorization: str) -> str:
    """Who says so, with any password."""
    return base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")[0] or "someone"


@contextlib.contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[int]:
    """Serve in a thread; yields the port."""
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
