"""Time as the lock needs it: a clock that does not stop while the machine sleeps."""

from __future__ import annotations

import secrets
import time
from typing import Protocol


class Clock(Protocol):
    def boottime(self) -> float:
        """Seconds since some moment in the past, suspended time included. Only differences mean something."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def between(self, least: float, most: float) -> float:
        """Any number of seconds between the two: those who were refused together do not come back together."""

    def wall(self) -> float:
        """Seconds since 1970, for showing to people and for nothing else."""


class SystemClock:
    def boottime(self) -> float:
        # CLOCK_MONOTONIC stands still in suspend on Linux, and a laptop that slept must know it. On macOS there is no
        # CLOCK_BOOTTIME, and its CLOCK_MONOTONIC does count sleep.
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def between(self, least: float, most: float) -> float:
        return secrets.SystemRandom().uniform(least, most)

    def wall(self) -> float:
        return time.time()


class FakeClock:
    """Time that passes only when someone waits, or when a test says so."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def boottime(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def between(self, least: float, most: float) -> float:
        return (least + most) / 2  # the same each time, as hypothesis demands of what it plays again

    def wall(self) -> float:
        return 1_700_000_000.0 + self.now
