"""Compactions that are wrong in one small way each; see `mutants`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sahel_nb.lock.commands import Command, Compact, Writer
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.transition import step

from .client import Client
from .swap import Move
from .world import Local, Shared


def compacts_in_any_state(tip: Record | None, command: Command, writer: Writer) -> Record:
    if isinstance(command, Compact) and tip is not None:
        tip = replace(tip, state=State.FREE, queue=())
    return step(tip, command, writer)


def counts_grants_anew(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, fence=1) if record.op is Op.COMPACT else record


def forgets_what_has_ended(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, last_done=0) if record.op is Op.COMPACT else record


def forgets_alarms(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, alarms=()) if record.op is Op.COMPACT else record


class CompactsWhateverIsThere(Client):
    def may_compact(self, record: Record) -> bool:
        return record.op is not Op.COMPACT


class SwapsBeforeItArchives(Client):
    def archive(self, local: Local, shared: Shared) -> Iterator[Move]:
        yield self._try(local, shared, Compact(str(shared.tip)), "compacted")


class ArchivesOneAndReplacesAnother(Client):
    """The tip is read again for the lease, and not archived again."""

    def _at_archived(self, local: Local, shared: Shared) -> Iterator[Move]:
        record = self.chain.records[shared.tip]
        if record is None or not self.may_compact(record):
            yield local.idle(), shared
        else:
            yield self._try(local, shared, Compact(str(local.view)), "compacted")
