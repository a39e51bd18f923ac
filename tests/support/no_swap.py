"""A git server that answers yes to a push whatever the ref was to be moved from: dulwich's, over smart HTTP.

It looks at what a ref is when it moves it, and not at what the client was told that it is: of two who push at once both
are answered ok, and the later one's record stays. Every version of dulwich that we have seen does so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import WSGIRequestHandlerLogger, make_wsgi_chain


class _Quiet(WSGIRequestHandlerLogger):
    def log_message(self, *_: object) -> None: ...

    def log_exception(self, *_: object) -> None: ...


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None: ...


@contextmanager
def dulwich_http(repository: Path) -> Iterator[str]:
    """Serve one bare repository; yields its URL."""
    backend = DictBackend({"/origin.git": Repo(str(repository))})
    server = make_server("127.0.0.1", 0, make_wsgi_chain(backend), server_class=_Threads, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/origin.git"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
