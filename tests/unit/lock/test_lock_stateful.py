"""Any order of events: ambiguous answers, crashes, pauses, foreign pushes, a Kaggle that lags, a remote that goes back,
people who wait, hold and break. The chain stays legal, what is acknowledged is on it in the order of its asking, every
overlap on Kaggle is reported, there is none without a pause, an outsider or force, and in the end the lock is free.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.backend import Tip, Verdict
from sahel_nb.lock.commands import Enqueue, Writer
from sahel_nb.lock.grants import Held
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.memory import Fault, Memory, MemoryRemote
from sahel_nb.lock.record import Op, State, Ticket
from sahel_nb.lock.transition import step
from support.linearizable import why_not
from support.locks import KERNEL, Person
from support.model_kaggle import EverythingEnds, ModelKaggle
from support.recorded import Note, Recorded, history

TTL = 600.0
ALWAYS = {Op.ALARM, Op.ENQUEUE}
LEGAL = {
    State.FREE: {Op.ARM, Op.HOLD} | ALWAYS,
    State.OFFERED: {Op.ARM, Op.HOLD, Op.LEAVE, Op.PASS} | ALWAYS,
    State.ARMED: {Op.START, Op.ADOPT, Op.DISARM, Op.REAP, Op.BREAK, Op.LEAVE} | ALWAYS,
    State.RUNNING: {Op.FINISH, Op.REAP, Op.BREAK, Op.LEAVE} | ALWAYS,
    State.HELD: {Op.RELEASE, Op.BREAK, Op.LEAVE} | ALWAYS,
}
GRANTS = {Op.ARM, Op.HOLD}


class Locking(RuleBasedStateMachine):
    """Each step, one of three people takes the next step of a run, or something goes wrong for them."""

    @initialize()
    def begin(self) -> None:
        self.remote = MemoryRemote()
        self.kaggle = ModelKaggle()
        clock = EverythingEnds(self.kaggle, TTL)
        self.said: list[Note] = []
        self.people = [Person(name, self.backend(name), self.kaggle, clock, ttl=TTL) for name in ("Awa", "Bob", "Cem")]
        self.held: dict[str, Held] = {}
        self.paused: dict[str, Held] = {}
        self.pushed: dict[str, tuple[Held, int]] = {}
        self.running: dict[str, Held] = {}
        self.forced: set[int] = set()
        self.by_hand: dict[str, Held] = {}
        self.nonces = 0
        self.told: set[int] = set()
        """Versions that an alarm has named, on a chain that the remote may have forgotten since."""
        self.sure = True
        """The remote has never gone back."""

    def backend(self, name: str) -> Recorded:
        return Recorded(Memory(self.remote), name, self.said.append)

    @rule(data=st.data(), who=st.integers(0, 2), breaks=st.integers(0, 9))
    def go_on(self, data: st.DataObject, who: int, breaks: int) -> None:
        person = self.people[who]
        if breaks == 0:
            return self.crash(person)
        self.faults(data, person)
        for waiting, next_step in (
            (self.held, self.confirm_and_push),
            (self.paused, self.push_after_a_pause),
            (self.pushed, self.started),
            (self.running, self.finish),
            (self.by_hand, self.give_back),
        ):
            if person.name in waiting:
                return next_step(data, person)
        return self.attach(data, person) if breaks < 3 else self.acquire(data, person)

    def faults(self, data: st.DataObject, person: Person) -> None:
        swaps = data.draw(st.just([]) | st.lists(st.none() | st.sampled_from(Fault), max_size=3), label="swap faults")
        reads = data.draw(st.just([]) | st.lists(st.none() | st.just(Fault.UNREACHABLE), max_size=2), label="reads")
        person.backend.inner.faults, person.backend.inner.read_faults = swaps, reads

    @contextlib.contextmanager
    def witnessed(self) -> Iterator[list[Tip]]:
        """Everything acknowledged inside is on the chain, between where it was asked for and where it was answered."""
        before = len(self.remote.chain)
        told: list[Tip] = []
        yield told
        chain = [tip.oid for tip in self.remote.chain]
        for tip in told:
            assert tip.oid in chain[before:], f"{tip.record.op} was acknowledged, and is not on the chain"

    def acquire(self, data: st.DataObject, person: Person) -> None:
        self.nonces += 1
        nonce = f"nonce-{self.nonces}"
        how = data.draw(st.sampled_from(["now", "now", "in turn", "by hand"]), label="how")
        patience = data.draw(st.sampled_from([0.0, 300.0, 5000.0]), label="patience") if how == "in turn" else 0.0
        intent = replace(person.intent(nonce), reason="maintenance")
        try:
            with self.witnessed() as told:
                if how == "by hand":
                    held = person.client.hold(intent)
                    self.by_hand[person.name] = held
                else:
                    client = person.client
                    held = client.acquire_in_turn(intent, patience) if how == "in turn" else client.acquire(intent)
                    self.held[person.name] = held
                if held.sent_at >= 0 and held.record.op in GRANTS:
                    told.append(held.tip)
        except (Refused, NetworkError):
            person.abandoned.add(nonce)

    def give_back(self, _data: st.DataObject, person: Person) -> None:
        held = self.by_hand.pop(person.name)
        with contextlib.suppress(Refused, NetworkError), self.witnessed() as told:
            record = person.client.release(held.record.actor, "done")
            if record is not None:
                told.append(next(tip for tip in self.remote.chain if tip.record.nonce == record.nonce))

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
            with self.witnessed() as told:
                self.running[person.name] = started = person.client.started(held, version, "url")
                if started.record.op is Op.START:
                    told.append(started.tip)
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
        assert not record.is_held
        if self.sure:
            assert record in [tip.record for tip in self.remote.chain]
        person.backend.inner.faults, person.backend.inner.read_faults = [], []
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
        for waiting in (self.held, self.paused, self.running, self.by_hand):
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

    @rule(who=st.integers(0, 2))
    def somebody_waits_and_dies(self, who: int) -> None:
        tip = self.remote.tip()
        if tip is None:
            return
        self.nonces += 1
        person = self.people[who]
        ticket = Ticket("run", f"{person.name} <x>", "h", "s", f"dead-{self.nonces}")
        record = step(tip.record, Enqueue(KERNEL, ticket), Writer(person.name, tip.record.at, ticket.nonce))
        late = self.backend(person.name).swap(tip, record).verdict is Verdict.LOST  # to what was still under way
        assert late == (self.remote.chain[-1].record.nonce != ticket.nonce)

    @rule(who=st.integers(0, 2), force=st.booleans(), right=st.booleans())
    def somebody_breaks_it(self, who: int, force: bool, right: bool) -> None:
        person = self.people[who]
        person.backend.inner.faults, person.backend.inner.read_faults = [], []
        person.backend.read()
        person.backend.read()  # what was under way has landed
        tip = self.remote.tip()
        if tip is None or (force and len(self.kaggle.unpreventable) > 8):
            return
        running = self.kaggle.running()
        fence = tip.record.fence + (not right)
        try:
            record = person.client.break_lock(fence=fence, reason="we asked Awa", force=force)
        except Refused:
            return
        assert right
        assert record.op is Op.BREAK
        assert force or not [v for v in running if tip.record.last_done < v <= record.last_done]
        # Who broke it takes on himself what is pushed beside what still runs.
        self.forced |= set(running) if force else set()

    @rule(words=st.lists(st.sampled_from([Phase.RUNNING, Phase.QUEUED, Phase.UNKNOWN]), max_size=4))
    def kaggle_lags(self, words: list[Phase]) -> None:
        self.kaggle.lag = words

    @precondition(lambda self: self.sure and len(self.remote.chain) > 3)
    @rule(all_of_it=st.booleans())
    def the_remote_goes_back(self, all_of_it: bool) -> None:
        self.told |= self.reported()
        del self.remote.chain[0 if all_of_it else -2 :]
        self.sure = False

    @rule(seconds=st.sampled_from([1.0, 150.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.people[0].clock.now += seconds

    @invariant()
    def the_chain_is_legal(self) -> None:
        before = None
        for tip in self.remote.chain:
            after = tip.record
            assert after.op in (LEGAL[before.state] if before else GRANTS)
            assert after.fence == (before.fence if before else 0) + (after.op in GRANTS)
            assert before is None or after.last_done >= before.last_done
            assert (after.state is State.OFFERED) >= bool(after.queue and not after.is_held)
            if before is not None and after.op in GRANTS and before.queue:
                assert before.queue[0].nonce == after.stamp
                assert after.queue == before.queue[1:]
            elif before is not None and after.op is Op.ENQUEUE:
                assert after.queue[:-1] == before.queue
            elif before is not None and after.op not in (Op.LEAVE, Op.PASS):
                assert after.queue == before.queue
            before = after

    @invariant()
    def nothing_overlaps_but_for_a_pause_or_an_outsider(self) -> None:
        unpreventable = self.kaggle.unpreventable
        preventable = [
            pair for pair in self.kaggle.seen_overlaps if pair[1] not in unpreventable and pair[0] not in self.forced
        ]
        assert preventable == []

    def teardown(self) -> None:
        for who in range(3):
            # Whoever has pushed and lives still reports; everybody else is gone.
            person = self.people[who]
            person.backend.inner.faults, person.backend.inner.read_faults = [], []
            held, version = self.pushed.pop(person.name, (None, 0))
            if held is not None:
                with contextlib.suppress(Refused):
                    person.client.started(held, version, "url")
            self.crash(person)
        last = self.people[2]
        self.kaggle.lag = []
        tip = self.remote.tip()
        if tip is not None and tip.record.state is State.HELD:
            last.client.break_lock(fence=tip.record.fence, reason="nobody is there", force=True)
        found = last.client.recover(wait=True)
        self.kaggle.end_all()
        if found.held is not None:
            last.client.finish(found.held, last.outcome(found.held.record))
        last.client.disarm(last.client.acquire_in_turn(last.intent(), 100_000), "the last look")
        self.the_chain_is_legal()
        assert self.remote.chain[-1].record.state is State.FREE
        if self.sure:
            assert why_not([tip.record.nonce for tip in self.remote.chain], history(self.said)) == []
        reported = self.reported() | self.told
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
