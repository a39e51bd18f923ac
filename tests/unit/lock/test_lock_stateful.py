"""Any order of events, with ambiguous answers, crashes, pauses and foreign pushes: the chain stays legal, every overlap
on Kaggle is reported, there is none without a pause or an outsider, and in the end the lock is free."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.grants import Held
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.memory import Fault, Memory, MemoryRemote
from sahel_nb.lock.record import Op, State
from support.locks import Person

TTL = 600.0
LEGAL = {
    State.FREE: {Op.ARM, Op.ALARM},
    State.ARMED: {Op.START, Op.ADOPT, Op.DISARM, Op.REAP, Op.ALARM},
    State.RUNNING: {Op.FINISH, Op.REAP, Op.ALARM},
}


@dataclass
class ModelKaggle:
    """Versions that run until they are ended, and the overlaps that a lock is there to prevent."""

    stamps: list[str | None] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    seen_overlaps: list[tuple[int, int]] = field(default_factory=list)
    """The version that ran, and the one that was pushed beside it."""
    unpreventable: set[int] = field(default_factory=set)
    """Pushed by somebody without the lock, or by a client that had paused after its last look."""
    outsiders: int = 0

    def push(self, stamp: str | None) -> int:
        version = len(self.stamps) + 1
        self.seen_overlaps += [(other, version) for other in range(1, version) if not self.phase(other).ended]
        self.stamps.append(stamp)
        self.phases.append(Phase.RUNNING)
        return version

    def end(self, version: int, phase: Phase = Phase.ENDED_COMPLETE) -> None:
        self.phases[version - 1] = phase

    def end_all(self) -> None:
        self.phases = [phase if phase.ended else Phase.ENDED_ERROR for phase in self.phases]

    def current_version(self) -> int:
        return len(self.stamps)

    def phase(self, version: int) -> Phase:
        return self.phases[version - 1]

    def stamp(self, version: int) -> str | None:
        return self.stamps[version - 1]


class EverythingEnds(FakeClock):
    """Who waits long enough sees what runs on Kaggle end."""

    def __init__(self, kaggle: ModelKaggle) -> None:
        super().__init__()
        self._kaggle = kaggle
        self._waited = 0.0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._waited += seconds if seconds >= 1 else 0
        if self._waited > 3 * TTL:
            self._kaggle.end_all()
            self._waited = 0


class Locking(RuleBasedStateMachine):
    """Each step, one of three people takes the next step of a run, or something goes wrong for them."""

    @initialize()
    def begin(self) -> None:
        self.remote = MemoryRemote()
        self.kaggle = ModelKaggle()
        clock = EverythingEnds(self.kaggle)
        self.people = [Person(name, Memory(self.remote), self.kaggle, clock, ttl=TTL) for name in ("Awa", "Bob", "Cem")]
        self.held: dict[str, Held] = {}
        self.paused: dict[str, Held] = {}
        self.pushed: dict[str, tuple[Held, int]] = {}
        self.running: dict[str, Held] = {}
        self.nonces = 0

    @rule(data=st.data(), who=st.integers(0, 2), breaks=st.integers(0, 9))
    def go_on(self, data: st.DataObject, who: int, breaks: int) -> None:
        person = self.people[who]
        if breaks == 0:
            return self.crash(person)
        self.faults(data, person)
        for waiting, step in (
            (self.held, self.confirm_and_push),
            (self.paused, self.push_after_a_pause),
            (self.pushed, self.started),
            (self.running, self.finish),
        ):
            if person.name in waiting:
                return step(data, person)
        return self.attach(data, person) if breaks < 3 else self.acquire(person)

    def faults(self, data: st.DataObject, person: Person) -> None:
        swaps = data.draw(st.just([]) | st.lists(st.none() | st.sampled_from(Fault), max_size=3), label="swap faults")
        reads = data.draw(st.just([]) | st.lists(st.none() | st.just(Fault.UNREACHABLE), max_size=2), label="reads")
        person.backend.faults, person.backend.read_faults = swaps, reads

    def acquire(self, person: Person) -> None:
        self.nonces += 1
        nonce = f"nonce-{self.nonces}"
        try:
            self.held[person.name] = person.client.acquire(person.intent(nonce))
        except (Refused, NetworkError):
            person.abandoned.add(nonce)

    def confirm_and_push(self, data: st.DataObject, person: Person) -> None:
        held = self.held.pop(person.name)
        try:
            held = person.client.confirm(held)
        except (Refused, NetworkError):
            person.abandoned.add(held.record.stamp)
            return
        if data.draw(st.integers(0, 5), label="pauses") == 0:
            self.paused[person.name] = held
        else:
            self.pushed[person.name] = (held, self.kaggle.push(held.record.stamp))

    def push_after_a_pause(self, _data: st.DataObject, person: Person) -> None:
        held = self.paused.pop(person.name)
        version = self.kaggle.push(held.record.stamp)
        self.kaggle.unpreventable.add(version)
        self.pushed[person.name] = (held, version)

    def started(self, _data: st.DataObject, person: Person) -> None:
        held, version = self.pushed.pop(person.name)
        try:
            self.running[person.name] = person.client.started(held, version, "url")
        except (Refused, NetworkError):
            person.abandoned.add(held.record.stamp)

    def finish(self, data: st.DataObject, person: Person) -> None:
        held = self.running.pop(person.name)
        self.kaggle.end(held.record.kaggle_version or 0)
        try:
            record = person.client.finish(held, person.outcome(held.record))
        except (Refused, NetworkError):
            person.abandoned.add(held.record.stamp)
            return
        assert record.same_grant(held.record)
        assert record.state is State.FREE
        person.backend.faults, person.backend.read_faults = [], []
        if data.draw(st.booleans(), label="again"):
            assert person.client.finish(held, person.outcome(held.record)).fence == held.record.fence

    def attach(self, data: st.DataObject, person: Person) -> None:
        try:
            found = person.client.recover(wait=data.draw(st.booleans(), label="waits"))
            if found.held is not None and data.draw(st.booleans(), label="stays to the end"):
                self.kaggle.end(found.held.record.kaggle_version or 0)
                person.client.finish(found.held, person.outcome(found.held.record))
        except (Refused, NetworkError):
            pass

    def crash(self, person: Person) -> None:
        """kill -9: the process forgets; its clone's journal knows the stamp."""
        for waiting in (self.held, self.paused, self.running):
            held = waiting.pop(person.name, None)
            if held is not None:
                person.abandoned.add(held.record.stamp)
        pushed = self.pushed.pop(person.name, None)
        if pushed is not None:
            person.abandoned.add(pushed[0].record.stamp)

    @precondition(lambda self: self.kaggle.outsiders < 4)
    @rule()
    def foreign_push(self) -> None:
        self.kaggle.unpreventable.add(self.kaggle.push(None))
        self.kaggle.outsiders += 1

    @rule(data=st.data())
    def a_version_ends(self, data: st.DataObject) -> None:
        running = [v for v in range(1, self.kaggle.current_version() + 1) if not self.kaggle.phase(v).ended]
        if running:
            self.kaggle.end(data.draw(st.sampled_from(running)), Phase.ENDED_ERROR)

    @rule(seconds=st.sampled_from([1.0, 150.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.people[0].clock.now += seconds

    @invariant()
    def the_chain_is_legal(self) -> None:
        before = None
        for tip in self.remote.chain:
            after = tip.record
            assert after.op in (LEGAL[before.state] if before else {Op.ARM})
            assert after.fence == (before.fence if before else 0) + (after.op is Op.ARM)
            assert before is None or after.last_done >= before.last_done
            before = after

    @invariant()
    def nothing_overlaps_but_for_a_pause_or_an_outsider(self) -> None:
        preventable = [pair for pair in self.kaggle.seen_overlaps if pair[1] not in self.kaggle.unpreventable]
        assert preventable == []

    def teardown(self) -> None:
        for who in range(3):
            # Whoever has pushed and lives still reports; everybody else is gone.
            person = self.people[who]
            person.backend.faults, person.backend.read_faults = [], []
            held, version = self.pushed.pop(person.name, (None, 0))
            if held is not None:
                with contextlib.suppress(Refused):
                    person.client.started(held, version, "url")
            self.crash(person)
        last = self.people[2]
        found = last.client.recover(wait=True)
        self.kaggle.end_all()
        if found.held is not None:
            last.client.finish(found.held, last.outcome(found.held.record))
        last.client.disarm(last.client.acquire(last.intent()), "the last look")
        self.the_chain_is_legal()
        assert self.remote.chain[-1].record.state is State.FREE
        reported = self.reported()
        assert [pair for pair in self.kaggle.seen_overlaps if not reported & set(pair)] == []

    def reported(self) -> set[int]:
        versions: set[int] = set()
        for tip in self.remote.chain:
            for text in tip.record.alarms:
                numbers = [int(number) for number in re.findall(r"\bv(\d+)", text)]
                versions |= set(range(numbers[0], numbers[1] + 1)) if " to v" in text else set(numbers)
        # A run that nobody knew of when the chain began was found busy, or ended, before anything was armed.
        first = next((tip.record.base_version for tip in self.remote.chain), 0)
        return versions | set(range(1, first + 1))


Locking.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLocking = Locking.TestCase
