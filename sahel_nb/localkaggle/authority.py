"""Requests that come through `http_proxy`: `POST http://localhost/api/v1/… HTTP/1.1` becomes an ordinary request.

The unmodified client can be pointed at `http://localhost` only, port 80; with `http_proxy` naming this service, its
requests arrive here with absolute-form targets (RFC 9112, 3.2.2). They are accepted for the names under which this
service is known. It is no proxy for anything else: other targets and CONNECT are refused.

A second duty follows from the pages that need no login on loopback: a web page elsewhere must not reach them by a
name of its own that resolves to 127.0.0.1. So the Host must be one of ours, too. Nor may it post to us under our own
name: browsers say in Origin which site a form or a script belongs to, and there is no form on ours.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sahel_nb.localkaggle.wire import ApiError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

_ABSOLUTE = re.compile(rb"http://([^/?#@\s]+)(/[^?#]*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.IGNORECASE)


@dataclass(frozen=True)
class Own:
    """The names of this service."""

    host: str
    port: int
    anywhere: bool
    """It was bound to an address that others reach: they may know it by any name."""

    def knows(self, authority: str, *, proxied: bool) -> bool:
        """Whether an authority means this service. Port 80 of localhost does when the client was sent through us."""
        parts = split(authority)
        if parts is None:
            return False
        host, port = parts
        ours = host in (*LOOPBACK, self.host)
        if proxied:
            return ours and (port == self.port or (port == 80 and host in LOOPBACK))
        return ours or self.anywhere

    def is_origin(self, origin: str) -> bool:
        """Whether a browser's Origin is this service itself: a page of another port is another site."""
        scheme, _, authority = origin.partition("://")
        parts = split(authority)
        return scheme == "http" and parts is not None and parts[1] == self.port and self.knows(authority, proxied=False)


def split(authority: str) -> tuple[str, int] | None:
    """`host[:port]` in lower case, port 80 where there is none."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return None
    port = int(match.group(2) or 80)
    return (match.group(1).lower(), port) if 0 < port < 65536 else None


def parse_absolute(target: bytes) -> tuple[str, bytes] | None:
    """`http://authority/path` → authority and path. None for anything else, user names in it included."""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        return None
    try:
        return match.group(1).decode("ascii").lower(), match.group(2) or b"/"
    except UnicodeDecodeError:
        return None


class AbsoluteForm:
    """ASGI middleware. What it lets through has an origin-form path and a Host header that means us."""

    def __init__(self, app: App, own: Callable[[], Own]) -> None:
        self._app = app
        self._own = own

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            scope = self._normalise(scope)
        except ApiError as exc:
            from starlette.responses import JSONResponse

            await JSONResponse(exc.body(), exc.code)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _normalise(self, scope: Message) -> Message:
        own = self._own()
        target: bytes = scope["raw_path"]
        if scope["method"] == "CONNECT":
            raise ApiError(405, "This service is not a proxy")
        for key, value in scope["headers"]:
            if key == b"origin" and not own.is_origin(value.decode("latin-1")):
                raise ApiError(403, "Requests from web pages of other sites are not answered")
        if target.startswith(b"/"):
            host = next((value.decode("latin-1") for key, value in scope["headers"] if key == b"host"), "")
            if not own.knows(host, proxied=False):
                raise ApiError(421, "This service is not known by that name")
            _, port = scope["server"] or (None, own.port)
            # From inside a sandbox, by the port that is ours there: no browser finds us at that.
            return scope if port == own.port else {**scope, "sahel_nb.proxied": True}
        absolute = parse_absolute(target)
        if absolute is None:
            raise ApiError(400, "Malformed request target")
        authority, path = absolute
        if not own.knows(authority, proxied=True):
            raise ApiError(403, "This service is not a proxy: it answers for itself only")
        # RFC 9112, 3.2.2: the target's authority replaces whatever Host says.
        headers = [(key, value) for key, value in scope["headers"] if key != b"host"]
        return {
            **scope,
            "raw_path": path,
            "path": unquote(path.decode("ascii", "replace")),
            "headers": [*headers, (b"host", authority.encode("ascii"))],
            "sahel_nb.proxied": True,
        }
