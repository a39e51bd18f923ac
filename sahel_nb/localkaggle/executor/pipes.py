"""What a run says through pipes, cut into records: text as it comes, and the runner's JSON lines."""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import selectors
import time
from collections.abc import Callable
from typing import Any

_NEVER = float("inf")
# `print` without a buffer writes its text and its newline apart: a line that is not whole waits this long for the rest.
_PATIENCE = 0.2
LONGEST_LINE = 1 << 20
"""Characters of a line, or bytes of a frame, that are held while its end has not come. The runner's are far shorter."""


class Pipe:
    """A pipe's read end. `due` is when `flush` wants to be called, on the monotonic clock."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.due = _NEVER
        os.set_blocking(fd, False)

    def read(self) -> bool:
        """Take what is there. False at the end of the pipe, which is closed then."""
        try:
            data = os.read(self.fd, 256 * 1024)
        except BlockingIOError:
            return True
        if data:
            self.feed(data)
            return True
        self.flush(last=True)
        os.close(self.fd)
        self.fd = -1
        return False

    def drain(self, patience: float) -> None:
        """Read to the end; no longer than `patience` where somebody still holds the other side."""
        deadline = time.monotonic() + patience
        with selectors.DefaultSelector() as selector:
            if self.fd >= 0:
                selector.register(self.fd, selectors.EVENT_READ)
            while self.fd >= 0:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    self.flush(last=True)
                    return
                if self.fd >= 0 and not self.read():
                    return

    def feed(self, data: bytes) -> None:
        raise TypeError("Pipe is a base class")

    def flush(self, last: bool = False) -> None:
        self.due = _NEVER


class Text(Pipe):
    """Bytes somebody wrote, given on as text by whole lines, or what there is of a line after a moment's wait."""

    def __init__(self, fd: int, say: Callable[[str], None]) -> None:
        super().__init__(fd)
        self._say = say
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._say(line + "\n")
        if len(self._rest) > LONGEST_LINE:
            self.flush()
        elif not self._rest:
            self.due = _NEVER
        elif lines or self.due == _NEVER:
            self.due = time.monotonic() + _PATIENCE

    def flush(self, last: bool = False) -> None:
        super().flush(last)
        text, self._rest = self._rest, ""
        if last:
            text += self._decoder.decode(b"", final=True)
        if text:
            self._say(text)


class Frames(Pipe):
    """JSON values, one a line. What is none is passed over: a killed writer's last line, and one that is too long."""

    def __init__(self, fd: int, take: Callable[[Any], None]) -> None:
        super().__init__(fd)
        self._take = take
        self._rest: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join((*self._rest, lines[0])) if self._held <= LONGEST_LINE else b""
            self._rest, self._held = [], 0
        self._held += len(rest)
        self._rest = [*self._rest, rest] if self._held <= LONGEST_LINE else []
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                self._take(json.loads(line))
