"""The lock: a compare-and-swap is a push, so it is measured beside plain pushes to the same remote."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from sahel_nb.lock.client import LockClient
from sahel_nb.lock.grants import Held
from support.git import Git, Origin
from support.locks import FolderKaggle, Person, over_git

from .bars import Bar, at_most
from .measure import Case, Sample, Samples, child, here, interleave
from .table import Pair, Section, ratios, timings
from .world import ROOT, World

PUSH, FLOOR = "plain `git push` of one commit", "plain `git fetch` and `git push`"
WARM, COLD = "lock: acquire, warm", "lock: acquire, cold"
RELEASE, WHOLE = "lock: release", "lock of a whole run: acquire, confirm, started, finish"
BARS = {"file": 25, "HTTP": 120}

TEXT = """A lock that has been taken before, on an idle remote; Kaggle is a folder here and answers at once.
Warm is a clone that was the last to move the lock: acquire is one push, as a release is; cold is one that knows \
nothing of it: a fetch of depth one and a push.
A whole run is three pushes and a look whether the lock moved.
The lock works in a Python that runs already, as it does in `sahel-nb run`; its git processes are included, and so \
are those of a file remote.
Smart HTTP is git's own http-backend behind Python's HTTP server, in another process whose CPU time is not included; \
that server's own delays fall on plain pushes and on ours alike."""


@dataclass
class Awa:
    """Somebody who takes the lock and gives it back, with one client or with one that is new each time."""

    person: Person
    known: LockClient = field(init=False)
    held: list[tuple[LockClient, Held]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = self.person.client

    def look(self) -> None:
        """The cases take turns, so somebody else was the last."""
        self.give_back()
        self.known.show()

    def take(self, *, cold: bool = False) -> None:
        client = self.person.client if cold else self.known
        self.held.append((client, client.acquire(self.person.intent())))

    def give_back(self) -> None:
        while self.held:
            client, held = self.held.pop()
            client.disarm(held, "measured")


def measure(world: World) -> Section:
    folder = world.place("lock")
    samples: Samples = {}
    with _http(folder) as url:
        for place, base in (("file", str(folder)), ("HTTP", url)):
            samples |= _one(folder, place, base, world.rounds(15))
    pairs = [
        Pair(f"{place}: {name}", f"{place}: {against}")
        for place in BARS
        for name, against in ((WARM, PUSH), (RELEASE, PUSH), (COLD, FLOOR), (WHOLE, PUSH))
    ]
    bars = tuple(_bar(samples, place, name) for place in BARS for name in (WARM, RELEASE, COLD))
    return Section("The lock", TEXT, (timings(samples, "remote: work"), ratios(samples, pairs)), bars)


def _bar(samples: Samples, place: str, name: str) -> Bar:
    walls, plain = ([1000 * one.wall for one in samples[f"{place}: {case}"]] for case in (name, PUSH))
    note = f" (least {min(walls):.0f}; a plain push {median(plain):.0f}, least {min(plain):.0f})"
    return at_most(f"{place} remote, {name}", BARS[place], median(walls), " ms", note)


def _one(folder: Path, place: str, base: str, rounds: int) -> Samples:
    origin = Origin.create(folder / f"{place}.git")
    clone = origin.clone(f"clone-{place}", f"{base}/{place}.git")
    clone.commit("README.md")
    clone.push()
    kaggle = FolderKaggle(folder / f"kaggle-{place}")
    awa = Awa(Person("Awa", over_git(clone.root), kaggle))
    newcomer = partial(_newcomer, awa, clone)
    awa.take()
    awa.give_back()
    push = partial(_git, clone, "push", "-q", "origin")
    cases = (
        Case(PUSH, partial(push, "HEAD:refs/heads/one"), before=partial(clone.commit)),
        Case(WARM, partial(here, awa.take), before=awa.look),
        Case(RELEASE, partial(here, awa.give_back)),
        Case(FLOOR, partial(here, partial(_floor, clone, push)), before=partial(clone.commit)),
        Case(COLD, partial(here, partial(awa.take, cold=True)), before=newcomer),
        Case(WHOLE, partial(here, awa.person.run), before=awa.give_back),
    )
    return {f"{place}: {name}": got for name, got in interleave(cases, rounds).items()}


def _newcomer(awa: Awa, clone: Git) -> None:
    """Nothing of the lock is known; git's own settings are, as they are after a command's preflight."""
    awa.person.backend = over_git(clone.root)
    assert awa.person.backend.refs.url
    assert awa.person.backend.refs.algorithm


def _floor(clone: Git, push: partial[Sample]) -> None:
    _git(clone, "fetch", "-q", "--no-tags", "--depth=1", "origin", "main")
    push("HEAD:refs/heads/two")


def _git(clone: Git, *arguments: str) -> Sample:
    return child(("git", *arguments), cwd=clone.root)


@contextlib.contextmanager
def _http(base: Path) -> Iterator[str]:
    """The server in a process of its own, so that it takes no time from the one that is measured."""
    command = (sys.executable, "-m", "tests.bench.http_remote", str(base))
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    with server:
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()  # its sign to end
