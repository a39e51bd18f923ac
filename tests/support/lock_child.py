"""A person's whole run in a process of its own, which kills itself with SIGKILL at a named point.

    python lock_child.py CLONE KAGGLE NAME POINT ACKNOWLEDGED

The points are in what the client is given, not in the client: before and after each compare-and-swap, and around the
push. Each transition that the client was told of is written to ACKNOWLEDGED before anything else happens.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.lock.backend import Backend, SwapResult, Tip, Verdict
from sahel_nb.lock.clock import SystemClock
from sahel_nb.lock.record import Record
from support.locks import FolderKaggle, Person, over_git

POINTS = (
    *("before-arm", "after-arm", "before-push", "after-push", "before-start", "after-start"),
    *("running", "before-finish", "after-finish"),
)


@dataclass
class Doomed:
    """A backend that reports what happens to it."""

    inner: Backend
    point: str
    acknowledged: Path

    def at(self, point: str) -> None:
        if point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)

    def read(self, since: Tip | None = None) -> Tip | None:
        return self.inner.read(since)

    def descends(self, tip: Tip, known: Tip) -> bool:
        return self.inner.descends(tip, known)

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        self.at(f"before-{record.op.value}")
        result = self.inner.swap(old, record)
        if result.verdict is Verdict.WON:
            with open(self.acknowledged, "a") as told:
                told.write(f"{result.tip.oid}\n")
        self.at(f"after-{record.op.value}")
        return result

    def history(self, limit: int) -> tuple[Tip, ...]:
        return self.inner.history(limit)


def main(clone: str, kaggle: str, name: str, point: str, acknowledged: str) -> None:
    doomed = Doomed(over_git(Path(clone)), point, Path(acknowledged))
    person = Person(name, doomed, FolderKaggle(Path(kaggle)), SystemClock())
    client = person.client
    held = client.confirm(client.acquire(person.intent()))
    doomed.at("before-push")
    version = person.kaggle.push(held.record.stamp)
    doomed.at("after-push")
    held = client.started(held, version, "https://kaggle.example/run")
    doomed.at("running")
    person.kaggle.end(version)
    client.finish(held, person.outcome(held.record))


if __name__ == "__main__":
    main(*sys.argv[1:])
