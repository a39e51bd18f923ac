"""A lock's backend that notes what was asked of it and answered, and when, as support.linearizable reads it.

A note is made before the asking and one after the answer, so that the history of a process that was killed knows what
was under way. Records are named by their nonce, which is known before the answer; the clock is one that all processes
of a machine share.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sahel_nb.lock.backend import Backend, SwapResult, Tip
from sahel_nb.lock.record import Record
from support.linearizable import BEFORE_ALL, Read, Swap

Note = dict[str, Any]


@dataclass
class Recorded:
    inner: Backend
    who: str
    note: Callable[[Note], object]

    def read(self, since: Tip | None = None) -> Tip | None:
        asked = time.monotonic()
        tip = self.inner.read(since)
        self.note({"op": "read", "who": self.who, "asked": asked, "answered": time.monotonic(), "value": _name(tip)})
        return tip

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        swap = {"op": "swap", "who": self.who, "asked": time.monotonic(), "old": _name(old), "new": record.nonce}
        self.note(swap)
        result = self.inner.swap(old, record)
        self.note({**swap, "answered": time.monotonic(), "answer": result.verdict.value})
        return result

    def descends(self, tip: Tip, known: Tip) -> bool:
        return self.inner.descends(tip, known)

    def history(self, limit: int) -> tuple[Tip, ...]:
        return self.inner.history(limit)

    def archive(self, tip: Tip) -> SwapResult:
        return self.inner.archive(tip)


def into(path: Path) -> Callable[[Note], object]:
    """Notes go into a file, a line each, as they are made."""

    def note(said: Note) -> None:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")

    return note


def notes(path: Path) -> Iterator[Note]:
    """What was noted in a file."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # the last one of a process that was killed


def history(said: Iterable[Note]) -> Iterator[Read | Swap]:
    """What the notes say; a swap without an answer may be there beside the same one with it."""
    for one in said:
        who, asked, answered = one["who"], one["asked"], one.get("answered", float("inf"))
        if one["op"] == "read":
            yield Read(who, asked, answered, one["value"])
        else:
            answer = one.get("answer", "")
            yield Swap(who, asked, answered, one["old"], one["new"], "" if answer == "unknown" else answer)


def _name(tip: Tip | None) -> str:
    return tip.record.nonce if tip else BEFORE_ALL
