"""git's long-running filter process, version 2: one process cleans and smudges every file of a git command.

    git>  git-filter-client, version=2, flush
    us<   git-filter-server, version=2, flush
    git>  capability=clean, capability=smudge, …, flush
    us<   capability=clean, capability=smudge, flush
    git>  command=clean, pathname=a.ipynb, flush, CONTENT, flush          for each file; with smudge also blob=…
    us<   status=success, flush, CONTENT, flush, flush                    or: status=error, flush

Each item is a pkt-line: four hex digits that count themselves too, then the bytes; `0000` is a flush.
https://git-scm.com/docs/gitattributes#_long_running_filter_process, https://git-scm.com/docs/protocol-common

This module knows two streams and two functions, nothing of notebooks or processes; it is on the path of every `git add`
and imports nothing. Content is handed on as it comes, so that a large file need not be held. What bites, and is
therefore so: a success with too few bytes stages them, so the whole reply is made before the status is sent; an empty
reply stages an empty blob even with required=true, so clean never sends one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Protocol

    class Reader(Protocol):
        def read(self, size: int, /) -> bytes: ...

    class Writer(Protocol):
        def write(self, data: bytes, /) -> object: ...
        def flush(self) -> object: ...

    Convert = Callable[[bytes, Iterator[bytes]], Iterable[bytes]]
    """(pathname, content in pieces) → content in pieces. Raise to leave the file alone: git is told "error"."""
    Report = Callable[[bytes, Exception], None]


class NothingLeft(Exception):
    """A file would be staged empty."""


class UnknownCommand(Exception):
    """git asks for something that we never offered."""


MAX_DATA = 65516
FLUSH = b"0000"


class ProtocolError(Exception):
    """git, or what calls itself git, said something that is not in the protocol, or stopped in the middle."""


def serve(
    reader: Reader, writer: Writer, clean: Convert, smudge: Convert, report: Report, unnamed: Convert | None = None
) -> None:
    """Answer until git closes the stream. A file that cannot be converted goes to `report` and fails alone.

    `unnamed` smudges where git names no blob, as its older merge, and git before 2.27, do. Raise `ProtocolError` where
    nothing sensible can follow; the caller then ends, and git fails the command.
    """
    if not _shake_hands(reader, writer):
        return
    while (header := _read_header(reader)) is not None:
        content = _packets(reader)
        path = header.get(b"pathname", b"")
        try:
            convert = smudge if unnamed is None or b"blob" in header else unnamed
            reply = _convert(header.get(b"command", b""), path, content, clean, convert)
        except ProtocolError:
            raise
        except Exception as exc:  # noqa: BLE001  whatever it is, nothing of this file may be staged, and git must hear it
            for _ in content:
                pass  # git says all that it has to say before it listens
            report(path, exc)
            writer.write(packet(b"status=error\n") + FLUSH)
        else:
            _send(writer, reply)
        writer.flush()


def _convert(command: bytes, path: bytes, content: Iterator[bytes], clean: Convert, smudge: Convert) -> Iterable[bytes]:
    if command == b"smudge":
        reply = smudge(path, content)
    elif command == b"clean":
        reply = clean(path, content)
        if not any(reply):
            raise NothingLeft("nothing would be left of the file")
    else:
        raise UnknownCommand(f"unknown command {command!r}")
    for _ in content:
        raise ProtocolError("a file was converted before all of it was read")
    return reply


def packet(data: bytes) -> bytes:
    """One pkt-line of at most MAX_DATA bytes."""
    return b"%04x%s" % (len(data) + 4, data)


def _shake_hands(reader: Reader, writer: Writer) -> bool:
    """Agree on version 2; False where git closed the stream without a word."""
    welcome = _read_list(reader)
    if welcome is None:
        return False
    if welcome[:1] != [b"git-filter-client"] or b"version=2" not in welcome:
        raise ProtocolError("expected git-filter-client and version=2")
    writer.write(packet(b"git-filter-server\n") + packet(b"version=2\n") + FLUSH)
    writer.flush()
    offered = _read_list(reader)
    if offered is None:
        raise ProtocolError("git offered no capabilities")
    ours = [name for name in (b"capability=clean", b"capability=smudge") if name in offered]
    writer.write(b"".join([packet(name + b"\n") for name in ours]) + FLUSH)
    writer.flush()
    return True


def _send(writer: Writer, reply: Iterable[bytes]) -> None:
    writer.write(packet(b"status=success\n") + FLUSH)
    for part in reply:
        view = memoryview(part)
        for start in range(0, len(part), MAX_DATA):
            chunk = view[start : start + MAX_DATA]
            writer.write(b"%04x" % (len(chunk) + 4))
            writer.write(chunk)  # type: ignore[arg-type]  # every binary stream takes a view, and copies nothing
    # The second, empty list says that the status stands.
    writer.write(FLUSH + FLUSH)


def _read_header(reader: Reader) -> dict[bytes, bytes] | None:
    lines = _read_list(reader)
    if lines is None:
        return None
    return dict([_pair(line) for line in lines])


def _pair(line: bytes) -> tuple[bytes, bytes]:
    key, _, value = line.partition(b"=")
    return key, value


def _read_list(reader: Reader) -> list[bytes] | None:
    """Text lines up to the flush; None where the stream ended before the first."""
    lines: list[bytes] = []
    while True:
        data = _read_packet(reader, at_start=not lines)
        if data is _END:
            return None
        if data is None:
            return lines
        lines.append(data[:-1] if data.endswith(b"\n") else data)


def _packets(reader: Reader) -> Iterator[bytes]:
    """The data of each pkt-line up to the flush."""
    while (data := _read_packet(reader, at_start=False)) is not None:
        yield data


_END = b"end of stream"  # told apart by identity


def _read_packet(reader: Reader, at_start: bool) -> bytes | None:
    """The data of one pkt-line, None for a flush, `_END` where the stream ends cleanly."""
    head = reader.read(4)
    if not head and at_start:
        return _END
    if len(head) < 4:
        raise ProtocolError("the stream ended inside a packet")
    try:
        size = int(head, 16)
    except ValueError:
        raise ProtocolError(f"not a packet length: {head!r}") from None
    if size == 0:
        return None
    if size < 4 or size > MAX_DATA + 4 or not head.isalnum():
        raise ProtocolError(f"not a packet length: {head!r}")
    data = reader.read(size - 4)
    if len(data) < size - 4:
        raise ProtocolError("the stream ended inside a packet")
    return data
