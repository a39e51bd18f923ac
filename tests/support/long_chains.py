"""A remote with many locks and one long chain, as years of use would leave it: written by git's own fast-import.

The records are what the production state machine makes of real commands, three for each run.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

from sahel_nb.lock import commands as c
from sahel_nb.lock.kaggle_view import Newest, Phase
from sahel_nb.lock.names import lock_ref
from sahel_nb.lock.record import Outcome, Record
from sahel_nb.lock.transition import step
from support.git import Origin

PREFIX = "refs/sahel/locks"
REMOTE = "example.org/team/nb"
AWA = "Awa Ŋdiaye <awa@example.org>"
AT = "2026-01-02T03:04:05Z"


@dataclass
class LongUsed:
    """A Kaggle on which `versions` have ended, and that can make more; a view of it costs the same however many."""

    versions: int
    _running: set[int] = field(default_factory=set)
    _stamps: dict[int, str] = field(default_factory=dict)

    def push(self, stamp: str) -> int:
        self.versions += 1
        self._stamps[self.versions] = stamp
        self._running.add(self.versions)
        return self.versions

    def end(self, version: int) -> None:
        self._running.discard(version)

    def newest(self) -> Newest:
        return Newest(self.versions)

    def gone(self) -> bool:
        return True

    def phase(self, version: int) -> Phase:
        return Phase.RUNNING if version in self._running else Phase.ENDED_COMPLETE

    def stamp(self, version: int) -> str | None:
        return self._stamps.get(version)


def fill(origin: Origin, locks: dict[str, int]) -> None:
    """Give each kernel's lock a chain of so many runs."""
    importing = subprocess.Popen(
        ("git", "fast-import", "--quiet", "--force"), cwd=origin.path, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert importing.stdin is not None
    with importing.stdin as stream:
        for kernel, times in locks.items():
            for record in runs(kernel, times):
                message = record.to_json()
                head = f"commit {lock_ref(PREFIX, kernel)}\ncommitter sahel-nb <lock@sahel-nb.invalid> 1 +0000\n"
                stream.write(f"{head}data {len(message)}\n".encode() + message + b"\n")
    assert importing.wait() == 0
    origin("pack-refs", "--all")


def runs(kernel: str, times: int) -> Iterator[Record]:
    """The records of so many runs, one after another."""
    tip: Record | None = None
    writer = f"{AWA} on laptop"
    for version in range(1, times + 1):
        name, nonces = f"{version:06d}", (c.Writer(writer, AT, f"{version:012d}{letter}") for letter in "abc")
        armed = step(
            tip,
            c.Arm(kernel, REMOTE, AWA, "laptop", f"run-{name}", f"stamp-{name}", "c" * 40, "sha256:0", version - 1),
            next(nonces),
        )
        grant, url = c.Grant(armed.fence, armed.stamp), f"https://kaggle.example/{kernel}/{version}"
        running = step(armed, c.Start(grant, version, url), next(nonces))
        outcome = Outcome(f"run-{name}", version, "COMPLETE", "c" * 40, AWA, AT, AT, "sha256:" + "0" * 64, url)
        tip = step(running, c.Finish(grant, version, outcome), next(nonces))
        yield from (armed, running, tip)
