"""The newest tip that this clone wrote or read: taking a lock that nobody moved since then needs no look at the remote.

It is only ever a guess: it goes into the lease of a compare-and-swap, and one that is stale loses there.
"""

from __future__ import annotations

from typing import Protocol

from sahel_nb.lock.backend import Tip


class TipMemory(Protocol):
    def recall(self) -> Tip | None:
        """What was kept last; None where nothing was, or it cannot be read."""

    def keep(self, tip: Tip) -> None:
        """Never raises: what cannot be kept costs one look at the remote."""


class Forgetful:
    """Keeps nothing longer than the process lives."""

    def __init__(self) -> None:
        self._tip: Tip | None = None

    def recall(self) -> Tip | None:
        return self._tip

    def keep(self, tip: Tip) -> None:
        self._tip = tip
