"""How long a run took: by clocks that nobody sets, whatever the clocks of those who began and ended it say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.model import KernelRef, LogRecord, OutputFile, RunState, RunStatus
from sahel_nb.kernels.service import KernelService
from sahel_nb.lock.record import Outcome
from sahel_nb.report.events import Silent
from sahel_nb.run.follow import follow
from sahel_nb.run.record import ended_at
from sahel_nb.run.usual import LONGEST, durations
from support.lock_records import states

OUTCOME = Outcome("r", 1, "COMPLETE", "c" * 40, "Awa", "", "", "", "")
CLOCKS = st.integers(0, 7_000_000_000).map(lambda epoch: datetime.fromtimestamp(epoch, tz=UTC))


def counted(began: str, took: float) -> tuple[float, ...]:
    """What a chain says that a run took which was recorded with these."""
    outcome = replace(OUTCOME, started=began, ended=ended_at(began, took))
    return durations([replace(states()["FREE"], outcome=outcome)])


@given(CLOCKS, st.floats(0.001, LONGEST - 1))
def test_whatever_the_clock_says_the_duration_is_what_was_measured(wrong: datetime, took: float) -> None:
    assert counted(f"{wrong:%Y-%m-%dT%H:%M:%SZ}", took) == (ceil(took),)


def test_of_a_run_that_nothing_is_known_of_nothing_is_counted() -> None:
    assert counted("2026-11-21T09:15:03Z", 0.0) == ()
    assert counted("no time", 5.0) == ()


@dataclass
class Told(KernelService):
    """A version of which these states are told, one after the other; None is no answer."""

    states: list[RunState | None]
    clock: float = 0.0
    ran: list[float] = field(default_factory=list)

    def now(self) -> float:
        self.clock += 31.0
        return self.clock

    def status(self, ref: KernelRef, version: int) -> RunStatus:
        state = self.states.pop(0)
        if state is None:
            raise NetworkError("Kaggle is away")
        if state is RunState.RUNNING:
            self.ran.append(self.clock)
        return RunStatus(state)

    def stream(self, ref: KernelRef, version: int) -> Iterator[LogRecord | None]:
        yield None

    def log(self, ref: KernelRef, version: int) -> Iterator[LogRecord]:
        yield from ()

    def outputs(self, ref: KernelRef, version: int) -> Iterator[OutputFile]:
        yield from ()


@pytest.mark.parametrize(
    "told",
    [
        [RunState.QUEUED, RunState.QUEUED, RunState.RUNNING, RunState.RUNNING],
        [RunState.RUNNING, None, RunState.RUNNING, None, None],
        [RunState.RUNNING],
        [RunState.QUEUED],
    ],
)
def test_a_run_took_as_long_as_it_was_seen_to_run(told: list[RunState | None]) -> None:
    service = Told([*told, RunState.COMPLETE])
    ref = KernelRef("awa", "fula-lid")
    done = follow(service, ref, 7, Silent(), sink=lambda _: None, attach="", now=service.now)
    assert done.seconds == (service.ran[-1] - service.ran[0] if service.ran else 0.0)
