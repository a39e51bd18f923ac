"""One who wants the lock over and over, and gives it back at once, in a process of its own.

    python lock_contender.py FOLDER NAME ROUNDS

Whoever holds the lock leaves a mark in FOLDER and takes it away again; whoever finds another's mark has seen two
holders at once. What was asked and answered is written to FOLDER/NAME.history, each round to FOLDER/NAME.rounds, as
they happen: nothing of it is lost when the process is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from sahel_nb.lock.client import LockClient
from sahel_nb.lock.clock import SystemClock
from sahel_nb.lock.waiting import Poll
from support.locks import KERNEL, FolderKaggle, Notes, Person, over_git
from support.recorded import Recorded, into

PATIENCE = 3600.0


@dataclass(frozen=True)
class Round:
    """How long the lock was waited for, and whether somebody else held it too."""

    waited: float
    violated: bool


def rounds(folder: Path, name: str) -> list[Round]:
    """Those that one of them has told of so far."""
    path = folder / f"{name}.rounds"
    return [Round(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def main(folder: str, name: str, times: str) -> None:
    here = Path(folder)
    recorded = Recorded(over_git(here / name), name, into(here / f"{name}.history"))
    person = Person(name, recorded, FolderKaggle(here / "kaggle"), SystemClock())
    lock = LockClient(
        recorded, person.kaggle, SystemClock(), Notes(), kernel=KERNEL, lock_remote_id="example.org/team/nb",
        ttl=600, is_dead=lambda record: False, actor=f"{name} <{name}@example.org>", host=name,
        poll=Poll(first=0.1, most=0.6),
    )  # fmt: skip
    mark = here / "mark"
    for _ in range(int(times)):
        began = time.monotonic()
        held = lock.acquire_in_turn(person.intent(), PATIENCE)
        waited, violated = time.monotonic() - began, False
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            violated = True
        with contextlib.suppress(FileNotFoundError):
            mark.unlink()
        lock.disarm(held, "next")
        with open(here / f"{name}.rounds", "a") as told:
            told.write(json.dumps(asdict(Round(waited, violated))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
