"""One notebook in the vault, and how its pack spells it.

    entry: vault2 SP <key> SP <size> SP <length of the path> SP <file, or -> SP <nanoseconds> SP <worktree>
           SP <stripper>:<size of the stripped notebook> LF
           <path> LF  <size bytes>  <the stripped notebook> LF

The key is the CRC-32 and the length of the stripped notebook. The worktree is "-" for the main one and a checksum for
a linked one. `file` names the file of a large notebook; its entry has no bytes of it, but those of the stripped one.
What the stripper (strip_fast.py) made of the notebook is there lest it be made again; "-:0" where somebody else made
it. Entries of `vault1` have neither that word nor those bytes. What a crash cut short does not fit into its pack.

On the path of every `git add`: it imports almost nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

from binascii import crc32

_MAGIC = b"vault2"
_OLD = b"vault1"
HEADER = 8192
"""Bytes that hold any header and any path."""
INSIDE = "-"
"""The file of an entry that has its bytes with it."""
NOBODY = "-"
"""The stripper of an entry that has no stripped notebook."""


class Entry:
    """One notebook as it was on disk. `offset` is where its bytes begin in `file`; `kept_at` is in nanoseconds.

    `stripped_at` is where in `pack` those `stripped_size` bytes begin that `stripper` made of it.
    """

    __slots__ = (
        "file",
        "kept_at",
        "key",
        "offset",
        "pack",
        "path",
        "size",
        "stripped_at",
        "stripped_size",
        "stripper",
        "worktree",
    )

    def __init__(
        self,
        path: bytes,
        key: str,
        size: int,
        pack: str,
        file: str,
        offset: int,
        kept_at: int,
        worktree: str,
        stripper: str,
        stripped_size: int,
        stripped_at: int,
    ) -> None:
        self.path = path
        self.key = key
        self.size = size
        self.pack = pack
        self.file = file
        self.offset = offset
        self.kept_at = kept_at
        self.worktree = worktree
        self.stripper = stripper
        self.stripped_size = stripped_size
        self.stripped_at = stripped_at


def key_of(stripped: bytes) -> str:
    """What an entry is found by: it tells versions of a notebook apart at a tenth of the price of git's own id."""
    return f"{crc32(stripped):08x}-{len(stripped):x}"


def head_of(entry: Entry) -> bytes:
    """What stands before the bytes of an entry."""
    file = INSIDE if entry.file in (entry.pack, INSIDE) else entry.file
    words = f"{entry.key} {entry.size} {len(entry.path)} {file} {entry.kept_at} {entry.worktree}"
    return b"%s %s %s\n%s\n" % (_MAGIC, words.encode(), f"{entry.stripper}:{entry.stripped_size}".encode(), entry.path)


def room_of(entry: Entry) -> int:
    """Bytes that it takes up, in its pack and beside it."""
    return len(head_of(entry)) + entry.size + entry.stripped_size + 1


def entry_at(head: bytes, pack: str, at: int) -> tuple[Entry, int] | None:
    """The entry that begins at `at`, where `pack` has the bytes `head`, and where it ends; None for what is none."""
    line, newline, rest = head.partition(b"\n")
    words = line.split(b" ")
    if words[0] == _OLD and len(words) == 7:
        words.append(b"-:0")
    elif words[0] != _MAGIC or len(words) != 8:
        return None
    stripper, colon, stripped = words[7].partition(b":")
    if not newline or not colon or not line.isascii() or b"/" in words[4]:
        return None
    try:
        size, length, kept_at, stripped_size = int(words[2]), int(words[3]), int(words[5]), int(stripped)
    except ValueError:
        return None
    if rest[length : length + 1] != b"\n" or size < 0 or stripped_size < 0:
        return None
    start = at + len(line) + length + 2
    file, offset, end = (pack, start, start + size) if words[4] == b"-" else (words[4].decode(), 0, start)
    entry = Entry(
        rest[:length],
        words[1].decode(),
        size,
        pack,
        file,
        offset,
        kept_at,
        words[6].decode(),
        stripper.decode(),
        stripped_size,
        end,
    )
    return entry, end + stripped_size + 1
