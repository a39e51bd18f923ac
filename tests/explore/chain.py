"""Records as small numbers: every record is made by the production transition function, once, and remembered."""

from __future__ import annotations

import re
from collections.abc import Callable

from sahel_nb.lock.commands import Command, Writer
from sahel_nb.lock.record import Record
from sahel_nb.lock.transition import step

Step = Callable[[Record | None, Command, Writer], Record]
WRITER = Writer("somebody", "2026-01-01T00:00:00Z", "n")


class Violation(Exception):
    """Something that must not happen was reached."""


class Chain:
    """`step` with a memory. Number 0 is the chain that does not exist yet."""

    def __init__(self, transition: Step = step) -> None:
        self._transition = transition
        self.records: list[Record | None] = [None]
        self._numbers: dict[Record, int] = {}
        self._steps: dict[tuple[int, Command], int] = {}
        self._named: dict[int, frozenset[int]] = {0: frozenset()}

    def after(self, tip: int, command: Command) -> int:
        """Raises `Illegal` where the production function does: a client must know better."""
        key = tip, command
        number = self._steps.get(key)
        if number is None:
            number = self._steps[key] = self._number(self._transition(self.records[tip], command, WRITER))
        return number

    def versions_named(self, number: int) -> frozenset[int]:
        """The versions that a record's alarms tell people about."""
        found = self._named.get(number)
        if found is None:
            record = self.records[number]
            assert record is not None
            names: set[int] = set()
            for text in record.alarms:
                # What was said before is of another kernel.
                names = set() if "was deleted on Kaggle" in text else names | _versions(text)
            found = self._named[number] = frozenset(names)
        return found

    def _number(self, record: Record) -> int:
        number = self._numbers.get(record)
        if number is None:
            number = self._numbers[record] = len(self.records)
            self.records.append(record)
        return number


def _versions(text: str) -> set[int]:
    numbers = [int(number) for number in re.findall(r"\bv(\d+)", text)]
    return set(range(numbers[0], numbers[1] + 1)) if " to v" in text else set(numbers)
