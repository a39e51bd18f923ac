"""Runs side by side, and the tally of them all."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from support.lab import OWNER, Lab
from support.service import Service

from .judge import Judge, Violation
from .line import Line, lines
from .person import Stormy
from .weather import Fault, Weather

CONFIG = """[lock]
ttl = 30
[pair]
format = ""
"""


@dataclass
class Tally:
    runs: int = 0
    seconds: float = 0.0
    versions: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    commands: Counter[tuple[str, int]] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Whoever counts has it."""

    def __str__(self) -> str:
        kinds = Counter(violation.kind for violation in self.violations)
        return "\n".join(
            (
                f"{self.runs} runs, {self.versions} versions pushed, {self.faults.total()} faults",
                f"{len(self.violations)} violations in {self.seconds:.0f} s",
                *(f"{count:>7}  {fault.value}" for fault, count in self.faults.most_common()),
                *(f"{count:>7}  sahel-nb {verb} → {code}" for (verb, code), count in sorted(self.commands.items())),
                *(f"{count:>7}  VIOLATION: {kind}" for kind, count in kinds.most_common()),
            )
        )


def storm(
    folder: Path,
    seeds: Iterable[str],
    *,
    workers: int,
    going: Callable[[], bool] = lambda: True,
    told: Callable[[Violation], None] = lambda _: None,
) -> Tally:
    """One run for each seed, `workers` of them at a time, for as long as `going`."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for seed in seeds:
        waiting.put(seed)
    tally, began = Tally(), time.monotonic()
    with lab_of(folder, workers) as lab, lines(lab.service.port, workers) as relays:
        crew = [_Worker(lab, folder, relay, n, tally, told) for n, relay in enumerate(relays)]
        threads = [threading.Thread(target=worker.work, args=(waiting, going)) for worker in crew]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for worker in crew:
        if worker.bug is not None:
            raise worker.bug
    tally.seconds = time.monotonic() - began
    return tally


def lab_of(folder: Path, workers: int) -> Lab:
    """A lab whose service has room for so many runs at a time."""
    lab = Lab(folder / "lab", people=(OWNER,))
    most = str(10 * workers)
    lab.service = Service(
        folder / "lab" / "kaggle", "--cpu-sessions", most, "--workers", str(max(2, workers)), users=(OWNER,)
    )
    return lab


class _Worker:
    """One person, with a kernel that they run again and again."""

    def __init__(
        self,
        lab: Lab,
        folder: Path,
        relay: Line,
        number: int,
        tally: Tally,
        told: Callable[[Violation], None],
    ) -> None:
        if number == 0:
            lab.join(OWNER, config=CONFIG)
        self._member = Stormy(lab, folder / f"worker-{number}", relay, f"storm-number-{number}")
        self.judge = Judge(self._member, lab.service.data)
        self._tally, self._told = tally, told
        self.bug: Exception | None = None

    def work(self, waiting: queue.SimpleQueue[str], going: Callable[[], bool]) -> None:
        try:
            while going() and self.bug is None:
                self._one(waiting.get_nowait())
        except queue.Empty:
            pass
        except Exception as exc:  # noqa: BLE001  raised again by whoever waits for this thread
            self.bug = exc

    def _one(self, seed: str) -> None:
        weather = Weather.of_run(seed)
        base = max((version.number for version in self.judge.versions()), default=0)
        story = self._member.run(seed, weather, base, self.judge.after)
        self.judge.at_the_end(story)
        made, tally = len(self.judge.versions()) - base, self._tally
        with tally.turn:
            tally.runs += 1
            tally.versions += made
            tally.faults += weather.met
            tally.commands += Counter((command.verb, command.code) for command in story.commands)
            for violation in self.judge.found:
                self._told(violation)
            tally.violations += self.judge.found
        self.judge.found = []
