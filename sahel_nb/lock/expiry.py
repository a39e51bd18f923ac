"""When an ARMED or OFFERED lock has expired: judged by the observer's own clock, never by anybody's wall clock."""

from __future__ import annotations

from dataclasses import dataclass

READS = 3
OFFER_TTL = 120.0
"""Seconds that an offer stands; a grant has the TTL of the repository's settings."""


@dataclass
class Observation:
    """Has the same thing been seen, without a break, for `ttl` seconds over at least three successful reads?

    A gap between two reads longer than `patience` starts it again: the observer slept, and so perhaps did the holder.
    """

    ttl: float
    patience: float
    _seen: tuple[int, int] | None = None
    _since: float = 0.0
    _last: float = 0.0
    _reads: int = 0

    def see(self, observed: tuple[int, int], now: float) -> bool:
        """One successful read of `Record.observed` at `now` on CLOCK_BOOTTIME; True when it has expired."""
        if observed != self._seen or now - self._last > self.patience:
            self._seen, self._since, self._reads = observed, now, 0
        self._last = now
        self._reads += 1
        return self._reads >= READS and now - self._since >= self.ttl

    def restart(self) -> None:
        """What was seen so far proves nothing: begin again with the next read."""
        self._seen = None

    @property
    def remaining(self) -> float:
        """Seconds that are still to pass, as far as time alone decides."""
        return max(0.0, self.ttl - (self._last - self._since))
