"""`python -m tests.bench.long_log [--megabytes 300] [--line 1000]`: a log as of twelve hours, in how much memory.

A kernel prints it; `sahel-nb run` follows and collects it, `sahel-nb logs` reads it afterwards, `logs -f` while it
comes. What each of them has in the end is compared with what the kernel printed. Ends with 1 where a byte differs, or
where somebody held more than is allowed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from support.lab import Lab, Member, finished

from .measure import say
from .memory import peak
from .table import markdown
from .world import BIN, World, isolated

MOST = 96.0
"""MiB that each of them may hold, the service included, however long the log is."""
KERNEL = """import sys
for number in range({count}):
    sys.stdout.write(f"{{number:08}} ŋana ɓiɗɗo ɲaamu " + "x" * {fill} + "\\n")
"""


@dataclass(frozen=True)
class Row:
    """A command, or the service: its peak in MiB, the seconds it took, and whether it had every byte."""

    what: str
    peak: float
    seconds: float
    whole: bool = True

    @property
    def good(self) -> bool:
        return self.whole and self.peak <= MOST


@dataclass(frozen=True)
class Printed:
    """What a kernel printed: so many lines, each of so many letters more than the least."""

    count: int
    fill: int

    @classmethod
    def about(cls, size: int, line: int) -> Printed:
        return cls(max(1, size // line), max(0, line - len("00000000 ŋana ɓiɗɗo ɲaamu \n")))

    def digest(self) -> str:
        return _digest(f"{number:08} ŋana ɓiɗɗo ɲaamu {'x' * self.fill}\n".encode() for number in range(self.count))

    def source(self) -> list[str]:
        return KERNEL.format(count=self.count, fill=self.fill).splitlines()


def measure(world: World, *, size: int, line: int) -> list[Row]:
    """The rows for a log of about `size` bytes in lines of about `line`."""
    printed = Printed.about(size, line)
    expected = printed.digest()
    folder = world.place("long-log")
    text = folder / "text"
    with Lab(folder) as lab:
        awa = lab.join("awa")
        for slug in ("collected", "followed"):
            awa.kernel(slug, printed.source(), kernel_type="script")
        rows = [_row(awa, "`sahel-nb run`, followed and collected", "run collected", text)]
        (run,) = (awa.root / "runs" / "collected").glob("*-v1")
        records = _digest(json.loads(record)["data"].encode() for record in _lines(run / "log.jsonl"))
        rows.append(
            Row("its log.jsonl and log.txt", 0.0, 0.0, {records, _digest(_lines(run / "log.txt"))} == {expected})
        )
        for what, command in (
            ("`sahel-nb logs`, afterwards", "logs collected"),
            ("`logs -f`, live", "logs -f followed"),
        ):
            if command.endswith("followed"):
                begun = finished(awa.start("run", "followed", "--detach"), 600)
                if begun.code:
                    raise SystemExit(str(begun))
            row = _row(awa, what, command, text)
            rows.append(Row(row.what, row.peak, row.seconds, _digest(_lines(text)) == expected))
        rows.append(Row("the embedded service", _peak_of(lab.service.pid), 0.0))
    return rows


def _row(awa: Member, what: str, command: str, text: Path) -> Row:
    say(what)
    nothing, words = text.with_name("nothing"), text.with_name("words")
    nothing.touch()
    env = shlex.join(("env", "-i", *(f"{key}={value}" for key, value in awa.env().items())))
    began = time.monotonic()
    command = f"{env} {shlex.quote(str(BIN / 'sahel-nb'))} {command} >{shlex.quote(str(text))}"
    # What is said on stderr has the log in it.
    found = peak(awa.root, nothing, f"{command} 2>{shlex.quote(str(words))} || {{ tail -n 5 {words} >&2; exit 1; }}")
    return Row(what, found, time.monotonic() - began)


def _peak_of(process: int) -> float:
    """Of a process that goes on (proc(5): VmHWM)."""
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.long_log", description=__doc__)
    parser.add_argument("--megabytes", type=float, default=300)
    parser.add_argument("--line", type=int, default=1000, help="characters of a line")
    typed = parser.parse_args(arguments)
    with isolated(quick=False) as world:
        rows = measure(world, size=int(typed.megabytes * 1e6), line=typed.line)
    print(
        markdown(
            (f"a log of {typed.megabytes:g} MB", "peak, MiB", "seconds", "every byte"),
            [
                (
                    row.what,
                    f"{row.peak:.1f}" if row.peak else "",
                    f"{row.seconds:.1f}" if row.seconds else "",
                    "yes" if row.whole else "NO",
                )
                for row in rows
            ],
        )
    )
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
