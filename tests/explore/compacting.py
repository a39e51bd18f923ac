"""The part of a client's program that lets a chain begin anew: archive it, then swap its first record in."""

from __future__ import annotations

from collections.abc import Iterator

from sahel_nb.lock.commands import Compact
from sahel_nb.lock.record import Op, Record, State

from .swap import Move, Swapper
from .world import Local, Shared


class Compacting(Swapper):
    """Two steps, and whoever dies between them has changed nothing that anybody else would see."""

    def _at_compact(self, local: Local, shared: Shared) -> Iterator[Move]:
        record = self.chain.records[shared.tip]
        if record is None or not self.may_compact(record):
            yield local.idle(), shared
        else:
            yield from self.archive(local, shared)

    def may_compact(self, record: Record) -> bool:
        return record.state is State.FREE and record.op is not Op.COMPACT

    def archive(self, local: Local, shared: Shared) -> Iterator[Move]:
        """Taken by the remote, whatever it points to by now; repeated until that is certain."""
        kept = shared._replace(archived=shared.archived | {shared.tip})
        yield local._replace(at="archived", view=shared.tip), kept

    def _at_archived(self, local: Local, shared: Shared) -> Iterator[Move]:
        """The swap is of what was archived: where the tip has moved on since, it would lose."""
        if shared.tip != local.view:
            yield local._replace(at="compact", view=0), shared
        else:
            yield self._try(local, shared, Compact(str(local.view)), "compacted")
