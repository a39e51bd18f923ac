"""The loop: take an input, damage it, feed it, keep what was accepted; make small what was found."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from tests.fuzz import conversations, mutate, notebooks
from tests.fuzz.hostile import hostile
from tests.fuzz.targets import TARGETS, Target

_POOL = 1500
_PATIENCE = 60
"""Seconds after which an input is said to hang; nothing here takes more than one."""


class Hung(Exception):
    pass


@dataclass
class Finding:
    target: str
    data: bytes
    seed: int
    """Of the randomness that the target itself uses."""
    said: str


@dataclass
class Tally:
    executions: dict[str, int] = field(default_factory=dict)
    accepted: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def fuzz(names: list[str], seed: int, goes_on: Callable[[Tally], bool], told: Callable[[Finding], None]) -> Tally:
    """Feed the targets in turn while `goes_on`. Each finding is told once, made small."""
    chance = Random(seed)
    tally = Tally()
    pools = {name: [_made(name, chance) for _ in range(200)] for name in names}
    seen: set[str] = set()
    while goes_on(tally):
        for name in names:
            pool = pools[name]
            for _ in range(50):
                data = _next(name, pool, chance)
                own = chance.getrandbits(32)
                tally.executions[name] = tally.executions.get(name, 0) + 1
                accepted, said = feed(TARGETS[name], data, own)
                if said and f"{name} {said[:60]}" not in seen:
                    seen.add(f"{name} {said[:60]}")
                    finding = Finding(name, smaller(TARGETS[name], data, own), own, said)
                    tally.findings.append(finding)
                    told(finding)
                if accepted:
                    tally.accepted[name] = tally.accepted.get(name, 0) + 1
                    if len(data) < 60_000 and not said:
                        if len(pool) < _POOL:
                            pool.append(data)
                        else:
                            pool[chance.randrange(len(pool))] = data
    return tally


def feed(target: Target, data: bytes, own: int) -> tuple[bool, str]:
    """Was it accepted, and what was wrong (empty: nothing)."""
    try:
        with _alarm():
            return target.feed(data, Random(own)), ""
    except Exception as exc:  # noqa: BLE001  whatever it is, it is what we look for
        return False, f"{type(exc).__name__}: {exc}"


def smaller(target: Target, data: bytes, own: int, tries: int = 3000) -> bytes:
    """Fewer lines and bytes for which something of the same kind is wrong; what a minute has found of them."""
    deadline = time.monotonic() + 60
    kind = feed(target, data, own)[1][:40]
    for unit in (b"\n", b""):
        parts = data.split(unit) if unit else [data[at : at + 1] for at in range(len(data))]
        size = len(parts) // 2
        while size and tries > 0:
            at = 0
            while at < len(parts) and tries > 0:
                tries = tries - 1 if time.monotonic() < deadline else 0
                rest = parts[:at] + parts[at + size :]
                if feed(target, unit.join(rest), own)[1][:40] == kind:
                    parts = rest
                else:
                    at += size
            size //= 2
        data = unit.join(parts)
    return data


def until(deadline: float) -> Callable[[Tally], bool]:
    return lambda tally: time.monotonic() < deadline


def _made(name: str, chance: Random) -> bytes:
    """Something to begin with."""
    if name == "conversation":
        return conversations.spoken(chance)
    if name in ("check", "mirror"):
        return notebooks.clean(chance)
    if name == "zeppelin":
        return hostile(chance).replace(b'"cells"', b'"paragraphs"').replace(b'"outputs"', b'"results"')
    return hostile(chance) if chance.random() < 0.5 else notebooks.notebook(chance)


def _next(name: str, pool: list[bytes], chance: Random) -> bytes:
    if chance.random() < 0.2:  # something new
        return _made(name, chance)
    data = chance.choice(pool)
    if name == "conversation":
        return conversations.damaged(data, chance)
    return mutate.mutated(data, chance, pool)


@contextmanager
def _alarm() -> Iterator[None]:
    def hung(*_: object) -> None:
        raise Hung(f"no answer within {_PATIENCE} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(_PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
