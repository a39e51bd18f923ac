"""What one client does next, in every way in which it can turn out: the program of `sahel_nb.lock` with time cut small.

A step is atomic as far as the world goes: a look at the tip and at Kaggle, one compare-and-swap, one push. Between any
two of them everybody else may do anything, and the client may die or sleep. A look at the tip and the look at Kaggle
that follows it are one step: had the tip moved between them, the compare-and-swap would lose.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sahel_nb.lock.alarms import current
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.commands import (
    Adopt,
    Alarm,
    Arm,
    Break,
    Command,
    Disarm,
    Enqueue,
    Finish,
    Grant,
    Hold,
    Leave,
    Pass,
    Reap,
    Release,
    Start,
)
from sahel_nb.lock.record import Outcome, Record, State, Ticket
from sahel_nb.lock.survey import Sight, Survey, outside

from .chain import Chain
from .compacting import Compacting
from .events import push
from .invariants import check_push
from .swap import Move
from .view import View
from .world import LONG, Local, Shared

KERNEL = "awa/fula-lid"


class Client(Compacting):
    """The rules. A mutant is a subclass that breaks one. `prompt`: no pause is longer than the TTL, no outsiders."""

    def __init__(self, chain: Chain, *, attempts: int, prompt: bool) -> None:
        super().__init__(chain, prompt=prompt)
        self.attempts = attempts

    # -- what a client sees

    def sight(self, record: Record | None, shared: Shared) -> Sight:
        """By the production code."""
        return Survey(View(shared), FakeClock(), lambda: ()).look(record)

    def running(self, shared: Shared, done: int, newest: int) -> list[int]:
        """Versions in (done, newest] that have not ended, each asked after by its number."""
        return [n for n in range(done + 1, newest + 1) if shared.versions[n - 1].runs]

    def find(self, record: Record, shared: Shared) -> int | None:
        first = 1 if self.sight(record, shared).other else record.base_version + 1
        for n in range(first, len(shared.versions) + 1):
            if shared.versions[n - 1].stamp == record.stamp:
                return n
        return None

    def watched(self, tip: int, record: Record) -> tuple[int, ...]:
        return record.observed

    def expired(self, record: Record, ticks: int) -> bool:
        return ticks >= LONG

    def is_own_dead(self, local: Local, stamp: str) -> bool:
        return stamp[:1] == local.who and stamp != local.stamp

    def is_mine_to_take(self, record: Record, local: Local) -> bool:
        return record.state is State.FREE or record.offered_to(local.stamp)

    # -- moves

    def moves(self, local: Local, shared: Shared) -> Iterator[Move]:
        if local.at == "idle":
            yield from self._begin(local, shared)
            return
        yield from getattr(self, f"_at_{local.at}")(local, shared)
        if shared.left.crashes:
            crashes = shared.left._replace(crashes=shared.left.crashes - 1)
            yield local.idle(), shared._replace(left=crashes)

    def _begin(self, local: Local, shared: Shared) -> Iterator[Move]:
        left = shared.left
        if local.attempt < self.attempts:
            next_ = local.idle()._replace(at="plan", attempt=local.attempt + 1)
            yield next_, shared
            if left.holds:
                holding = next_._replace(by_hand=True)
                yield holding, shared._replace(left=left._replace(holds=left.holds - 1))
        record = self.chain.records[shared.tip]
        if left.breaks and record is not None and record.is_held:
            looked = local.idle()._replace(at="break", version=record.fence)
            yield looked, shared._replace(left=left._replace(breaks=left.breaks - 1))
        if left.compactions:
            compacting = local.idle()._replace(at="compact")
            yield compacting, shared._replace(left=left._replace(compactions=left.compactions - 1))

    # -- taking the lock

    def _at_plan(self, local: Local, shared: Shared) -> Iterator[Move]:
        yield from self.unseen(local, shared)
        if self.lost(local, shared):
            yield self.went_back(local, shared)
            return
        yield from self.plan(self.remember(local, shared), shared)
        record = self.chain.records[shared.tip]
        if shared.left.leaves and record is not None and record.place(local.stamp) is not None:
            leaves = shared.left._replace(leaves=shared.left.leaves - 1)
            yield local._replace(at="leaving", seen=None, ticks=0), shared._replace(left=leaves)

    def unseen(self, local: Local, shared: Shared) -> Iterator[Move]:
        """Where the clone remembers a lock that was free, it is tried without a look: stale, the lease loses."""
        record = self.chain.records[local.known]
        if local.known in (0, shared.tip) or record is None or not self.is_mine_to_take(record, local):
            return
        sight = self.sight(record, shared)
        if record.stamp != local.stamp and not self.running(shared, sight.done, sight.newest):
            yield (
                self._try(local, shared._replace(tip=local.known), self.grant(local, record, sight), "granted")[0],
                shared,
            )

    def lost(self, local: Local, shared: Shared) -> bool:
        """The chain has lost what this clone remembers."""
        return local.known != 0 and local.known not in shared.path

    def went_back(self, local: Local, shared: Shared) -> Move:
        """It is put on the chain first; then a person decides to go on with what is there."""
        record = self.chain.records[shared.tip]
        told = f"the remote went back: record {local.known}"
        if record is not None and told not in record.alarms:
            return self._try(local, shared, Alarm(told), "again")
        return local._replace(known=shared.tip, seen=None, ticks=0), shared

    def plan(self, local: Local, shared: Shared) -> Iterator[Move]:
        """Look, and decide. Nothing is yielded where there is nothing to do but to wait."""
        record = self.chain.records[shared.tip]
        sight = self.sight(record, shared)
        if record is not None and record.stamp == local.stamp and not record.is_held:
            # Our grant was given and ended before we heard of it: this attempt is over, its stamp is used up.
            yield local.idle(), shared
            return
        if record is None or self.is_mine_to_take(record, local):
            if not self.running(shared, sight.done, sight.newest):
                yield self._try(local, shared, self.grant(local, record, sight), "granted")
                return
        elif record.stamp == local.stamp and record.state in (State.ARMED, State.HELD):
            # Written by an attempt that never heard so, nobody knows when.
            yield local._replace(at=self._held(local), seen=None, ticks=LONG), shared
            return
        elif record.is_held or record.state is State.OFFERED:
            yield from self._others(local, record, shared)
        if record is not None and record.place(local.stamp) is None and record.stamp != local.stamp:
            if local.queued:  # our turn has passed: the exploration ends this attempt, to stay finite
                yield local.idle(), shared
            else:
                ticket = _ticket(local.stamp)
                yield self._try(local, shared, Enqueue(KERNEL, ticket), "queued")

    def grant(self, local: Local, record: Record | None, sight: Sight) -> Command:
        alarms = (sight.other,) if sight.other else ()
        if record is not None and sight.newest > sight.done:
            alarms = (*alarms, outside(sight.done + 1, sight.newest))
        at, kernel = sight.newest, sight.kernel_id
        if local.by_hand:
            return Hold(KERNEL, "r", local.who, "h", "run", local.stamp, at, "maintenance", alarms, kernel)
        return Arm(KERNEL, "r", local.who, "h", "run", local.stamp, "c", "d", at, "", alarms, kernel)

    def _others(self, local: Local, record: Record, shared: Shared) -> Iterator[Move]:
        """What is left to do about a lock that somebody else has, or is offered."""
        if record.state is State.RUNNING:
            other = self.deleted(record, shared)
            if other:
                last = max(record.last_done, record.kaggle_version or 0)
                gone = Reap(last, "deleted", record.outcome or _outcome(record), (other,))
                yield self._try(local, shared, gone, "again")
            elif self.run_is_over(record, shared, local):
                newest = len(shared.versions)
                reap = Reap(newest, "seen", record.outcome or _outcome(record), self.foreign(record, newest))
                yield self._try(local, shared, reap, "again")
            elif self.watches_runs():
                yield from self._watch(local, record, shared)
            return
        if record.state is State.HELD:
            if self.is_own_dead(local, record.stamp):
                yield self._try(local, shared, Release(Grant(record.fence, record.stamp), "back"), "again")
            return
        offered = record.state is State.OFFERED
        owner = record.queue[0].nonce if offered else record.stamp
        if not self.is_own_dead(local, owner):
            sight = self.sight(record, shared)
            if offered and self.running(shared, sight.done, sight.newest):
                if local.seen is not None:
                    yield local._replace(seen=None, ticks=0), shared
                return
            watched = self.watched(shared.tip, record)
            if local.seen != watched or not self.expired(record, local.ticks):
                yield from self._watch(local, record, shared)
                return
        if offered:
            yield self._try(local, shared, Pass(owner, "silent"), "again")
            return
        yield self._try(local, shared, self.settle(record, shared), "again")

    def settle(self, record: Record, shared: Shared) -> Command:
        """What becomes of an intent whose holder is gone."""
        found = self.find(record, shared)
        return Adopt(found, "u", "found", shared.kernel) if found else Reap(record.last_done, "silent")

    def deleted(self, record: Record, shared: Shared) -> str:
        """How the kernel that a run is of is not there any more."""
        return self.sight(record, shared).other

    def _watch(self, local: Local, record: Record, shared: Shared) -> Iterator[Move]:
        watched = self.watched(shared.tip, record)
        if local.seen != watched:
            yield local._replace(seen=watched, ticks=0), shared

    def watches_runs(self) -> bool:
        return False

    def run_is_over(self, record: Record, shared: Shared, local: Local) -> bool:
        return not self.running(shared, record.last_done, len(shared.versions))

    def foreign(self, record: Record, newest: int) -> tuple[str, ...]:
        others = (v for v in range(record.last_done + 1, newest + 1) if v != record.kaggle_version)
        return tuple(text for text in map(outside, others) if text not in current(record.alarms))

    # -- holding it

    def _at_armed(self, local: Local, shared: Shared) -> Iterator[Move]:
        record = self.chain.records[shared.tip]
        if record is None or record.stamp != local.stamp or record.state is not State.ARMED:
            yield from self.fenced_before_push(local, shared)
        elif self.confirms(local, record, shared):
            yield local._replace(at="confirmed"), shared
        else:
            yield self._try(local, shared, Disarm(Grant(record.fence, record.stamp), "late"), "done")

    def fenced_before_push(self, local: Local, shared: Shared) -> Iterator[Move]:
        yield local.idle(), shared

    def confirms(self, local: Local, record: Record, shared: Shared) -> bool:
        sight = self.sight(record, shared)
        return not sight.other and sight.newest == record.base_version and local.ticks < 1

    def _at_confirmed(self, local: Local, shared: Shared) -> Iterator[Move]:
        """The push: taken by Kaggle, with or without an answer; or not taken, and the lock is given back."""
        check_push(shared, prompt=self.prompt)
        pushed = local._replace(at="pushed", version=len(shared.versions) + 1, kernel=shared.kernel, ticks=0)
        yield pushed, push(shared, local.stamp)
        if shared.left.faults:
            faults = shared.left._replace(faults=shared.left.faults - 1)
            yield local._replace(at="armed", ticks=LONG), shared._replace(left=faults)

    def _at_pushed(self, local: Local, shared: Shared) -> Iterator[Move]:
        record = self.chain.records[shared.tip]
        mine = record is not None and record.stamp == local.stamp
        if mine and record is not None and record.state is State.ARMED:
            start = Start(Grant(record.fence, local.stamp), local.version, "u", local.kernel)
            yield self._try(local, shared, start, "started")
        elif mine and record is not None and record.kaggle_version == local.version:
            yield local._replace(at="running"), shared
        else:
            fenced = f"overlap: v{local.version} was pushed by {local.who} under fence 0, which had ended"
            yield self._try(local, shared, Alarm(fenced), "reported")

    def _at_running(self, local: Local, shared: Shared) -> Iterator[Move]:
        record = self.chain.records[shared.tip]
        if record is None or not self.still_mine(record, local) or not record.is_held:
            yield local.idle(), shared
            return
        sight = self.sight(record, shared)
        newest = max(record.last_done, local.version) if sight.other else sight.newest
        if record.kaggle_version is None or (not sight.other and shared.versions[local.version - 1].runs):
            return
        beside = [] if sight.other else self.running(shared, record.last_done, newest)
        others = [n for n in beside if n != local.version]
        foreign = (sight.other,) if sight.other else self.foreign(record, newest)
        if not self.waits_for(others):
            finish = Finish(self.own_grant(record, local), newest, _outcome(record), foreign)
            yield self._try(local, shared, finish, "done")
        elif foreign:
            yield self._try(local, shared, Alarm(foreign[0], _outcome(record)), "started")

    def still_mine(self, record: Record, local: Local) -> bool:
        return record.stamp == local.stamp

    def own_grant(self, record: Record, local: Local) -> Grant:
        return Grant(record.fence, local.stamp)

    def waits_for(self, others: list[int]) -> bool:
        return bool(others)

    def _at_holding(self, local: Local, shared: Shared) -> Iterator[Move]:
        record = self.chain.records[shared.tip]
        if record is None or record.stamp != local.stamp or record.state is not State.HELD:
            yield local.idle(), shared
            return
        yield self._try(local, shared, Release(Grant(record.fence, record.stamp), "done"), "done")

    def _at_leaving(self, local: Local, shared: Shared) -> Iterator[Move]:
        record = self.chain.records[shared.tip]
        if record is not None and record.place(local.stamp) is not None:
            yield self._try(local, shared, Leave(local.stamp), "left")
        elif record is not None and record.stamp == local.stamp and record.state in (State.ARMED, State.HELD):
            yield local._replace(at=self._held(local), ticks=LONG), shared
        else:
            yield local.idle(), shared

    # -- breaking it

    def _at_break(self, local: Local, shared: Shared) -> Iterator[Move]:
        record = self.chain.records[shared.tip]
        gone = local.idle()
        if record is None or not record.is_held or not self.same_fence(record, local):
            yield gone, shared
            return
        sight = self.sight(record, shared)
        newest = max(0 if sight.other else len(shared.versions), record.last_done, record.kaggle_version or 0)
        busy = [] if sight.other else self.running(shared, record.last_done, newest)
        foreign = (sight.other,) if sight.other else self.foreign(record, newest)
        if not busy:
            yield self._try(local, shared, Break(record.fence, "why", newest, foreign), "broken")
            return
        yield gone, shared
        yield from self.force(local, record, shared, busy, foreign)

    def same_fence(self, record: Record, local: Local) -> bool:
        return record.fence == local.version

    def force(
        self, local: Local, record: Record, shared: Shared, busy: list[int], foreign: tuple[str, ...]
    ) -> Iterator[Move]:
        names = ", ".join(f"v{n}" for n in busy)
        alarms = (f"the lock was broken by force while {names} had not ended", *foreign)
        yield self._try(local, shared, Break(record.fence, "why", len(shared.versions), alarms), "broken")


@cache
def _ticket(stamp: str) -> Ticket:
    return Ticket("run", stamp[0], "h", "s", stamp)


def _outcome(record: Record) -> Outcome:
    return Outcome("run", record.kaggle_version or 0, "COMPLETE", "c", record.actor, "s", "e", "d", "u")
