"""The newest tip that this clone wrote or read.

Taking a lock that nobody moved since then needs no look at the remote: the tip goes into the lease of a
compare-and-swap, and one that is stale loses there. And a remote that has lost what it had acknowledged is found out by
it. So it is replaced by what follows on it, and by nothing else.
"""

from __future__ import annotations

from typing import Protocol

from sahel_nb.lock.backend import Tip


class TipMemory(Protocol):
    def recall(self) -> Tip | None:
        """What was kept last; None where nothing was, or it cannot be read."""

    def keep(self, tip: Tip, instead: Tip | None) -> None:
        """Keep `tip` if `instead` still is what is remembered: another process of this clone may know more.

        Never raises: what cannot be kept costs one look at the remote."""

    def forget(self, owed: str) -> None:
        """Keep nothing but the alarm that the chain, which is gone, could not be told: the next grant tells it."""

    def owed(self) -> str:
        """That alarm; empty where there is none."""


class Forgetful:
    """Keeps nothing longer than the process lives."""

    def __init__(self) -> None:
        self._tip: Tip | None = None
        self._owed = ""

    def recall(self) -> Tip | None:
        return self._tip

    def keep(self, tip: Tip, instead: Tip | None) -> None:
        self._tip, self._owed = tip, ""

    def forget(self, owed: str) -> None:
        self._tip, self._owed = None, owed

    def owed(self) -> str:
        return self._owed
