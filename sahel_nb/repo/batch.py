"""Many objects through one `git cat-file --batch`, one after another: read whole, in pieces, or not at all.

    us>   <name> LF                                     an object id, or <revision>:<path>
    git<  <oid> SP <type> SP <size> LF <contents> LF    or: <name> SP missing LF

https://git-scm.com/docs/git-cat-file#_batch_output. On the path of every commit: it imports almost nothing.
"""

from __future__ import annotations

from sahel_nb.repo.cmd import Conversation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

_AHEAD = 32 * 1024
"""Bytes of names that git is asked for before an answer is read: its pipe holds twice that."""
_PIECE = 4 << 20


class Found:
    """The object that a name stands for; `kind` is git's word for its type, "missing" where there is none.

    Its content can be read until the next object is asked for.
    """

    __slots__ = ("_left", "_stream", "kind", "oid", "size")

    def __init__(self, oid: str, kind: str, size: int, stream: BinaryIO) -> None:
        self.oid = oid
        self.kind = kind
        self.size = size
        self._left = size
        self._stream = stream

    def read(self) -> bytes:
        return b"".join(self.pieces(self._left or 1))

    def pieces(self, most: int = _PIECE) -> Iterator[bytes]:
        while self._left:
            piece = self._stream.read(min(most, self._left))
            if not piece:
                raise EOFError("git cat-file ended in the middle of an object")
            self._left -= len(piece)
            yield piece


def objects(names: Iterable[bytes], cwd: Path | str, env: Mapping[str, str] | None = None) -> Iterator[Found]:
    """What git has for each name, in their order. A name holds no line end. Raise `GitFailed` where git gives up."""
    waiting = iter(names)
    asked = list(_some(waiting))
    if not asked:
        return
    with Conversation("cat-file", "--batch", cwd=cwd, env=env) as conversation:
        while asked:
            conversation.ask(b"".join(name + b"\n" for name in asked))
            for name in asked:
                found = _answer(conversation, name)
                yield found
                if found.kind != "missing":
                    try:
                        for _ in found.pieces():
                            pass
                        conversation.answers.read(1)
                    except EOFError:
                        raise conversation.failed() from None
            asked = list(_some(waiting))


def _some(names: Iterator[bytes]) -> Iterator[bytes]:
    length = 0
    for name in names:
        yield name
        length += len(name) + 1
        if length > _AHEAD:
            return


def _answer(conversation: Conversation, name: bytes) -> Found:
    line = conversation.answers.readline()
    if not line.endswith(b"\n"):
        raise conversation.failed()
    words = line[:-1].split(b" ")
    # "<name> missing", "<name> ambiguous": a name may hold spaces, but no answer with an object in it begins with it.
    if line[:-1] == name + b" missing" or len(words) != 3 or not words[2].isdigit():
        return Found("", "missing", 0, conversation.answers)
    return Found(words[0].decode("ascii"), words[1].decode("ascii"), int(words[2]), conversation.answers)
