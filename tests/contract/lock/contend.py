"""`python -m tests.contract.lock.contend [--kind file|git|http] [--clients 16] [--rounds 50] [--minutes 30]`

All want one lock, each in a process with a clone of its own, and a mark beside the repository shows two holders at
once. Afterwards the whole chain is replayed through the production state machine, everything acknowledged must be on
it, and everything that was asked and answered must be linearizable with it as the order. Who runs out of time, or ends
it with Ctrl-C, is told the same of what was done so far.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sahel_nb.lock.backend import Tip
from sahel_nb.lock.clock import SystemClock
from sahel_nb.lock.record import Op
from sahel_nb.lock.replay import check
from sahel_nb.lock.transition import Illegal
from support import lock_contender
from support.git import Origin, git_daemon, git_http
from support.linearizable import Read, Swap, unacknowledged, why_not
from support.lock_contender import Round, rounds
from support.locks import FolderKaggle, Person, over_git
from support.recorded import Recorded, history, into, notes

TESTS = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Told:
    """What was done, and what was found in it. `ended` is empty where all rounds were done."""

    ended: str
    wanted: int
    done: tuple[Round, ...]
    grants: int
    transitions: int
    lost: tuple[str, ...]
    illegal: tuple[str, ...]
    asked: int
    odd: tuple[str, ...]

    @property
    def violations(self) -> int:
        return sum(one.violated for one in self.done)

    @property
    def fine(self) -> bool:
        """Nothing was violated, however far it came."""
        return not (self.violations or self.lost or self.illegal or self.odd)

    @property
    def complete(self) -> bool:
        return not self.ended and len(self.done) == self.wanted

    def __str__(self) -> str:
        waits = [one.waited for one in self.done]
        p50, p99 = nearest_rank(waits, 50), nearest_rank(waits, 99)
        lines = [
            f"{self.ended}, with {len(self.done)} of {self.wanted} rounds done; up to then:" if self.ended else "",
            f"{len(self.done)} of {self.wanted} rounds done, {self.grants} grants, {self.violations} violations",
            f"{self.transitions} transitions on the chain, {len(self.lost)} lost, {len(self.illegal)} illegal",
            f"{self.asked} reads and swaps, {'' if not self.odd else 'NOT '}linearizable",
            f"wait p50 {p50:.2f} s, p99 {p99:.2f} s ({p99 / p50:.1f} times it), longest {max(waits):.2f} s"
            if waits
            else "nobody was ever granted it and gave it back",
            *self.lost[:5],
            *self.illegal[:5],
            *self.odd[:5],
        ]
        return "\n  ".join(line for line in lines if line)


def nearest_rank(values: Sequence[float], percent: int) -> float:
    """The smallest value that `percent` of a hundred do not exceed: one of `values`, never something in between."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else 0.0


def contend(folder: Path, kind: str, clients: int, times: int, seconds: float) -> Told:
    """Everybody that is left after `seconds` is killed, and what they did until then is looked at all the same."""
    origin = Origin.create(folder / "origin.git")
    names = [f"c{number}" for number in range(clients)]
    with contextlib.ExitStack() as stack:
        base = str(folder)
        if kind != "file":
            base = stack.enter_context({"git": git_daemon, "http": git_http}[kind](folder))
        for name in names:
            origin.clone(name)("remote", "set-url", "origin", f"{base}/origin.git")
        recorded = Recorded(over_git(folder / "c0"), "C0", into(folder / "C0.history"))
        first = Person("C0", recorded, FolderKaggle(folder / "kaggle"), SystemClock())
        first.client.disarm(first.client.acquire(first.intent()), "begin")  # who waits, waits for somebody
        ended = _let_them(folder, names, times, seconds)
    chain = over_git(folder / "c0", str(origin.path)).history(1_000_000)[::-1]
    asked = [op for name in ("C0", *names) for op in history(notes(folder / f"{name}.history"))]
    return judge(chain, asked, [one for name in names for one in rounds(folder, name)], clients * times, ended)


def judge(
    chain: Sequence[Tip], asked: Sequence[Read | Swap], done: Sequence[Round], wanted: int, ended: str = ""
) -> Told:
    """What can be said about a chain, and about those who asked for it."""
    illegal, before = [], None
    for tip in chain:
        try:
            check(before, tip.record)
        except Illegal as exc:
            illegal.append(f"{tip.oid} is illegal: {exc}")
        before = tip.record
    names = [tip.record.nonce for tip in chain]
    return Told(
        ended=ended,
        wanted=wanted,
        done=tuple(done),
        grants=sum(tip.record.op is Op.ARM for tip in chain[1:]),
        transitions=len(chain),
        lost=tuple(unacknowledged(names, asked)),
        illegal=tuple(illegal),
        asked=sum(isinstance(op, Read) or op.answered < math.inf for op in asked),
        odd=tuple(why_not(names, asked)),
    )


def _let_them(folder: Path, names: Sequence[str], times: int, seconds: float) -> str:
    """Start everybody and wait for them; why that was not all, or nothing."""
    deadline = time.monotonic() + seconds
    processes, ended = [], ""
    try:
        for name in names:
            with open(folder / f"{name}.stderr", "wb") as stderr:
                processes.append(
                    subprocess.Popen(
                        (sys.executable, lock_contender.__file__, str(folder), name, str(times)),
                        stderr=stderr,
                        start_new_session=True,
                        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
                    )
                )
        for name, process in zip(names, processes, strict=True):
            if process.wait(max(0.0, deadline - time.monotonic())):
                words = (folder / f"{name}.stderr").read_text(errors="replace").strip().splitlines()[-1:]
                ended = f"{name} ENDED WITH {process.returncode}: {''.join(words)}"
    except subprocess.TimeoutExpired:
        ended = f"OUT OF TIME after {seconds:.0f} s"
    except KeyboardInterrupt:
        ended = "INTERRUPTED"
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # its git included
                process.wait()
    return ended


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.contract.lock.contend", description=__doc__)
    parser.add_argument("--kind", choices=("file", "git", "http"), action="append")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=30.0, help="the most that each kind may take")
    asked = parser.parse_args()
    fine = True
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell has it ignored
    for kind in asked.kind or ("file", "git", "http"):
        with tempfile.TemporaryDirectory(prefix="sahel-nb-contend-", ignore_cleanup_errors=True) as folder:
            home = Path(folder) / "home"
            home.mkdir()
            os.environ.update(HOME=str(home), GIT_CONFIG_NOSYSTEM="1", LC_ALL="C")
            began = time.monotonic()
            told = contend(Path(folder), kind, asked.clients, asked.rounds, asked.minutes * 60)
        fine = fine and told.fine and told.complete
        took = time.monotonic() - began
        print(f"{kind}: {asked.clients} clients, {asked.rounds} rounds, {took:.0f} s\n  {told}", flush=True)
        if told.ended == "INTERRUPTED":
            break
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
