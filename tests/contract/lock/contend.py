"""`python -m tests.contract.lock.contend [--kind file|git|http] [--clients 16] [--rounds 50]`: all want one lock.

Each client is a process with a clone of its own. Whoever holds the lock leaves a mark beside the repository and takes
it away again; whoever finds another's mark has seen two holders at once. Afterwards the whole chain is replayed through
the production state machine: it is the order in which everything happened, and everything acknowledged must be on it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sahel_nb.lock.client import LockClient
from sahel_nb.lock.clock import SystemClock
from sahel_nb.lock.record import Op
from sahel_nb.lock.replay import check
from sahel_nb.lock.transition import Illegal
from sahel_nb.lock.waiting import Poll
from support.git import Origin, git_daemon, git_http
from support.locks import KERNEL, FolderKaggle, Notes, Person, over_git

PATIENCE = 3600.0
TESTS = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Told:
    """What one client, or all of them, saw."""

    grants: int
    violations: int
    lost: int
    illegal: int
    waits: tuple[float, ...]

    @property
    def fine(self) -> bool:
        return not (self.violations or self.lost or self.illegal)

    def __str__(self) -> str:
        waits = sorted(self.waits)
        p99 = quantiles(waits, n=100)[98] if len(waits) > 1 else waits[0]
        return (
            f"grants {self.grants}, violations {self.violations}, lost {self.lost}, illegal {self.illegal}; "
            f"wait p50 {median(waits):.2f} s, p99 {p99:.2f} s ({p99 / median(waits):.1f} times it), "
            f"longest {waits[-1]:.2f} s"
        )


def client(folder: str, name: str, rounds: str) -> None:
    """One of them, in a process of its own; its findings go to stdout."""
    clone, mark = Path(folder) / name, Path(folder) / "mark"
    person = Person(name, over_git(clone), FolderKaggle(Path(folder) / "kaggle"), SystemClock())
    lock = LockClient(
        person.backend, person.kaggle, SystemClock(), Notes(), kernel=KERNEL, lock_remote_id="example.org/team/nb",
        ttl=600, is_dead=lambda record: False, actor=f"{name} <{name}@example.org>", host=name,
        poll=Poll(first=0.1, most=0.6),
    )  # fmt: skip
    waits, oids, violations = [], [], 0
    for _ in range(int(rounds)):
        began = time.monotonic()
        held = lock.acquire_in_turn(person.intent(), PATIENCE)
        waits.append(time.monotonic() - began)
        oids.append(held.tip.oid)
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            violations += 1
        with contextlib.suppress(FileNotFoundError):
            mark.unlink()
        lock.disarm(held, "next")
    json.dump({"waits": waits, "oids": oids, "violations": violations}, sys.stdout)


def contend(folder: Path, kind: str, clients: int, rounds: int) -> Told:
    """Raises `AssertionError` with what a client said that failed."""
    origin = Origin.create(folder / "origin.git")
    with contextlib.ExitStack() as stack:
        base = str(folder)
        if kind != "file":
            base = stack.enter_context({"git": git_daemon, "http": git_http}[kind](folder))
        names = [f"c{number}" for number in range(clients)]
        for name in names:
            origin.clone(name)("remote", "set-url", "origin", f"{base}/origin.git")
        first = Person("C0", over_git(folder / "c0"), FolderKaggle(folder / "kaggle"), SystemClock())
        first.client.disarm(first.client.acquire(first.intent()), "begin")  # who waits, waits for somebody
        processes = [
            subprocess.Popen(
                (sys.executable, __file__, "--as", name, str(folder), str(rounds)),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
            )
            for name in names
        ]
        told = []
        for process in processes:
            out, err = process.communicate()
            assert process.returncode == 0, err.decode("utf-8", "replace")
            told.append(json.loads(out))
    chain = list(reversed(over_git(folder / "c0", str(origin.path)).history(1_000_000)))
    on_chain = {tip.oid for tip in chain}
    illegal, before = 0, None
    for tip in chain:
        try:
            check(before, tip.record)
        except Illegal:
            illegal += 1
        before = tip.record
    return Told(
        grants=sum(tip.record.op is Op.ARM for tip in chain) - 1,
        violations=sum(one["violations"] for one in told),
        lost=sum(oid not in on_chain for one in told for oid in one["oids"]),
        illegal=illegal,
        waits=tuple(wait for one in told for wait in one["waits"]),
    )


def main() -> None:
    if sys.argv[1:2] == ["--as"]:
        client(sys.argv[3], sys.argv[2], sys.argv[4])
        return
    parser = argparse.ArgumentParser(prog="python -m tests.contract.lock.contend", description=__doc__)
    parser.add_argument("--kind", choices=("file", "git", "http"), action="append")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=50)
    asked = parser.parse_args()
    fine = True
    for kind in asked.kind or ("file", "git", "http"):
        with tempfile.TemporaryDirectory(prefix="sahel-nb-contend-") as folder:
            home = Path(folder) / "home"
            home.mkdir()
            os.environ.update(HOME=str(home), GIT_CONFIG_NOSYSTEM="1", LC_ALL="C")
            began = time.monotonic()
            told = contend(Path(folder), kind, asked.clients, asked.rounds)
        fine = fine and told.fine and told.grants == asked.clients * asked.rounds
        print(f"{kind}: {asked.clients} clients, {asked.rounds} rounds, {time.monotonic() - began:.0f} s: {told}")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
