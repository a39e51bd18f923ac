"""Protocols that are wrong in one small way each. The exploration must find out every one of them.

`transition` mutants stand in the place of the production function and change what it answers or asks for; `rules`
mutants change what a client does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sahel_nb.lock.commands import Adopt, Arm, Break, Command, Enqueue, Finish, Grant, Hold, Pass, Reap, Start, Writer
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.survey import Sight
from sahel_nb.lock.transition import Illegal, step

from .around_mutants import (
    ACopyOfTheClone,
    BelievesItsMemory,
    ComparesFencesAlone,
    CountsVersionsAlone,
    ForgetsAtALook,
    GoesOnWithoutAWord,
    SeesItAndLooksAtNothing,
    WaitsForTheDeleted,
    starts_in_any_kernel,
    sweeps_alarms_away,
)
from .chain import Chain, Step
from .client import Client
from .compacting_mutants import (
    ArchivesOneAndReplacesAnother,
    CompactsWhateverIsThere,
    SwapsBeforeItArchives,
    compacts_in_any_state,
    counts_grants_anew,
    forgets_alarms,
)
from .compacting_mutants import forgets_what_has_ended as compacts_what_has_ended
from .search import Scenario, Search
from .swap import Move
from .world import Left, Local, Shared

PROMPT = Scenario("pauses shorter than the TTL", Left(crashes=1, faults=1, leaves=1), prompt=True)
ANY = Scenario("any pause, an outsider", Left(crashes=1, foreign=1), prompt=False)
HAND = Scenario("by hand", Left(crashes=1, holds=1, breaks=1), prompt=False)
DUO = Scenario("two clients, pauses shorter than the TTL", Left(faults=1), prompt=True, clients=2)
PAIR = Scenario("two clients, any pause, an outsider", Left(foreign=1), prompt=False, clients=2)
SHORT = Scenario("chains that begin anew", Left(crashes=1, compactions=1), prompt=False, clients=2)
UNSURE = Scenario("chains that begin anew, unsure answers", Left(faults=1, compactions=1), prompt=False, clients=2)
REMADE = Scenario("a kernel deleted and made anew", Left(remakes=1), prompt=False, clients=2)
MEMORY = Scenario("clones that remember", Left(faults=1), prompt=False, clients=2, attempts=2, remembers=True)
BACK = Scenario("a remote that goes back", Left(rollbacks=1), prompt=False, clients=2, attempts=2, remembers=True)
AROUND = Scenario(
    "made anew, gone back, outsiders, crashes",
    Left(crashes=1, foreign=1, remakes=1, rollbacks=1),
    prompt=False,
    clients=3,
    remembers=True,
)
AGAIN = Scenario("an outsider, two attempts", Left(foreign=1), prompt=False, clients=2, attempts=2)


@dataclass(frozen=True)
class Mutant:
    """`why` says what is wrong with it; `scenario` is where that shows."""

    name: str
    why: str
    scenario: Scenario
    transition: Step = step
    rules: type[Client] = Client

    def search(self) -> Search:
        return Search(self.scenario, chain=Chain(self.transition), rules=self.rules)


# -- transition


def reuses_the_fence(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, fence=max(record.fence - 1, 1)) if record.op is Op.ARM else record


def starts_any_version(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, alarms=tip.alarms) if tip is not None and record.op in (Op.START, Op.ADOPT) else record


def adopts_without_alarm(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, alarms=tip.alarms) if tip is not None and isinstance(command, Adopt) else record


def finishes_any_grant(tip: Record | None, command: Command, writer: Writer) -> Record:
    if isinstance(command, Finish) and tip is not None:
        outcome = replace(command.outcome, version=tip.kaggle_version or 0)
        command = replace(command, grant=Grant(tip.fence, tip.stamp), outcome=outcome)
    return step(tip, command, writer)


def starts_any_grant(tip: Record | None, command: Command, writer: Writer) -> Record:
    if isinstance(command, Start) and tip is not None:
        command = replace(command, grant=Grant(tip.fence, tip.stamp))
    return step(tip, command, writer)


def offers_to_the_last(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    moved = tip is not None and tip.is_held and record.state is State.OFFERED
    return replace(record, queue=record.queue[::-1]) if moved else record


def lets_anybody_accept(tip: Record | None, command: Command, writer: Writer) -> Record:
    if isinstance(command, Arm) and tip is not None and tip.state is State.OFFERED:
        tip = replace(tip, state=State.FREE, queue=())
    return step(tip, command, writer)


def forgets_who_waits(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    ended = tip is not None and tip.is_held and not record.is_held
    return replace(record, state=State.FREE, queue=()) if ended else record


def frees_without_offering(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, state=State.FREE) if record.op is Op.FINISH else record


def lets_them_jump_the_queue(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, queue=(record.queue[-1], *record.queue[:-1])) if record.op is Op.ENQUEUE else record


def waiting_keeps_alive(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, hb=record.hb + 1) if isinstance(command, Enqueue) else record


def passes_on_an_old_offer(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, hb=tip.hb) if tip is not None and isinstance(command, Pass) else record


def grants_over_a_hold(tip: Record | None, command: Command, writer: Writer) -> Record:
    if isinstance(command, Arm | Hold) and tip is not None and tip.state is State.HELD:
        tip = replace(tip, state=State.FREE, queue=())
    return step(tip, command, writer)


def breaks_any_fence(tip: Record | None, command: Command, writer: Writer) -> Record:
    if isinstance(command, Break) and tip is not None:
        command = replace(command, fence=tip.fence)
    return step(tip, command, writer)


def breaks_without_a_word(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, alarms=tip.alarms) if tip is not None and isinstance(command, Break) else record


def frees_without_outcome(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, outcome=None) if isinstance(command, Reap) else record


def forgets_what_has_ended(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    return replace(record, last_done=0) if record.op is Op.FINISH else record


def takes_every_number_for_ended(tip: Record | None, command: Command, writer: Writer) -> Record:
    record = step(tip, command, writer)
    later = record.op is Op.START and record.fence > 1
    return replace(record, last_done=record.base_version + 1) if later else record


# -- rules


class TtlAlone(Client):
    def watches_runs(self) -> bool:
        return True

    def run_is_over(self, record: Record, shared: Shared, local: Local) -> bool:
        return local.seen == record.observed and local.ticks >= 3


class LatestStatus(Client):
    def running(self, shared: Shared, done: int, newest: int) -> list[int]:
        return [newest] if newest > done and shared.versions[newest - 1].runs else []


class AdoptsAnyVersion(Client):
    def find(self, record: Record, shared: Shared) -> int | None:
        return record.base_version + 1 if len(shared.versions) > record.base_version else None


class ReapsWithoutLooking(Client):
    def find(self, record: Record, shared: Shared) -> int | None:
        return None


class PushesUnconfirmed(Client):
    def confirms(self, local: Local, record: Record, shared: Shared) -> bool:
        return True


class ConfirmsWithoutClock(Client):
    def confirms(self, local: Local, record: Record, shared: Shared) -> bool:
        return len(shared.versions) == record.base_version


class PushesAfterBeingFenced(Client):
    def fenced_before_push(self, local: Local, shared: Shared) -> Iterator[Move]:
        yield local._replace(at="confirmed"), shared


class UnknownIsWon(Client):
    def unsure(self, local: Local) -> Local:
        return self._answered(local, won=True)


class ExpiresAtOnce(Client):
    def expired(self, record: Record, ticks: int) -> bool:
        return True


class ExpiresTooEarly(Client):
    def expired(self, record: Record, ticks: int) -> bool:
        return ticks >= 2


class NeverExpires(Client):
    def expired(self, record: Record, ticks: int) -> bool:
        return False


class OffersNeverExpire(Client):
    def expired(self, record: Record, ticks: int) -> bool:
        return record.state is State.ARMED and ticks >= 3


class EverybodyIsDead(Client):
    def is_own_dead(self, local: Local, stamp: str) -> bool:
        return stamp != local.stamp


class ReleasesBesideOthers(Client):
    def waits_for(self, others: list[int]) -> bool:
        return False


class ForeignPushesUnseen(Client):
    def foreign(self, record: Record, newest: int) -> tuple[str, ...]:
        return ()


class EarlierPushesUnseen(Client):
    def grant(self, local: Local, record: Record | None, sight: Sight) -> Command:
        command = super().grant(local, record, sight)
        assert isinstance(command, Arm | Hold)
        return replace(command, alarms=())


class TakesOffersOfOthers(Client):
    def is_mine_to_take(self, record: Record, local: Local) -> bool:
        return not record.is_held


class TakesHolds(Client):
    def is_mine_to_take(self, record: Record, local: Local) -> bool:
        return super().is_mine_to_take(record, local) or record.state is State.HELD


class FinishesWhateverRuns(Client):
    def still_mine(self, record: Record, local: Local) -> bool:
        return True


class BreaksWhateverIsThere(Client):
    def same_fence(self, record: Record, local: Local) -> bool:
        return True


class BreaksBlindly(Client):
    def force(
        self, local: Local, record: Record, shared: Shared, busy: list[int], foreign: tuple[str, ...]
    ) -> Iterator[Move]:
        yield self._try(local, shared, Break(record.fence, "why", len(shared.versions), foreign), "broken")


class PushesWithoutLease(Client):
    def _at_swap(self, local: Local, shared: Shared) -> Iterator[Move]:
        yield self._answered(local, won=True), self._written(local, shared)


class WatchesTheHash(Client):
    """`(fence, hb)` and the tip: what somebody who begins to wait moves."""

    def watched(self, tip: int, record: Record) -> tuple[int, ...]:
        return (*record.observed, tip)


MUTANTS = (
    Mutant("fence reused", "two grants with one number", PROMPT, reuses_the_fence),
    Mutant("start without base + 1", "somebody interleaved, and nobody says so", PAIR, starts_any_version),
    Mutant("adopt without base + 1", "the same, by whoever adopts", PAIR, adopts_without_alarm),
    Mutant(
        "finish without grant check",
        "a stale holder ends another's run",
        AGAIN,
        finishes_any_grant,
        FinishesWhateverRuns,
    ),
    Mutant(
        "finish what one was fenced out of", "the client asks for what is illegal", AGAIN, step, FinishesWhateverRuns
    ),
    Mutant("offer to the last", "who came first waits longest", PROMPT, offers_to_the_last),
    Mutant("anybody accepts", "offers are nobody's", PROMPT, lets_anybody_accept, TakesOffersOfOthers),
    Mutant("queue forgotten", "a release loses who waits", PROMPT, forgets_who_waits),
    Mutant("free, not offered", "the quickest wins, not the first", DUO, frees_without_offering),
    Mutant("last in, first out", "the queue is a stack", PROMPT, lets_them_jump_the_queue),
    Mutant("waiting keeps alive", "an enqueue counts as the dead holder's heartbeat", PROMPT, waiting_keeps_alive),
    Mutant("offer passed on with its age", "the next has no time of their own", PROMPT, passes_on_an_old_offer),
    Mutant("grant over a hold", "maintenance protects nothing", HAND, grants_over_a_hold, TakesHolds),
    Mutant(
        "break without fence", "another grant than the one looked at", HAND, breaks_any_fence, BreaksWhateverIsThere
    ),
    Mutant("break without a word", "what still ran is nowhere on record", HAND, breaks_without_a_word),
    Mutant("break without asking Kaggle", "a run that is on is said to have ended", HAND, step, BreaksBlindly),
    Mutant("reap without outcome", "a run ends in silence", PROMPT, frees_without_outcome),
    Mutant("last_done forgotten", "what has ended has not", DUO, forgets_what_has_ended),
    Mutant("last_done too early", "the push that is meant counts as ended", PROMPT, takes_every_number_for_ended),
    Mutant("TTL without Kaggle", "a run expires by the clock", PROMPT, step, TtlAlone),
    Mutant("latest status", "the newest version's state stands for all", ANY, step, LatestStatus),
    Mutant("adopt without stamp", "somebody else's version is taken for the holder's", ANY, step, AdoptsAnyVersion),
    Mutant("reap without looking", "a run on Kaggle is thrown away", DUO, step, ReapsWithoutLooking),
    Mutant("no confirm", "a push long after the lock was taken", DUO, step, PushesUnconfirmed),
    Mutant("confirm without clock", "the same, by a machine that slept", DUO, step, ConfirmsWithoutClock),
    Mutant("push when fenced out", "the lock was taken, and is ignored", DUO, step, PushesAfterBeingFenced),
    Mutant("unknown is won", "an answer that never came counts as yes", DUO, step, UnknownIsWon),
    Mutant("expire at once", "one look decides", PROMPT, step, ExpiresAtOnce),
    Mutant("expire too early", "less than the TTL", PROMPT, step, ExpiresTooEarly),
    Mutant("never expire", "a dead laptop blocks the team", PROMPT, step, NeverExpires),
    Mutant("offers never expire", "a dead waiter blocks the team", PROMPT, step, OffersNeverExpire),
    Mutant("everybody is dead", "any silent holder is taken for our own dead one", PROMPT, step, EverybodyIsDead),
    Mutant("release beside others", "free while an outsider runs", PAIR, step, ReleasesBesideOthers),
    Mutant("outsiders unseen", "pushes beside a run go unreported", ANY, step, ForeignPushesUnseen),
    Mutant("earlier pushes unseen", "pushes between two runs go unreported", PAIR, step, EarlierPushesUnseen),
    Mutant("no lease", "the last push wins", PROMPT, step, PushesWithoutLease),
    Mutant("compact a held lock", "a holder is compacted away", SHORT, compacts_in_any_state, CompactsWhateverIsThere),
    Mutant("compact and count anew", "a stale holder's fence is valid again", SHORT, counts_grants_anew),
    Mutant("compact last_done away", "what has ended is waited for again", SHORT, compacts_what_has_ended),
    Mutant("compact alarms away", "an overlap is never seen", SHORT, forgets_alarms),
    Mutant("compact, then archive", "whoever dies in between has lost the ledger", SHORT, step, SwapsBeforeItArchives),
    Mutant("archive one, replace another", "what came between is lost", SHORT, step, ArchivesOneAndReplacesAnother),
    Mutant("grant sweeps alarms away", "an overlap reaches nobody's screen", PAIR, sweeps_alarms_away),
    Mutant("start in any kernel", "the push went to another kernel, and nobody says so", REMADE, starts_in_any_kernel),
    Mutant("kernel id not compared", "a kernel made anew with as many versions", REMADE, step, CountsVersionsAlone),
    Mutant("versions of the new one unseen", "an alarm, and a run beside it", REMADE, step, SeesItAndLooksAtNothing),
    Mutant("deleted runs waited for", "a deleted kernel blocks the team", REMADE, step, WaitsForTheDeleted),
    Mutant("memory overwritten by a look", "a remote that went back is forgotten", BACK, step, ForgetsAtALook),
    Mutant("only fences compared", "a break and its alarm vanish", BACK, step, ComparesFencesAlone),
    Mutant("going back not recorded", "one clone knows, and nobody else", BACK, step, GoesOnWithoutAWord),
    Mutant("memory believed", "a lock that was free when last seen is taken", MEMORY, step, BelievesItsMemory),
    Mutant("a copied clone judges", "a living holder is called dead", DUO, step, ACopyOfTheClone),
    Mutant("expire on the tip's hash", "whoever begins to wait keeps the dead alive", DUO, step, WatchesTheHash),
)

__all__ = ["MUTANTS", "Illegal", "Mutant"]
