"""Where a lock's chain lives. One record can be read, and replaced if it is still what was read: nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from sahel_nb.lock.record import Record


@dataclass(frozen=True)
class Tip:
    """The newest record of a chain, and the name of the very commit it stands in. `raw` is the backend's own."""

    oid: str
    record: Record
    raw: bytes = b""


class Verdict(Enum):
    WON = "won"
    """The chain now ends with the new record, or already did because an earlier attempt had landed."""
    LOST = "lost"
    """The chain did not end with the old record; nothing was changed."""
    BUSY = "busy"
    """The server could not look just now; nothing was changed, and the same attempt may be made again."""
    UNKNOWN = "unknown"
    """No certain answer: it was applied, or not, or may be yet."""


@dataclass(frozen=True)
class SwapResult:
    """`tip` is what the chain ends with if the swap was, or should turn out to be, applied."""

    verdict: Verdict
    tip: Tip
    evidence: tuple[str, ...] = ()


class Backend(Protocol):
    """The chain of one lock.

    All methods raise `NetworkError` when the remote was not reached (nothing was changed then), `Refused` when it does
    not let us, and `CorruptRecord` when what is there is not a lock.
    """

    def read(self, since: Tip | None = None) -> Tip | None:
        """The end of the chain as the remote has it now; None where there is no chain yet. `since`: what was read last,
        of which `descends` will be asked next."""

    def descends(self, tip: Tip, known: Tip) -> bool:
        """Whether the chain that ends with `tip` has `known` in it, archived ones included."""

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        """Let `record` follow on `old`, if `old` is still the end. Repeating a call with equal arguments is safe."""

    def archive(self, tip: Tip) -> SwapResult:
        """Keep the chain up to `tip`, its newest record, for good, where no lock is. Repeating it is safe. A record
        that makes a chain begin anew may be swapped in only after this was WON."""

    def history(self, limit: int) -> tuple[Tip, ...]:
        """At most `limit` records, newest first: of this chain, and then of those before it. Raises `ArchiveMissing`
        where one is not to be found."""
