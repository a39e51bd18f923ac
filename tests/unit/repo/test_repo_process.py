"""A child process of our own making: streams of any size both ways, its end, and nothing left behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sahel_nb.repo import process
from sahel_nb.repo.cmd import Conversation, git
from support.git import Git

PYTHON = (sys.executable, "-I", "-S", "-c")


def run(code: str, data: bytes | None = None) -> tuple[int, bytes, bytes]:
    return process.start((*PYTHON, code), os.environ, reads=data is not None).communicate(data)


def descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list((folder if folder.exists() else Path("/dev/fd")).iterdir()))


def test_large_streams_both_ways_do_not_wait_for_each_other() -> None:
    data = bytes(range(256)) * 20_000
    code = "import sys; d = sys.stdin.buffer.read(); sys.stderr.buffer.write(d); sys.stdout.buffer.write(d[::-1])"
    before = descriptors()
    assert run(code, data) == (0, data[::-1], data)
    assert descriptors() == before


def test_a_child_that_reads_nothing_and_one_that_stops_reading() -> None:
    assert run("import sys; print(repr(sys.stdin.read()))") == (0, b"''\n", b"")
    assert run("print(1)", b"x" * 5_000_000)[:2] == (0, b"1\n")
    assert run("import sys; print(repr(sys.stdin.read()))", b"") == (0, b"''\n", b"")


def test_how_it_ended() -> None:
    assert run("raise SystemExit(7)")[0] == 7
    assert run("import os; os.kill(os.getpid(), 9)")[0] == -9
    # A writer whose reader goes away ends by SIGPIPE, as under a shell.
    child = process.start((sys.executable, "-I", "-S", "-c", SHOUT), os.environ, reads=False)
    child.close()
    assert child.wait() == -13


SHOUT = "import os, _signal\n_signal.signal(13, _signal.SIG_DFL)\nwhile True: os.write(1, b'x' * 4096)"


def test_one_that_hangs_is_ended() -> None:
    child = process.start((*PYTHON, "import time; time.sleep(60)"), os.environ, reads=True)
    child.end()
    child.close()
    assert child.wait() == -15
    with pytest.raises(ChildProcessError):
        os.waitpid(child.pid, 0)


def test_what_is_not_there() -> None:
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        process.start(("no-such-command-here",), os.environ, reads=True)
    assert descriptors() == before
    with pytest.raises(FileNotFoundError):
        git("status", cwd=Path("/no/such/folder"))


def test_closed_standard_streams_are_not_mistaken_for_pipes(tmp_path: Path) -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); os.close(0); os.close(1)\n"
        "from sahel_nb.repo import process\n"
        "got = process.start(('cat',), os.environ, reads=True).communicate(b'heard')\n"
        "open(sys.argv[2], 'wb').write(got[1])"
    )
    root = Path(process.__file__).parents[2]
    done = process.start((*PYTHON, code, str(root), str(tmp_path / "out")), os.environ, reads=False).communicate(None)
    assert (done[0], done[2]) == (0, b"")
    assert (tmp_path / "out").read_bytes() == b"heard"


def test_a_conversation(tmp_path: Path) -> None:
    repo = Git.init(tmp_path / "ŋ q")
    repo.commit("a.txt")
    before = descriptors()
    with Conversation("cat-file", "--batch-check", cwd=repo.root) as asked:
        for _ in range(2):
            asked.ask(b"HEAD:a.txt\n")
            assert asked.answers.readline().endswith(b" blob 5\n")
    assert descriptors() == before
    with Conversation("cat-file", "--no-such-option", cwd=repo.root) as asked:
        assert asked.answers.read() == b""
        assert "--batch" in "".join(asked.failed().details)
