"""A response over a bad line: broken off after so many bytes, dripping, or never begun."""

from __future__ import annotations

from typing import Any

import anyio
from starlette.responses import Response

from sahel_nb.localkaggle.authority import Message, Receive, Send

DRIP = 256


class _Broken(Exception):
    """Enough was sent."""


class Cut(Response):
    """`inner`, of which `after` bytes of the body arrive; None: all of them, `pause` seconds apart. Before the first
    of them there is `silence`, in seconds, for as long as the client stays. `clean`: as if there were no more.

    The application returns with its answer unfinished; then the server closes the connection, and the client has an
    answer whose length is not what was announced.
    """

    def __init__(
        self, inner: Response, after: int | None, *, pause: float = 0.0, silence: float = 0.0, clean: bool = False
    ) -> None:
        super().__init__(status_code=inner.status_code)
        self._inner, self._after, self._pause, self._silence, self._clean = inner, after, pause, silence, clean
        if after == 0:
            inner.headers["content-length"] = "4096"

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        sent = 0

        async def limited(message: Message) -> None:
            nonlocal sent
            if message["type"] != "http.response.body":
                await send(message)
                return
            body = message.get("body", b"")
            if self._after is None:
                for start in range(0, len(body), DRIP):
                    await send({**message, "body": body[start : start + DRIP], "more_body": True})
                    await anyio.sleep(self._pause)
                await send({**message, "body": b""})
                return
            room = self._after - sent
            if len(body) > room or self._after == 0:
                await send({**message, "body": body[:room], "more_body": not self._clean})
                raise _Broken
            sent += len(body)
            await send(message)

        if self._silence:
            with anyio.move_on_after(self._silence):
                while (await receive())["type"] != "http.disconnect":
                    pass
        try:
            await self._inner(scope, receive, limited)
        except _Broken:
            return
