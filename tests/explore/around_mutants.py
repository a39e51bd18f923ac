"""Protocols that are wrong around the core: about deleted kernels, remotes that went back, copies; see `mutants`."""

from __future__ import annotations

from dataclasses import replace

from sahel_nb.lock.commands import Arm, Command, Hold, Start, Writer
from sahel_nb.lock.record import Record
from sahel_nb.lock.survey import Sight
from sahel_nb.lock.transition import step

from .client import Client
from .swap import Move
from .world import Local, Shared

# -- transition


def sweeps_alarms_away(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, alarms=command.alarms) if isinstance(command, Arm | Hold) else record


def starts_in_any_kernel(tip: Record | None, command: Command, writer: Writer) -> Record:
    return step(tip, replace(command, kernel_id=0) if isinstance(command, Start) else command, writer)


# -- rules


class CountsVersionsAlone(Client):
    """The kernel's id is not looked at: one that was made anew is told only by fewer versions."""

    def sight(self, record: Record | None, shared: Shared) -> Sight:
        return super().sight(replace(record, kernel_id=0) if record else None, shared)


class SeesItAndLooksAtNothing(Client):
    """That the kernel was made anew is an alarm, and its versions are taken to have ended."""

    def sight(self, record: Record | None, shared: Shared) -> Sight:
        sight = super().sight(record, shared)
        return replace(sight, done=sight.newest) if sight.other else sight


class WaitsForTheDeleted(Client):
    """A run whose kernel was deleted is waited for."""

    def deleted(self, record: Record, shared: Shared) -> str:
        return ""

    def run_is_over(self, record: Record, shared: Shared, local: Local) -> bool:
        return not self.sight(record, shared).other and super().run_is_over(record, shared, local)


class ForgetsAtALook(Client):
    """Whatever the ref points to is what the clone remembers."""

    def remember(self, local: Local, shared: Shared) -> Local:
        return local._replace(known=shared.tip) if shared.path else local

    def lost(self, local: Local, shared: Shared) -> bool:
        return False


class ComparesFencesAlone(Client):
    """What was lost within one grant is not missed."""

    def lost(self, local: Local, shared: Shared) -> bool:
        known, now = self.chain.records[local.known], self.chain.records[shared.tip]
        return known is not None and (now.fence if now else 0) < known.fence


class GoesOnWithoutAWord(Client):
    """A clone that remembers more goes on with what is there, and puts nothing on record."""

    def went_back(self, local: Local, shared: Shared) -> Move:
        return local._replace(known=shared.tip, seen=None, ticks=0), shared


class BelievesItsMemory(Client):
    """A lock that was free when it was last seen is taken, whatever has become of it."""

    def moves(self, local: Local, shared: Shared):  # type: ignore[no-untyped-def]
        for after, new in super().moves(local, shared):
            if after.at == "swap" and after.then == "granted" and after.view == local.known != shared.tip:
                yield after._replace(view=shared.tip), new
            else:
                yield after, new


class ACopyOfTheClone(Client):
    """`b` is a copy of the clone of `a`, journal and all, and takes what it cannot see for dead."""

    def is_own_dead(self, local: Local, stamp: str) -> bool:
        return super().is_own_dead(local, stamp) or (local.who == "b" and stamp[:1] == "a")
