"""A few threads, each with an HTTP session of its own, work off a list, and who waits is told how far they are.

The threads are daemons and hold nothing that needs putting in order: a process that is told to end ends at once, and
what has arrived is on the disk (see `download`).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

TICK = 0.2
PARTING = 1.0
"""Seconds that an interrupted crew is waited for: a connection that is silent does not hear us."""

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """`done` of `total` jobs are over, and so many bytes have come in this process."""

    done: int
    total: int
    bytes: int


@dataclass(frozen=True)
class Hand:
    """What a job may use: the thread's session, a place to tell of bytes as they come, and the word to stop."""

    session: Any
    arrived: Callable[[int], None]
    stop: threading.Event


def work_off(
    jobs: Sequence[Job],
    work: Callable[[Hand, Job], Result],
    *,
    workers: int,
    progress: Callable[[Progress], None] = lambda _: None,
) -> list[Result]:
    """The results of all jobs, in their order. `progress` is called in this thread, five times a second.

    What `work` raises is raised here and stops the others, and so is a KeyboardInterrupt of this thread.
    """
    crew = _Crew(jobs, work)
    threads = [
        threading.Thread(target=crew.run, name=f"sahel-nb-fetch-{number}", daemon=True)
        for number in range(min(workers, len(jobs)))
    ]
    try:
        for thread in threads:
            thread.start()
        while not crew.over.wait(TICK):
            progress(crew.progress())
        progress(crew.progress())
    finally:
        crew.stop.set()
        for thread in threads:
            if thread.is_alive():
                thread.join(PARTING / len(threads))
    if crew.bug is not None:
        raise crew.bug
    return [crew.results[place] for place in range(len(jobs))]


class _Crew(Generic[Job, Result]):
    def __init__(self, jobs: Sequence[Job], work: Callable[[Hand, Job], Result]) -> None:
        self._jobs: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()
        for item in enumerate(jobs):
            self._jobs.put(item)
        self._work, self._total, self._bytes = work, len(jobs), 0
        self._count = threading.Lock()
        self.results: dict[int, Result] = {}
        self.bug: BaseException | None = None
        self.stop = threading.Event()
        self.over = threading.Event()
        if not jobs:
            self.over.set()

    def progress(self) -> Progress:
        return Progress(len(self.results), self._total, self._bytes)

    def run(self) -> None:
        import requests

        from sahel_nb.kernels.lane import Lane
        from sahel_nb.kernels.transport import guard_session

        try:
            with requests.Session() as session:
                guard_session(session)
                hand = Hand(Lane(session), self._arrived, self.stop)
                while not self.stop.is_set():
                    place, job = self._jobs.get_nowait()
                    result = self._work(hand, job)
                    with self._count:
                        self.results[place] = result
                        if len(self.results) == self._total:
                            self.over.set()
        except queue.Empty:
            pass
        except BaseException as exc:  # noqa: BLE001  whoever waits has to hear of it, whatever it is
            self.bug = exc
            self.over.set()

    def _arrived(self, count: int) -> None:
        with self._count:
            self._bytes += count
