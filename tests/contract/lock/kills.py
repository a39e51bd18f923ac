"""`python -m tests.contract.lock.kills [TIMES]`: kill -9 of a client and of its server, at any moment, many times.

Somebody runs a kernel over and over; all their processes, git's on both ends of a file remote included, are killed at
a random moment. After each time: what was acknowledged is on the chain, another clone of theirs brings the lock to
FREE, and where a lock file that was left behind is in the way, that file and no other is named.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from sahel_nb.errors import Refused
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.record import State
from sahel_nb.lock.replay import check
from sahel_nb.lock.transition import Illegal
from sahel_nb.repo.server_locks import stale_locks
from support.git import Git, Origin
from support.lock_child import Doomed
from support.locks import REF, FolderKaggle, Person, over_git


@dataclass
class Tally:
    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    unrecoverable: int = 0
    illegal: int = 0
    overlaps: int = 0
    wedged: int = 0
    wedges_not_named: int = 0
    named_and_no_wedge: int = 0

    @property
    def fine(self) -> bool:
        return not (
            self.lost or self.unrecoverable or self.illegal or self.overlaps or self.wedges_not_named
            or self.named_and_no_wedge
        )  # fmt: skip


@dataclass
class Arena:
    origin: Origin
    clone: Git
    kaggle: FolderKaggle
    told: Path
    tally: Tally

    @classmethod
    def create(cls, folder: Path) -> Arena:
        origin = Origin.create(folder / "origin.git")
        return cls(origin, origin.clone("awa"), FolderKaggle(folder / "kaggle"), folder / "told", Tally())

    def kill(self, acknowledged: int, after: float) -> None:
        """One life, which ends `after` seconds after so many transitions, and what is found after it."""
        self.tally.kills += 1
        had = self._count()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            self._live()
        try:
            deadline = time.monotonic() + 20
            while self._count() < had + acknowledged and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(after)
        finally:
            while os.getpgid(pid) != pid:
                time.sleep(0.001)
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.look()

    def _count(self) -> int:
        return self.told.stat().st_size // 41 if self.told.exists() else 0

    def _live(self) -> None:
        """In a process group of its own, until it is killed."""
        try:
            devnull = os.open(os.devnull, os.O_RDWR)
            os.dup2(devnull, 2)
            while True:
                doomed = Doomed(over_git(self.clone.root), "never", self.told)
                Person("Awa", doomed, self.kaggle, FakeClock()).run()
        finally:
            os._exit(1)

    def look(self) -> None:
        ours = self.origin.path / f"{REF}.lock"
        stale = stale_locks(self.origin.path, "refs/sahel/locks", lambda: time.sleep(0.01))
        person = Person("Awa", over_git(self.clone.root), self.kaggle, FakeClock(), dead=True)
        try:
            person.attach()
            person.client.acquire(person.intent())
            self.tally.named_and_no_wedge += ours in stale
        except Refused:
            self.tally.wedged += 1
            self.tally.wedges_not_named += ours not in stale
        for path in stale:
            path.unlink(missing_ok=True)  # what doctor says to do
        try:
            person.attach()
            tip = person.client.show()
            self.tally.unrecoverable += tip is not None and tip.record.state is not State.FREE
        except Refused:
            self.tally.unrecoverable += 1

    def settle(self) -> Tally:
        """What only the whole chain can show."""
        chain = list(reversed(over_git(self.clone.root).history(1_000_000)))
        told = set(self.told.read_text().split()) if self.told.exists() else set()
        self.tally.acknowledged = len(told)
        self.tally.lost = len(told - {tip.oid for tip in chain})
        before = None
        for tip in chain:
            try:
                check(before, tip.record)
            except Illegal:
                self.tally.illegal += 1
            before = tip.record
        self.tally.overlaps = len(self.kaggle.overlaps())
        self.origin("fsck", "--strict")
        return self.tally


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.contract.lock.kills", description=__doc__)
    parser.add_argument("times", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="sahel-nb-kills-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        os.environ.update(HOME=str(home), GIT_CONFIG_NOSYSTEM="1", LC_ALL="C")
        arena = Arena.create(Path(folder))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)  # in the background a shell has it ignored
        with contextlib.suppress(KeyboardInterrupt):  # what was found so far is told
            for number in range(asked.times):
                arena.kill(chance.randrange(4), chance.uniform(0.005, 0.08))
                if sys.stderr.isatty() and number % 10 == 9:
                    print(f"\r{number + 1}", end="", file=sys.stderr, flush=True)
        tally = arena.settle()
    print(f"seed {asked.seed}", *(f"{name} {value}" for name, value in vars(tally).items()), sep="\n")
    sys.exit(0 if tally.fine else 1)


if __name__ == "__main__":
    main()
