"""What we put up with from a server: the one adapter of every HTTP session that is ours, the package's among them.

    packed answers     only in a packing that was asked for; nobody asks for one of a file
    redirects          of GET alone, five, to https, or from plain http to the same host or within this machine. A POST
                       would send its body, and perhaps its credentials, to a stranger, or turn into a GET. `requests`
                       itself drops Authorization on the way to another host
    plain http         to this machine and to the service that the user named
    time               no answer, head or body, may come more slowly than SLOWEST for as long as `patience`; a live log
                       may, as long as it says something
    size               an answer that is not streamed fits into MOST_JSON when unpacked; the body of an error is cut

The package's uploads open sessions of their own, which this does not reach.
"""

from __future__ import annotations

import http.client
import io
import time
from typing import Any
from urllib.parse import urljoin, urlsplit

from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

from sahel_nb.kernels.target import CONNECT_TIMEOUT, SLOWEST

REDIRECTS = 5
MOST_JSON = 1 << 26
_MOST_ERROR = 1 << 20
_PIECE = 1 << 14
"""Packed bytes that are unpacked at a time: a bomb grows a thousandfold, and is seen before the next piece."""
_plain_hosts: set[str] = set()


class Unwelcome(RequestException):
    """An answer that we do not take; its text says why."""


def guard_session(session: Any, patience: float = 60.0) -> None:
    """Put the rules above on a `requests.Session`; whoever is silent for `patience` seconds is given up."""
    session.max_redirects = REDIRECTS
    for scheme in ("http://", "https://"):
        session.mount(scheme, GuardedAdapter(patience))


def allow_plain(url: str) -> None:
    """The user named this service: where it is plain http, that is theirs to choose."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname:
        _plain_hosts.add(parts.hostname)


class GuardedAdapter(HTTPAdapter):
    def __init__(self, patience: float) -> None:
        self._patience = patience
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._patience)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager: Any = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _pools(self._patience)
        return manager

    def send(self, request: Any, stream: bool = False, timeout: Any = None, **more: Any) -> Any:  # type: ignore[override]  # the rest is passed on
        if not _may_be_asked(request.url):
            raise Unwelcome(f"plain http to {urlsplit(request.url).hostname} is not asked", request=request)
        response: Any = super().send(request, stream=True, timeout=timeout or (CONNECT_TIMEOUT, self._patience), **more)
        try:
            self._judge(request, response, stream)
        except BaseException:
            response.close()
            raise
        return response

    def _judge(self, request: Any, response: Any, stream: bool) -> None:
        if response.is_redirect:
            _follow(request, response)
            response.close()  # nobody reads the body of a redirect, and it may have no end
            _keep(response, b"")
            return
        packing = response.headers.get("Content-Encoding", "").strip().lower()
        if packing not in ("", "identity") and packing not in _asked_for(request):
            raise Unwelcome(f"the answer is packed ({packing[:40]!r}), which was not asked for", request=request)
        if response.status_code >= 400:
            _keep(response, _body(response, _MOST_ERROR)[:_MOST_ERROR])
        elif not stream:
            body = _body(response, MOST_JSON)
            if len(body) > MOST_JSON:
                raise Unwelcome(f"the answer is larger than {MOST_JSON:,} bytes", request=request)
            _keep(response, body)
        elif "event-stream" in request.headers.get("Accept", ""):
            answer = getattr(response.raw, "_original_response", None)
            if isinstance(answer, _PacedResponse):
                answer.pace.slowest = 0


def _may_be_asked(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or _is_loopback(parts.hostname) or parts.hostname in _plain_hosts


def _is_loopback(host: str | None) -> bool:
    return host in ("localhost", "::1") or (host or "").startswith("127.")


def _follow(request: Any, response: Any) -> None:
    """Whether a redirect may be followed. Raises `Unwelcome`."""
    location = urljoin(request.url, response.headers.get("Location", ""))
    here, there = urlsplit(request.url), urlsplit(location)
    if request.method not in ("GET", "HEAD"):
        why = f"the answer to a {request.method} leads to {there.netloc.rpartition('@')[2]}, where it is not sent"
        raise Unwelcome(why, request=request)
    both = _is_loopback(here.hostname) and _is_loopback(there.hostname)
    plain = here.scheme == there.scheme == "http" and (both or here.hostname == there.hostname)
    if there.scheme != "https" and not plain:
        raise Unwelcome(f"the answer leads to {there.scheme}://{there.hostname}, which is not https", request=request)


def _asked_for(request: Any) -> list[str]:
    return [name.partition(";")[0].strip() for name in request.headers.get("Accept-Encoding", "").lower().split(",")]


def _body(response: Any, most: int) -> bytes:
    """The unpacked body, or more than `most` bytes of its beginning."""
    pieces, total = [], 0
    for piece in response.iter_content(_PIECE):
        pieces.append(piece)
        total += len(piece)
        if total > most:
            response.close()
            break
    return b"".join(pieces)


def _keep(response: Any, body: bytes) -> None:
    response._content, response._content_consumed = body, True


class _Pace:
    """How fast bytes come, from the first one on."""

    def __init__(self, window: float) -> None:
        self.slowest = SLOWEST
        self._window = window
        self._since = 0.0
        self._bytes = 0

    def came(self, count: int) -> None:
        now = time.monotonic()
        self._since = self._since or now
        self._bytes += count
        took = now - self._since
        if took < self._window:
            return
        if self._bytes < self.slowest * took:
            raise TimeoutError(f"timed out: {self._bytes} bytes in {took:.0f} s")
        self._since, self._bytes = now, 0


class _PacedSocket(io.RawIOBase):
    """What a socket's file reads, with an eye on the clock: the library's time limit is one of each `recv`."""

    def __init__(self, raw: io.RawIOBase, pace: _Pace) -> None:
        self._raw, self._pace = raw, pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count: int | None = self._raw.readinto(buffer)
        if count:
            self._pace.came(count)
        return count

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PacedResponse(http.client.HTTPResponse):
    window = 60.0

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.pace = _Pace(self.window)
        reader: Any = self.fp
        self.fp = io.BufferedReader(_PacedSocket(reader.detach(), self.pace))


def _pools(patience: float) -> dict[str, Any]:
    """The pools of urllib3, with connections whose answers are paced."""
    response = type("PacedResponse", (_PacedResponse,), {"window": patience})
    pools: dict[str, Any] = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}
    return {
        scheme: type(
            pool.__name__,
            (pool,),
            {"ConnectionCls": type("Paced", (pool.ConnectionCls,), {"response_class": response})},
        )
        for scheme, pool in pools.items()
    }
