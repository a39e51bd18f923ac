"""Runs what a document tells its reader to type, in a home of its own, and compares what is shown with what comes.

A console block is preceded by a comment that says in which terminal it is typed, or why it is not run:

    <!-- terminal: awa -->                 every command ends with 0
    <!-- terminal: awa, ends with 3 -->    the last one ends with 3
    <!-- terminal: kaggle, stays -->       the last one goes on until the end of the document
    <!-- not run: needs an account -->

Within a document terminals stay open: `cd` and `export` last. Lines that are not typed must come, in this order; the
document may leave lines out. `…` stands for anything, and so do commit ids, dates and ports; port 8321 becomes a free
one.
"""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from support.service import BIN

PORT = "8321"
_BLOCK = re.compile(
    r"(?:<!-- (?P<note>[^\n]*?) -->\n+)?^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
_TERMINAL = re.compile(r"terminal: (?P<name>\w+)(?:, ends with (?P<code>\d+)|(?P<stays>, stays))?")


@dataclass(frozen=True)
class Step:
    """One typed line and the lines that the document shows below it. `code` is None for what stays."""

    command: str
    shown: tuple[str, ...]
    code: int | None


@dataclass(frozen=True)
class Block:
    line: int
    kind: str
    note: str
    body: str

    @property
    def terminal(self) -> re.Match[str] | None:
        return _TERMINAL.fullmatch(self.note)

    def steps(self) -> list[Step]:
        marker = self.terminal
        assert marker is not None
        steps: list[Step] = []
        for text in self.body.splitlines():
            if text.startswith("$ "):
                steps.append(Step(text[2:], (), 0))
            elif text.startswith("> "):
                steps[-1] = Step(f"{steps[-1].command}\n{text[2:]}", (), 0)
            elif text.strip():
                steps[-1] = Step(steps[-1].command, (*steps[-1].shown, text), 0)
        last = None if marker["stays"] else int(marker["code"] or 0)
        return [*steps[:-1], Step(steps[-1].command, steps[-1].shown, last)]


def blocks(text: str) -> list[Block]:
    """Every fenced block of a document, with the comment before it."""
    return [
        Block(text[: match.start("kind")].count("\n") + 1, match["kind"], match["note"] or "", match["body"])
        for match in _BLOCK.finditer(text)
    ]


class Desk:
    """A home with terminals. Leaving it ends everything that was started there."""

    def __init__(self, home: Path, start_in: Path, environment: Mapping[str, str] | None = None) -> None:
        self.home, self._start_in = home, start_in
        (home / "tmp").mkdir(parents=True)
        kept = {name: os.environ[name] for name in ("GIT_CONFIG_NOSYSTEM", "TZ")}
        self.env = {
            **kept,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "TMPDIR": str(home / "tmp"),
            "PATH": os.pathsep.join((str(BIN), os.environ.get("PATH", os.defpath))),
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            **(environment or {}),
        }
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = str(free.getsockname()[1])
        self._terminals: dict[str, Terminal] = {}

    def follow(self, text: str) -> list[str]:
        """Type everything that `text` says; what did not come as it says."""
        for block in blocks(text):
            marker = block.terminal
            if marker is None:
                continue
            name = marker["name"]
            if name not in self._terminals:
                self._terminals[name] = Terminal(self._start_in, self.env)
            for step in block.steps():
                code, output = self._terminals[name].type(
                    step.command.replace(PORT, self._port), waits=step.code is not None, sight=step.shown
                )
                missing = not_shown(step.shown, output.replace(str(self.home), "~").replace(self._port, PORT))
                if code != step.code or missing:
                    wrong = f"ended with {code}, not {step.code}" if code != step.code else f"never said: {missing}"
                    return [f"line {block.line}, {name}$ {step.command}\n{wrong}; it printed\n{output}"]
        return []

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        for terminal in self._terminals.values():
            terminal.close()
        subprocess.run(
            [BIN / "sahel-nb", "local", "stop"], env=self.env, cwd=self.home, capture_output=True, timeout=60
        )


class Terminal:
    """A shell that stays open."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"], cwd=folder, env=dict(env), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def type(self, command: str, *, waits: bool, sight: tuple[str, ...]) -> tuple[int | None, str]:
        """The exit code and the output; for a command that stays, None and what it has said when `sight` is there."""
        assert self._shell.stdin is not None
        # The shell reads its commands from a pipe: what it starts must not read them away.
        typed = f"{{ {command}\n}} </dev/null; printf '\\0%s\\0' $?\n" if waits else f"exec {command} </dev/null\n"
        self._shell.stdin.write(typed.encode("utf-8"))
        self._shell.stdin.flush()
        if not waits:
            self._shell.stdin.close()
        output = b""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert self._shell.stdout is not None
            if not select.select([self._shell.stdout], [], [], 0.2)[0]:
                continue
            data = os.read(self._shell.stdout.fileno(), 1 << 16)
            output += data
            if waits and (match := re.search(rb"\0(\d+)\0$", output)):
                return int(match[1]), output[: match.start()].decode("utf-8", "replace")
            if not data or (not waits and output.count(b"\n") >= len(sight)):
                break
        return None, output.decode("utf-8", "replace")

    def close(self) -> None:
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGTERM)
        try:
            self._shell.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait()
        for stream in (self._shell.stdin, self._shell.stdout):
            if stream is not None:
                stream.close()


def not_shown(shown: tuple[str, ...], output: str) -> str:
    """The first line of `shown` that did not come after those before it; empty when all did."""
    lines = iter([_plain(line) for line in output.splitlines()])
    for line in shown:
        pattern = re.compile(".*".join(re.escape(part) for part in _plain(line).split("…")))
        if not any(pattern.fullmatch(candidate) for candidate in lines):
            return line
    return ""


def _plain(line: str) -> str:
    for pattern, name in (
        (r"\d{8}T\d{6}Z-[0-9a-f]{6}", "<run>"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
        (r"\d{4}-\d\d-\d\d", "<day>"),
        (r"127\.0\.0\.1:\d+", "<address>"),
        (r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b", "<commit>"),
        (r" on \S+( since|$)", r" on <host>\1"),
    ):
        line = re.sub(pattern, name, line)
    return line.rstrip()
