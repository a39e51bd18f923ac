"""Conversations of git with the filter process, mutated: no success for half a file, no wrong bytes, always an end."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from random import Random

from sahel_nb.hooks.filter import NotebookFilter
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.strip import strip
from sahel_nb.repo.filter_process import MAX_DATA, ProtocolError, packet, serve
from tests.fuzz.hostile import hostile
from tests.fuzz.mutate import mutated
from tests.fuzz.notebooks import notebook

FLUSH = b"0000"
_HELLO = packet(b"git-filter-client\n") + packet(b"version=2\n") + FLUSH
_OFFER = b"".join(packet(b"capability=%s\n" % name) for name in (b"clean", b"smudge", b"delay")) + FLUSH


class Wrong(Exception):
    """A property does not hold."""


class Broken(Exception):
    """This stream is no pkt-line stream, or ends in the middle of one."""


def spoken(chance: Random) -> bytes:
    """A whole conversation about a few files."""
    return _HELLO + _OFFER + b"".join(_request(chance) for _ in range(chance.choice((0, 1, 2, 4))))


def _request(chance: Random) -> bytes:
    command = chance.choice((b"clean", b"clean", b"clean", b"smudge", b"check-attr", b""))
    header = [
        packet(b"command=%s\n" % command),
        packet(b"pathname=%s\n" % chance.choice((b"a.ipynb", b"\xc5\x8b =.ipynb"))),
    ]
    if chance.random() < 0.2:
        header.append(packet(b"ref=refs/heads/main\n"))
    content = b"" if chance.random() < 0.1 else (hostile if chance.random() < 0.3 else notebook)(chance)
    if chance.random() < 0.03:  # more than the filter holds in memory
        content = enlarged(content, chance)
    if chance.random() < 0.2:
        content = mutated(content, chance, ())
    return b"".join(header) + FLUSH + b"".join(_packets(content, chance)) + FLUSH


def enlarged(content: bytes, chance: Random) -> bytes:
    """A text of it a megabyte longer, or a picture."""
    at = content.find(b'"', content.find(b'"outputs"') + 9) + 1
    more = chance.choice((b"iVBORw0KGgoA", b"\xc5\x8b loss\\t", b'\\n",\n      "', b"\\u00e9\\\\"))
    return content[:at] + more * ((1 << 20) // len(more) + chance.randrange(3)) + content[at:]


def _packets(content: bytes, chance: Random) -> Iterator[bytes]:
    size = chance.choice((1, 100, 4096, MAX_DATA)) if len(content) < 1 << 18 else chance.choice((4096, MAX_DATA))
    for at in range(0, len(content), size):
        yield packet(content[at : at + size])


def damaged(data: bytes, chance: Random) -> bytes:
    """What a dying or mistaken git could say: bytes changed, packets lost, doubled, exchanged, the end missing."""
    if chance.random() < 0.4:
        return mutated(data, chance, ())
    found = list(_split(data))
    for _ in range(chance.choice((1, 1, 2, 3))):
        if not found:
            break
        at = chance.randrange(len(found))
        action = chance.randrange(6)
        if action == 0:
            del found[at]
        elif action == 1:
            found.insert(at, found[chance.randrange(len(found))])
        elif action == 2:
            found.insert(
                at, chance.choice((FLUSH, b"0001", b"0002", b"0003", b"0004", b"fff4x", b"ffff", b"0x0ax", b"    "))
            )
        elif action == 3:
            del found[at:]
        elif action == 4:
            found[at] = found[at][: chance.randrange(len(found[at]) + 1)]
        else:
            to = chance.randrange(len(found))
            found[at], found[to] = found[to], found[at]
    return b"".join(found)


def _split(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        try:
            size = max(4, int(data[at : at + 4], 16))
        except ValueError:
            size = len(data)
        yield data[at : at + size]
        at += size


def listen(data: bytes, chance: Random) -> bool:
    """Serve the conversation, and compare the answers with what was asked completely. True where git got an answer."""
    ours = NotebookFilter(None)
    out = io.BytesIO()
    reported: list[bytes] = []
    with contextlib.suppress(ProtocolError):
        serve(io.BytesIO(data), out, ours.clean, ours.smudge, lambda path, exc: reported.append(path))
    asked = _asked(data)
    answers = _answers(out.getvalue())
    if len(answers) > len(asked):
        raise Wrong(f"{len(answers)} answers to {len(asked)} complete questions")
    failed = 0
    for (command, content), answer in zip(asked, answers, strict=False):
        expected = _expected(command, content)
        if answer != expected:
            raise Wrong(f"{command!r} was answered with {answer!r}, and not with {expected!r}")
        failed += answer is None
    if failed != len(reported):
        raise Wrong(f"{failed} files failed, {len(reported)} were reported")
    return bool(answers)


def _expected(command: bytes, content: bytes) -> bytes | None:
    """None for an error."""
    if command == b"smudge":
        return content
    try:
        return strip(content) if command == b"clean" else None
    except NotebookError:
        return None


def _asked(data: bytes) -> list[tuple[bytes, bytes]]:
    """(command, content) of each file of which all was said, as far as the stream is one that git could speak."""
    found: list[tuple[bytes, bytes]] = []
    lists = _lists(data)
    try:
        _, _ = next(lists), next(lists)  # the greeting, and what git can do
        while True:
            header = dict(line.rstrip(b"\n").partition(b"=")[::2] for line in next(lists))
            found.append((header.get(b"command", b""), b"".join(next(lists))))
    except (StopIteration, Broken):
        return found


def _answers(data: bytes) -> list[bytes | None]:
    """The content of each success, None for each error. What we say must be well-formed to the last byte."""
    lists = _lists(data)
    found: list[bytes | None] = []
    try:
        greeting = next(lists, None)
        if greeting is None:
            return found
        if greeting != [b"git-filter-server\n", b"version=2\n"]:
            raise Wrong(f"said {greeting!r}")
        next(lists, None)
        for status in lists:
            if status == [b"status=error\n"]:
                found.append(None)
            elif status == [b"status=success\n"]:
                content = b"".join(next(lists))
                if next(lists) != []:
                    raise Wrong("a success that was not confirmed")
                found.append(content)
            else:
                raise Wrong(f"said {status!r}")
    except (StopIteration, Broken) as exc:
        raise Wrong("an answer was cut short") from exc
    return found


def _lists(data: bytes) -> Iterator[list[bytes]]:
    """The packets between two flushes. A length is what `int` reads as one, ` 000` and `0x0a` too."""
    at = 0
    packets: list[bytes] = []
    while at < len(data):
        head = data[at : at + 4]
        try:
            size = int(head, 16)
        except ValueError:
            raise Broken from None
        if len(head) < 4:
            raise Broken
        if size == 0:
            yield packets
            packets = []
            at += 4
            continue
        if size < 4 or at + size > len(data) or size > MAX_DATA + 4:
            raise Broken
        packets.append(data[at + 4 : at + size])
        at += size
    if packets:
        raise Broken
