"""`python -m tests.contract.lock.scale [--runs 10000] [--kernels 1000] [--rounds 15]`: does age slow anybody down?

One remote has a chain of one run, one a chain of so many, and one has so many other kernels' locks as well. The same
work is done on all of them in turns, over a path and over smart HTTP; and it is looked at whether anything of the locks
reaches a clone whose owner never asks for it, and how often git names them to somebody who does not.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sahel_nb.lock.listing import list_locks
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.worktree import Worktree
from support.git import Git, Origin, git_daemon, git_http, run_git
from support.locks import KERNEL, Person, over_git
from support.long_chains import PREFIX, LongUsed, fill

MOST = 1.5
"""So many times as much is still no more: the least of a few samples differs by that on a busy machine."""
PLAIN = (
    ("fetch", "-q"),
    ("fetch", "-q", "--all", "--tags", "--prune"),
    ("pull", "-q", "--ff-only"),
    ("remote", "update"),
)
PUSH = "a plain `git push` of one commit"
NEW, LONG, MANY = "new", "long", "many"


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and of processor time: ours and git's on both ends."""

    wall: float
    cpu: float


@dataclass
class Side:
    """Somebody's clone of one of the remotes, and what their work took, by what it was."""

    clone: Git
    kaggle: LongUsed
    took: dict[str, list[Cost]]

    @classmethod
    def create(cls, folder: Path, base: str, name: str, locks: dict[str, int]) -> Side:
        """The remote `name` is made where it is not there yet; the clone is always new."""
        origin = Origin(folder / f"{name}.git")
        if not origin.path.exists():
            origin = Origin.create(origin.path)
            fill(origin, locks)
        clone = origin.clone(name, folder=folder / f"{name}-{os.urandom(4).hex()}")
        clone("remote", "set-url", "origin", f"{base}/{name}.git")
        tip = over_git(clone.root).read()
        assert tip is not None
        return cls(clone, LongUsed(tip.record.last_done), {})

    def work(self) -> None:
        """One round of everything, each step timed."""
        person = Person("Awa", over_git(self.clone.root), self.kaggle)
        assert person.backend.refs.url  # git's own settings are read before a lock is taken
        self.clone.commit()
        with self._timed(PUSH):
            self.clone("push", "-q", "-f", "origin", "HEAD:refs/heads/plain")
        client = person.client
        with self._timed("cold acquire"):
            held = client.acquire(person.intent())
        with self._timed("release"):
            client.disarm(held, "measured")
        with self._timed("warm acquire"):
            held = client.acquire(person.intent())
        client.disarm(held, "measured")
        with self._timed("the lock of a whole run"):
            person.run()
        with self._timed("lock log -n 20"):
            assert client.log(20)

    def least(self, name: str) -> float:
        """Processor time, in milliseconds."""
        return 1000 * min(cost.cpu for cost in self.took[name])

    def usual(self, name: str) -> float:
        """By the clock, in milliseconds."""
        return 1000 * median(cost.wall for cost in self.took[name])

    @contextlib.contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), _cpu()
        yield
        self.took.setdefault(name, []).append(Cost(time.perf_counter() - wall, _cpu() - cpu))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def slower(sides: dict[str, Side]) -> list[str]:
    """What age makes slower than it may: a long chain nothing at all, and many kernels, which are as many refs for a
    server to go through on every push, no lock more than they make a plain push slower."""
    found = []
    plain = max(1.0, sides[MANY].least(PUSH) / sides[LONG].least(PUSH))
    for name in sides[NEW].took:
        new, long, many = (sides[side].least(name) for side in (NEW, LONG, MANY))
        if long > MOST * new:
            found.append(f"{name}: a long chain costs {long / new:.1f} times as much")
        if many > MOST * plain * long:
            found.append(
                f"{name}: many kernels cost {many / long:.1f} times as much, and a plain push {plain:.1f} times"
            )
    return found


def compare(folder: Path, kind: str, runs: int, kernels: int, rounds: int) -> dict[str, Side]:
    """The same work in turns on a new remote, on one with a long chain, and on one that has many kernels as well."""
    others = {f"team/kernel-{number}": 1 for number in range(kernels - 1)}
    with contextlib.ExitStack() as stack:
        base = str(folder) if kind == "file" else stack.enter_context(git_http(folder))
        locks = {NEW: {KERNEL: 1}, LONG: {KERNEL: runs}, MANY: {KERNEL: runs, **others}}
        sides = {name: Side.create(folder, base, name, wanted) for name, wanted in locks.items()}
        for _ in range(rounds):
            for side in sides.values():
                side.work()
    return sides


