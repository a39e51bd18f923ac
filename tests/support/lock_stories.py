"""What the stories about a lock over the chain in memory tell with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.commands import Enqueue, Writer
from sahel_nb.lock.grants import Held
from sahel_nb.lock.memory import Memory, MemoryRemote
from sahel_nb.lock.record import Op, Record, Ticket
from sahel_nb.lock.transition import step
from support.locks import KERNEL, Person

People = Callable[[str], Person]


class Eventful(FakeClock):
    """Time in which other people do something: `events` are (when, what)."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.events: list[tuple[float, Callable[[], object]]] = []

    def at(self, when: float, what: Callable[[], object]) -> None:
        self.events.append((when, what))

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [event for event in self.events if event[0] <= until]:
            event = min(due, key=lambda event: event[0])
            self.events.remove(event)
            self.now = max(self.now, event[0])
            event[1]()
        self.now = max(self.now, until)


def newest(remote: MemoryRemote) -> Record:
    tip = remote.tip()
    assert tip is not None
    return tip.record


def ops(remote: MemoryRemote) -> list[Op]:
    return [tip.record.op for tip in remote.chain]


def waits(remote: MemoryRemote, who: str, nonce: str) -> None:
    """Somebody stands in line and is never heard of again."""
    record = newest(remote)
    ticket = Ticket(f"run of {who}", f"{who} <x>", "h", "s", nonce)
    assert Memory(remote).swap(remote.tip(), step(record, Enqueue(KERNEL, ticket), Writer(who, record.at, nonce))).tip


def hold(person: Person) -> Held:
    return person.client.hold(replace(person.intent(), reason="maintenance"))


def free(person: Person) -> Record:
    record = person.client.release(person.intent().actor, "done")
    assert record is not None
    return record
