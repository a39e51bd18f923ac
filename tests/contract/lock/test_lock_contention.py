"""Six processes want one kernel, over and over: never two at once, and every run is on the chain."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sahel_nb.errors import NetworkError
from sahel_nb.lock.clock import SystemClock
from sahel_nb.lock.record import Op, State
from sahel_nb.lock.refusals import KaggleBusy, Locked
from support.git import Origin, git_http
from support.linearizable import why_not
from support.locks import FolderKaggle, Person, over_git
from support.recorded import Recorded, history, into, notes

PEOPLE = 6
LEGAL = {
    State.FREE: {Op.ARM, Op.ALARM},
    State.ARMED: {Op.START, Op.ADOPT, Op.DISARM, Op.REAP, Op.ALARM},
    State.RUNNING: {Op.FINISH, Op.REAP, Op.ALARM},
}


def runner(clone: str, kaggle: str, name: str, rounds: str) -> None:
    """One of the six; the test starts this file as a program."""
    recorded = Recorded(over_git(Path(clone)), name, into(Path(f"{clone}.history")))
    person = Person(name, recorded, FolderKaggle(Path(kaggle)), SystemClock())
    deadline = time.monotonic() + 120
    done = 0
    while done < int(rounds):
        assert time.monotonic() < deadline, f"{name} starved after {done} rounds"
        nonce = os.urandom(8).hex()
        try:
            person.run(nonce)
        except (Locked, KaggleBusy):
            time.sleep(random.uniform(0.2, 0.9))
            continue
        except NetworkError:
            # Six on one file of the server may leave an answer undecided; then Kaggle alone says how far it came.
            person.abandoned.add(nonce)
            tip = person.client.show()
            if tip is not None and tip.record.stamp == nonce:
                person.attach()
        done += any(person.kaggle.stamp(v) == nonce for v in range(1, person.kaggle.current_version() + 1))


@pytest.mark.parametrize(("kind", "rounds"), [("path", 5), ("http", 2)])
def test_one_at_a_time(tmp_path: Path, kind: str, rounds: int) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    kaggle = FolderKaggle(tmp_path / "kaggle")
    with contextlib.ExitStack() as stack:
        url = f"{stack.enter_context(git_http(tmp_path))}/origin.git" if kind == "http" else ""
        clones = [origin.clone(f"p{i}", url) for i in range(PEOPLE)]
        processes = [
            subprocess.Popen(
                [sys.executable, __file__, str(clone.root), str(kaggle.folder), f"P{i}", str(rounds)],
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )
            for i, clone in enumerate(clones)
        ]
        errors = [process.communicate(timeout=150)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * PEOPLE, errors
    assert kaggle.overlaps() == []
    assert kaggle.current_version() == PEOPLE * rounds
    chain = [tip.record for tip in reversed(over_git(clones[0].root, str(origin.path)).history(10_000))]
    assert [alarm for record in chain for alarm in record.alarms if "reaped before" not in alarm] == []
    for before, after in zip([None, *chain], chain, strict=False):
        assert after.op in (LEGAL[before.state] if before else {Op.ARM})
        assert after.fence == (before.fence if before else 0) + (after.op is Op.ARM)
        assert before is None or after.last_done >= before.last_done
    ended = [record.outcome.version for record in chain if record.outcome and record.op in (Op.FINISH, Op.REAP)]
    assert ended == list(range(1, PEOPLE * rounds + 1))
    assert chain[-1].state is State.FREE
    asked = [op for clone in clones for op in history(notes(Path(f"{clone.root}.history")))]
    assert why_not([record.nonce for record in chain], asked) == []


if __name__ == "__main__":
    runner(*sys.argv[1:])