def table(kind: str, sides: dict[str, Side]) -> Iterator[str]:
    for name in sides[NEW].took:
        cells = (f"{side.least(name):7.0f} ({side.usual(name):4.0f})" for side in sides.values())
        yield f"  {kind}: {name:<34}{''.join(cells)}"


def listed(origin: Origin, clone: Git) -> tuple[int, float]:
    """How many locks `lock list` finds in one fetch, and the seconds that it takes."""
    began = time.perf_counter()
    found = list_locks(RemoteRefs(Worktree.discover(clone.root), str(origin.path)), PREFIX)
    return len(found), time.perf_counter() - began


def downloaded(folder: Path, origin: Origin) -> dict[str, int]:
    """How many of the locks' commits a plain clone has, after everything that people fetch with, over each transport
    and protocol; and how many one has that asks for them, which shows that they would be seen."""
    locks = set(origin("for-each-ref", "--format=%(objectname)", PREFIX).split())
    _somebody_works(folder, origin)
    found = {}
    with git_daemon(folder) as daemon, git_http(folder) as http:
        for kind, base in (("file", f"file://{folder}"), ("git", daemon), ("http", http)):
            for version in ("0", "2"):
                url, root = f"{base}/{origin.path.name}", folder / f"plain-{kind}-{version}"
                plain = ("-c", f"protocol.version={version}")
                run_git(*plain, "clone", "-q", url, str(root), cwd=folder)
                _somebody_works(folder, origin)
                for words in PLAIN:
                    run_git(*plain, *words, cwd=root)
                found[f"{kind}, protocol {version}"] = len(locks & _objects(root))
    run_git("fetch", "-q", str(origin.path), f"+{PREFIX}/*:{PREFIX}/*", cwd=root)
    found["asked for"] = len(locks & _objects(root))
    return found


def named(folder: Path, origin: Origin) -> dict[str, int]:
    """How many refs of locks git names in the conversations of somebody who does not ask for them."""
    clone, found = origin.clone("cem", folder=folder / "cem"), {}
    for words in (("fetch", "-q"), ("push", "-q", "origin", "HEAD:refs/heads/cem")):
        for version in ("0", "2"):
            _somebody_works(folder, origin)
            clone.commit()
            trace = folder / f"trace-{words[0]}-{version}"
            run_git("-c", f"protocol.version={version}", *words, cwd=clone.root, GIT_TRACE_PACKET=str(trace))
            lines = trace.read_text(errors="replace").splitlines()
            found[f"{words[0]}, protocol {version}"] = sum(f"{words[0]}< " in line and PREFIX in line for line in lines)
    return found


def _somebody_works(folder: Path, origin: Origin) -> None:
    """What there is to fetch: a commit on main and a tag."""
    bob = Git(folder / "bob") if (folder / "bob").exists() else origin.clone("bob", folder=folder / "bob")
    tag = f"v{len(bob('tag').split()) + 1}"
    bob.commit(message=tag)
    bob("tag", tag)
    bob("push", "-q", "origin", "HEAD:main", tag)


def _objects(root: Path) -> set[str]:
    """Every object that a repository has, reachable or not."""
    return set(run_git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=root).split())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.contract.lock.scale", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--kernels", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    fine = True
    with tempfile.TemporaryDirectory(prefix="sahel-nb-scale-") as name:
        folder, home = Path(name), Path(name) / "home"
        home.mkdir()
        os.environ.update(HOME=str(home), GIT_CONFIG_NOSYSTEM="1", LC_ALL="C")
        print("ms of processor time, the least (by the clock, the median), on a remote with one run of one kernel,")
        print(f"with {asked.runs} runs of it, and with {asked.kernels} kernels as well", flush=True)
        for kind in ("file", "http"):
            sides = compare(folder, kind, asked.runs, asked.kernels, asked.rounds)
            print(*table(kind, sides), *(f"  SLOWER {text}" for text in slower(sides)), sep="\n", flush=True)
            fine = fine and not slower(sides)
        origin = Origin(folder / f"{MANY}.git")
        count, seconds = listed(origin, origin.clone("lists"))
        print(f"lock list: {count} locks in {1000 * seconds:.0f} ms")
        records = int(origin("rev-list", "--count", f"{PREFIX}/{KERNEL}"))
        origin("gc", "-q")
        size = sum(path.stat().st_size for path in (origin.path / "objects").rglob("*") if path.is_file())
        print(f"on the server: {records} records in the long chain, {size / 1e6:.1f} MB for everything after git gc")
        for how, number in named(folder, origin).items():
            print(f"locks that git names, {how}: {number}")
        for how, number in downloaded(folder, origin).items():
            fine = fine and (number == 0) is (how != "asked for")
            print(f"locks in a clone, {how}: {number}")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
