"""The least that a filter in Python could cost: `python -I -S canned.py REPLIES`.

It speaks git's filter protocol, reads everything in large blocks, looks at nothing but a file's name, and answers with
what was made beforehand.

REPLIES: `LENGTH NAME\\n` for each file, an empty line, then the replies, one after the other. It is no filter to use.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Measured: larger blocks cost more to allocate than they save, and a larger pipe spares git and us turns.
BLOCK = 1 << 16
PIPE = 1 << 20


def write(path: "os.PathLike[str]", replies: "Mapping[bytes, bytes]") -> None:
    """Make REPLIES: each answer is kept as the packets that git will read."""
    made = {name: b"".join(_answer(content)) for name, content in replies.items()}
    head = b"".join(b"%d %s\n" % (len(answer), name) for name, answer in made.items())
    with open(path, "wb") as file:
        file.write(head + b"\n" + b"".join(made.values()))


def _answer(content: bytes) -> "Iterator[bytes]":
    yield b"0013status=success\n0000"
    for at in range(0, len(content), 65516):
        part = content[at : at + 65516]
        yield b"%04x" % (len(part) + 4) + part
    yield b"00000000"


def _load(path: str) -> "dict[bytes, memoryview]":
    handle = os.open(path, os.O_RDONLY)
    data = os.read(handle, os.fstat(handle).st_size)
    os.close(handle)
    at = data.index(b"\n\n") + 2
    replies: dict[bytes, memoryview] = {}
    view = memoryview(data)
    for line in data[: at - 2].split(b"\n"):
        length, _, name = line.partition(b" ")
        replies[name] = view[at : at + int(length)]
        at += int(length)
    return replies


def _serve(replies: "Mapping[bytes, memoryview]") -> None:
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        try:  # noqa: SIM105  contextlib is an import that this measures
            fcntl.fcntl(0, fcntl.F_SETPIPE_SZ, PIPE)
        except OSError:
            pass  # more pipes than this user may have
    read, write_out = os.read, os.write
    buffer = b""
    # The greeting: two flushes from git, an answer to each.
    for said in (b"0016git-filter-server\n000eversion=2\n0000", b"0015capability=clean\n0016capability=smudge\n0000"):
        while not buffer.endswith(b"0000"):
            got = read(0, BLOCK)
            if not got:
                return
            buffer += got
        write_out(1, said)
        buffer = b""
    while True:
        # command=clean, pathname=…, flush: small, and in one piece with the first of the content.
        got = read(0, BLOCK)
        if not got:
            return
        while b"\n0000" not in got:
            got += read(0, BLOCK)
        start = got.index(b"pathname=") + 9
        name = got[start : got.index(b"\n", start)]
        at = got.index(b"\n0000", start) + 5
        # The content: from one packet's length to the next, and nothing is copied.
        while True:
            have = len(got)
            while at + 4 <= have:
                size = int(got[at : at + 4], 16)
                at += size or 4
                if not size:
                    break
            else:
                got, at = got[at:] if at < have else b"", max(0, at - have)
                more = read(0, BLOCK)
                if not more:
                    raise SystemExit("git went away")
                got = got + more if got else more
                continue
            break
        reply = replies[name]
        while reply:
            reply = reply[write_out(1, reply) :]


if __name__ == "__main__":
    _serve(_load(sys.argv[1]))
