"""A relay to the embedded service that makes the weather: it knows where an HTTP request begins and ends, no more.

The service's answers pass as they come, and connections are kept open as both ends wish.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from .weather import Fault, Gust, Weather

HEAD = 1 << 20
SILENCE = 65.0
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_CONNECTION = re.compile(rb"\r\nconnection: [^\r]*", re.IGNORECASE)
_PAGE = b"<html><head><title>%s</title></head><body><center><h1>%s</h1></center></body></html>\r\n"
_REASONS = (b"500 Internal Server Error", b"502 Bad Gateway", b"503 Service Unavailable")
_ENDS = (Fault.RESET, Fault.CUT_THERE, Fault.LATE, Fault.SILENT)


class Line:
    """One relay, on a port of its own. Its weather may be changed at any time."""

    def __init__(self, port: int) -> None:
        self.weather = Weather.calm()
        self.to = port
        self.url = ""
        self.ghosts: set[asyncio.Task[None]] = set()
        """Requests whose sender has gone, on their way still."""


@contextlib.contextmanager
def lines(port: int, count: int) -> Iterator[list[Line]]:
    """So many relays to `port`, in one thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    made = [Line(port) for _ in range(count)]
    servers = []
    try:
        for line in made:
            servers.append(asyncio.run_coroutine_threadsafe(_serve(line), loop).result())
            line.url = f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"
        yield made
    finally:
        for server in servers:
            loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(_end_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _serve(line: Line) -> asyncio.Server:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            there, back = await asyncio.open_connection("127.0.0.1", line.to)
            await _Connection(line, reader, writer, there, back).relay()
        writer.close()

    return await asyncio.start_server(accept, "127.0.0.1", 0, limit=HEAD)


@dataclass(frozen=True)
class _Request:
    verb: str
    path: str
    data: bytes


class _Connection:
    """`reader` and `writer` are the client's, `there` and `back` the service's."""

    def __init__(
        self,
        line: Line,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        self._line, self._weather = line, line.weather
        self._reader, self._writer, self._there, self._back = reader, writer, there, back
        self._room: int | None = None  # bytes of the answer until it is cut
        self._cut_as = Fault.CUT_BACK
        self._rude = self._rudely = False
        self._hold = 0.0

    async def relay(self) -> None:
        """Until either end has had enough, or the weather has."""
        both = [asyncio.ensure_future(self._requests()), asyncio.ensure_future(self._answers())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            for task in both:
                with contextlib.suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
                    await task
            self._back.close()
            if self._rudely:
                _reset(self._writer)

    async def _requests(self) -> None:
        while True:
            request = await _request(self._reader)
            self._room, self._hold, self._weather = None, 0.0, self._line.weather
            gust = self._weather.meets(request.verb, request.path)
            if gust is None:
                self._back.write(request.data)
            elif not await self._strike(gust, request):
                return
            await self._back.drain()

    async def _answers(self) -> None:
        while data := await self._there.read(1 << 16):
            if self._hold:
                await asyncio.sleep(self._hold)
            if self._room is not None and len(data) > self._room:
                self._weather.met[self._cut_as] += 1
                self._rudely = self._rude
                self._writer.write(data[: self._room])
                with contextlib.suppress(OSError):
                    await self._writer.drain()
                return
            if self._room is not None:
                self._room -= len(data)
            self._writer.write(data)
            await self._writer.drain()

    async def _strike(self, gust: Gust, request: _Request) -> bool:
        """Whether the connection goes on."""
        chance = gust.chance
        self._rude = chance.random() < 0.5
        if gust.fault in (Fault.CUT_BACK, Fault.LOST):
            self._cut_as = gust.fault
            whole = chance.choice((300, 1_000, 10_000, 500_000))
            self._room = 0 if gust.fault is Fault.LOST else chance.randrange(whole)
            self._back.write(request.data)
            return True
        self._weather.met[gust.fault] += 1
        self._rudely = self._rude and gust.fault in _ENDS
        going_on: dict[Fault, Callable[[], Awaitable[bool]]] = {
            Fault.REFUSED: lambda: self._refuse(chance.choice(_REASONS), chance.random() < 0.3),
            Fault.CUT_THERE: lambda: self._part(request.data[: chance.randrange(len(request.data))]),
            Fault.LATE: lambda: self._late(request, chance.uniform(0.2, 6.0)),
            Fault.DELAYED: lambda: self._delayed(request, chance.uniform(0.05, 1.5)),
            Fault.SILENT: lambda: self._silent(request, served=chance.random() < 0.5),
            Fault.TWICE: lambda: self._twice(request),
            Fault.ECHOED: lambda: self._echo(request),
            Fault.RESET: self._nothing,
        }
        return await going_on[gust.fault]()

    async def _nothing(self) -> bool:
        return False

    async def _refuse(self, reason: bytes, wait: bool) -> bool:
        page = _PAGE % (reason, reason)
        head = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n" % (reason, len(page))
        self._writer.write(head + b"Retry-After: 1\r\n" * wait + b"\r\n" + page)
        await self._writer.drain()
        return True

    async def _part(self, data: bytes) -> bool:
        self._back.write(data)
        await self._back.drain()
        return False

    async def _late(self, request: _Request, seconds: float) -> bool:
        async def deliver() -> None:
            await asyncio.sleep(seconds)
            with contextlib.suppress(OSError):
                await _alone(self._line.to, request.data)

        ghost = asyncio.ensure_future(deliver())
        self._line.ghosts.add(ghost)
        ghost.add_done_callback(self._line.ghosts.discard)
        return False

    async def _delayed(self, request: _Request, seconds: float) -> bool:
        self._hold = seconds
        await asyncio.sleep(seconds)
        self._back.write(request.data)
        return True

    async def _silent(self, request: _Request, *, served: bool) -> bool:
        self._room = 0
        if served:
            await _alone(self._line.to, request.data)
        await asyncio.sleep(SILENCE)
        return False

    async def _twice(self, request: _Request) -> bool:
        await _alone(self._line.to, request.data)
        self._back.write(request.data)
        return True

    async def _echo(self, request: _Request) -> bool:
        answer = await _alone(self._line.to, request.data)
        self._writer.write(answer + answer)
        await self._writer.drain()
        return False


async def _request(reader: asyncio.StreamReader) -> _Request:
    """The next whole request. Raises `IncompleteReadError` where the client has gone."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    verb, path, _ = head.split(b" ", 2)
    return _Request(verb.decode("ascii"), path.decode("ascii"), head + body)


async def _alone(port: int, data: bytes) -> bytes:
    """The whole answer to a request that goes over a connection of its own."""
    there, back = await asyncio.open_connection("127.0.0.1", port)
    head, _, body = data.partition(b"\r\n\r\n")
    back.write(_CONNECTION.sub(b"", head) + b"\r\nConnection: close\r\n\r\n" + body)
    try:
        return await there.read(-1)
    finally:
        back.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other end hears of a reset, and what it has not read is gone."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
