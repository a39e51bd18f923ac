"""A child process without the subprocess module, whose import costs as much as starting the interpreter again.

It knows what git needs and no more: an argument tuple, a folder, an environment, three pipes. cmd.py is its only user,
and takes the subprocess module where something must end in time.
"""

from __future__ import annotations

import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SIZE = 1 << 20
# Python ignores these two, and a child would inherit that: git is to end quietly when nobody reads it any more.
_SIGPIPE, _SIGXFSZ, _SIGTERM, _SIGKILL = 13, 25, 15, 9
_GRACE = 2.0


class Child:
    """A started process and our ends of its pipes; `stdin` is None where it reads nothing."""

    __slots__ = ("_code", "pid", "stderr", "stdin", "stdout")

    def __init__(self, pid: int, stdin: int | None, stdout: int, stderr: int) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self._code: int | None = None

    def communicate(self, data: bytes | None) -> tuple[int, bytes, bytes]:
        """Write `data`, read both streams to the end, wait: (code, stdout, stderr). If stopped, it ends the child."""
        try:
            out, err = self._pump(memoryview(data or b""))
            return self.wait(), out, err
        except BaseException:
            self.end()
            raise
        finally:
            self.close()

    def wait(self) -> int:
        """The exit code; minus the signal that ended it."""
        while self._code is None:
            _, status = os.waitpid(self.pid, 0)
            self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def end(self) -> None:
        """SIGTERM, so that git can end its helpers; SIGKILL for one that hangs."""
        import time

        if self._code is not None:
            return
        os.kill(self.pid, _SIGTERM)
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
                return
            time.sleep(0.005)
        os.kill(self.pid, _SIGKILL)
        self.wait()

    def close(self) -> None:
        """Give back the pipes that are still open."""
        for descriptor in (self.stdin, self.stdout, self.stderr):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)
        self.stdin, self.stdout, self.stderr = None, -1, -1

    def _pump(self, waiting: memoryview) -> tuple[bytes, bytes]:
        read: dict[int, list[bytes]] = {self.stdout: [], self.stderr: []}
        out, err = read.values()
        poll = select.poll()
        for descriptor in read:
            poll.register(descriptor, select.POLLIN | select.POLLHUP)
        if self.stdin is not None:
            if waiting:
                os.set_blocking(self.stdin, False)
                poll.register(self.stdin, select.POLLOUT)
            else:
                self._hang_up()
        while read or self.stdin is not None:
            for descriptor, _ in poll.poll():
                if descriptor == self.stdin:
                    try:
                        waiting = waiting[os.write(descriptor, waiting[:_SIZE]) :]
                    except BrokenPipeError:
                        waiting = waiting[:0]  # it has heard enough
                    if not waiting:
                        poll.unregister(descriptor)
                        self._hang_up()
                    continue
                data = os.read(descriptor, _SIZE)
                if data:
                    read[descriptor].append(data)
                else:
                    poll.unregister(descriptor)
                    del read[descriptor]
        return b"".join(out), b"".join(err)

    def _hang_up(self) -> None:
        if self.stdin is not None:
            os.close(self.stdin)
            self.stdin = None


def start(command: Sequence[str | bytes], env: Mapping[str, str], *, reads: bool) -> Child:
    """Start it; `reads` gives it a pipe to read from. Raise `FileNotFoundError` where PATH does not have it."""
    mine: list[int] = []
    theirs: list[int] = []
    try:
        if reads:
            reader, writer = _pipe()
            mine.append(writer)
            theirs.append(reader)
        else:
            theirs.append(_above(os.open(os.devnull, os.O_RDONLY)))
        for _ in range(2):
            reader, writer = _pipe()
            mine.append(reader)
            theirs.append(writer)
        pid = os.posix_spawnp(
            command[0],
            [*command],
            env,
            file_actions=[(os.POSIX_SPAWN_DUP2, descriptor, at) for at, descriptor in enumerate(theirs)],
            setsigdef=(_SIGPIPE, _SIGXFSZ),
        )
    except BaseException:
        for descriptor in mine:
            os.close(descriptor)
        raise
    finally:
        for descriptor in theirs:
            os.close(descriptor)
    return Child(pid, mine[0] if reads else None, mine[-2], mine[-1])


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    return _above(reader), _above(writer)


def _above(descriptor: int) -> int:
    """The same, as no standard stream: whoever started us may have closed those."""
    if descriptor > 2:
        return descriptor
    import fcntl

    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(descriptor)
    return moved
