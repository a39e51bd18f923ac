"""The lock: a compare-and-swap is a push, so it is measured beside plain pushes to the same remote."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sahel_nb.lock.clock import SystemClock
from support.git import Git, Origin
from support.locks import FolderKaggle, Person, over_git

from .measure import Case, Sample, Samples, child, here, interleave
from .table import Pair, Section, ratios, timings
from .world import ROOT, World

PUSH, FLOOR = "plain `git push` of one commit", "plain `git fetch` and two `git push`"
TAKE, WHOLE = "lock: acquire, give back", "lock of a whole run: acquire, confirm, started, finish"

TEXT = """A lock that has been taken before, on an idle remote; Kaggle is a folder here and answers at once.
Acquire is a fetch of depth one and a push; giving back is a push; a whole run is two fetches and three pushes.
The lock works in a Python that runs already, as it does in `sahel-nb run`; its git processes are included, and so \
are those of a file remote.
Smart HTTP is git's own http-backend behind Python's HTTP server, in another process whose CPU time is not included; \
that server's own delays fall on plain pushes and on ours alike."""


def measure(world: World) -> Section:
    folder = world.place("lock")
    samples: Samples = {}
    with _http(folder) as url:
        for place, base in (("file", str(folder)), ("HTTP", url)):
            samples |= _one(folder, place, base, world.rounds(9))
    pairs = [
        Pair(f"{place}: {name}", f"{place}: {against}")
        for place in ("file", "HTTP")
        for name, against in ((TAKE, PUSH), (TAKE, FLOOR), (WHOLE, PUSH))
    ]
    return Section("The lock", TEXT, (timings(samples, "remote: work"), ratios(samples, pairs)))


def _one(folder: Path, place: str, base: str, rounds: int) -> Samples:
    origin = Origin.create(folder / f"{place}.git")
    clone = origin.clone(f"clone-{place}", f"{base}/{place}.git")
    clone.commit("README.md")
    clone.push()
    person = Person("Awa", over_git(clone.root), FolderKaggle(folder / f"kaggle-{place}"), SystemClock())
    push = partial(_git, clone, "push", "-q", "origin")
    cases = (
        Case(PUSH, partial(push, "HEAD:refs/heads/one"), before=partial(clone.commit)),
        Case(TAKE, partial(here, partial(_take, person))),
        Case(FLOOR, partial(here, partial(_floor, clone, push)), before=partial(_two, clone)),
        Case(WHOLE, partial(here, person.run)),
    )
    return {f"{place}: {name}": got for name, got in interleave(cases, rounds).items()}


def _take(person: Person) -> None:
    client = person.client
    client.disarm(client.acquire(person.intent()), "measured")


def _two(clone: Git) -> None:
    clone.commit()
    clone.commit()


def _floor(clone: Git, push: partial[Sample]) -> None:
    _git(clone, "fetch", "-q", "--no-tags", "--depth=1", "origin", "main")
    push("HEAD~1:refs/heads/two")
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
