"""Proves the filter protocol from byte strings: what we answer, and that no broken conversation stages anything."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.repo.filter_process import FLUSH, MAX_DATA, ProtocolError, packet, serve

HELLO = packet(b"git-filter-client\n") + packet(b"version=2\n") + FLUSH
OFFER = packet(b"capability=clean\n") + packet(b"capability=smudge\n") + packet(b"capability=delay\n") + FLUSH
WELCOME = packet(b"git-filter-server\n") + packet(b"version=2\n") + FLUSH
ACCEPT = packet(b"capability=clean\n") + packet(b"capability=smudge\n") + FLUSH
DONE = packet(b"status=success\n") + FLUSH
FAILED = packet(b"status=error\n") + FLUSH


def request(command: bytes, path: bytes, content: bytes, *more: bytes) -> bytes:
    lines = [b"command=" + command, b"pathname=" + path, *more]
    chunks = [packet(content[at : at + MAX_DATA]) for at in range(0, len(content), MAX_DATA)]
    return b"".join(packet(line + b"\n") for line in lines) + FLUSH + b"".join(chunks) + FLUSH


def talk(said: bytes) -> tuple[bytes, list[bytes]]:
    """Our answer to what git said, and the paths that failed. clean upper-cases, and refuses what holds "bad"."""
    writer, failed = io.BytesIO(), []

    def clean(path: bytes, content: Iterator[bytes]) -> list[bytes]:
        reply = []
        for part in content:
            if b"bad" in part:
                raise ValueError("bad")  # with the rest of it not yet read
            reply.append(part.upper())
        return reply

    def report(path: bytes, exc: Exception) -> None:
        failed.append(path)

    serve(io.BytesIO(said), writer, clean, lambda path, content: list(content), report)
    return writer.getvalue(), failed


def test_a_whole_conversation() -> None:
    said = HELLO + OFFER + request(b"clean", b"a b/\xc5\x8b.ipynb", b"x") + request(b"smudge", b"a", b"y", b"ref=main")
    answer, failed = talk(said)
    assert answer == WELCOME + ACCEPT + DONE + packet(b"X") + FLUSH + FLUSH + DONE + packet(b"y") + FLUSH + FLUSH
    assert failed == []


def test_only_what_git_offers_is_taken() -> None:
    answer, _ = talk(HELLO + packet(b"capability=clean\n") + FLUSH)
    assert answer == WELCOME + packet(b"capability=clean\n") + FLUSH


def test_one_bad_file_fails_alone() -> None:
    said = HELLO + OFFER + request(b"clean", b"1", b"bad") + request(b"clean", b"2", b"ok")
    answer, failed = talk(said)
    assert answer == WELCOME + ACCEPT + FAILED + DONE + packet(b"OK") + FLUSH + FLUSH
    assert failed == [b"1"]


def test_an_empty_blob_is_never_staged() -> None:
    answer, failed = talk(HELLO + OFFER + request(b"clean", b"e", b""))
    assert answer == WELCOME + ACCEPT + FAILED
    assert failed == [b"e"]


def test_an_empty_blob_is_checked_out() -> None:
    answer, _ = talk(HELLO + OFFER + request(b"smudge", b"e", b""))
    assert answer == WELCOME + ACCEPT + DONE + FLUSH + FLUSH


def test_an_unknown_command_is_an_error_and_not_the_end() -> None:
    answer, failed = talk(HELLO + OFFER + request(b"list_available_blobs", b"u", b"") + request(b"clean", b"2", b"k"))
    assert answer == WELCOME + ACCEPT + FAILED + DONE + packet(b"K") + FLUSH + FLUSH
    assert failed == [b"u"]


@pytest.mark.parametrize("size", [1, MAX_DATA - 1, MAX_DATA, MAX_DATA + 1, 3 * MAX_DATA + 7])
def test_large_contents_come_back_in_packets(size: int) -> None:
    answer, _ = talk(HELLO + OFFER + request(b"clean", b"big", b"x" * size))
    body = answer.removeprefix(WELCOME + ACCEPT + DONE).removesuffix(FLUSH + FLUSH)
    whole, rest = divmod(size, MAX_DATA)
    assert body == packet(b"X" * MAX_DATA) * whole + (packet(b"X" * rest) if rest else b"")


def test_silence_is_no_error() -> None:
    assert talk(b"") == (b"", [])
    assert talk(HELLO + OFFER) == (WELCOME + ACCEPT, [])


WHOLE = HELLO + OFFER + request(b"clean", b"a.ipynb", b"content") + request(b"smudge", b"b.ipynb", b"other")
ENDS = (0, len(HELLO + OFFER), len(HELLO + OFFER + request(b"clean", b"a.ipynb", b"content")), len(WHOLE))


@pytest.mark.parametrize("cut", range(1, len(WHOLE)))
def test_a_conversation_cut_anywhere_ends_it(cut: int) -> None:
    """Nothing after the cut is answered: git sees our end closed, and with required=true stages nothing."""
    if cut in ENDS:
        talk(WHOLE[:cut])
        return
    with pytest.raises(ProtocolError):
        talk(WHOLE[:cut])


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=3))
def test_garbage_is_refused_or_answered_whole(at: int, noise: bytes) -> None:
    """Whatever is said, each answer has its status, and each success its content and two flushes."""
    said = WHOLE[:at] + noise + WHOLE[at + len(noise) :]
    writer = io.BytesIO()
    with contextlib.suppress(ProtocolError):
        serve(io.BytesIO(said), writer, lambda p, c: [b"".join(c).upper()], lambda p, c: list(c), lambda p, e: None)
    answer = writer.getvalue()
    if not answer.startswith(WELCOME):
        assert answer == b""
        return
    rest = answer[len(WELCOME) :]
    if rest:
        rest = rest[rest.index(FLUSH) + 4 :]
    while rest:
        if rest.startswith(FAILED):
            rest = rest[len(FAILED) :]
            continue
        assert rest.startswith(DONE)
        rest = rest[len(DONE) :]
        while not rest.startswith(FLUSH):
            size = int(rest[:4], 16)
            assert len(rest) >= size
            rest = rest[size:]
        assert rest.startswith(FLUSH + FLUSH)
        rest = rest[8:]
