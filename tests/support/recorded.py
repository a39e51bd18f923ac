"""A lock's backend that writes down what was asked of it and answered, and when, as support.linearizable reads it.

A line is written before the asking and one after the answer, so that the history of a process that was killed knows
what was under way. Records are named by their nonce, which is known before the answer; the clock is one that all
processes of a machine share.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sahel_nb.lock.backend import Backend, SwapResult, Tip
from sahel_nb.lock.record import Record
from support.linearizable import BEFORE_ALL, Read, Swap


@dataclass
class Recorded:
    inner: Backend
    who: str
    path: Path

    def read(self) -> Tip | None:
        asked = time.monotonic()
        tip = self.inner.read()
        self._write(op="read", asked=asked, answered=time.monotonic(), value=_name(tip))
        return tip

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        swap = {"op": "swap", "asked": time.monotonic(), "old": _name(old), "new": record.nonce}
        self._write(**swap)
        result = self.inner.swap(old, record)
        self._write(**swap, answered=time.monotonic(), answer=result.verdict.value)
        return result

    def history(self, limit: int) -> tuple[Tip, ...]:
        return self.inner.history(limit)

    def archive(self, tip: Tip) -> SwapResult:
        return self.inner.archive(tip)

    def _write(self, **line: Any) -> None:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"who": self.who, **line}) + "\n")


def history(path: Path) -> Iterator[Read | Swap]:
    """What was written down at `path`; a swap without an answer may be there beside the same one with it."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            said = json.loads(line)
        except ValueError:
            continue  # the last one of a process that was killed
        who, asked, answered = said["who"], said["asked"], said.get("answered", float("inf"))
        if said["op"] == "read":
            yield Read(who, asked, answered, said["value"])
        elif said["op"] == "swap":
            answer = said.get("answer", "")
            yield Swap(who, asked, answered, said["old"], said["new"], "" if answer == "unknown" else answer)


def _name(tip: Tip | None) -> str:
    return tip.record.nonce if tip else BEFORE_ALL
