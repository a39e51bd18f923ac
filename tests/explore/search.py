"""Breadth first through every state of three clients and their world.

A state is one number: the shared part and each client's part are interned, and a move of a client depends on nothing
but its own part and the shared one. So each such pair is worked out once, by the production function, and the search
itself only looks numbers up.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from sahel_nb.lock.record import State
from sahel_nb.lock.transition import Illegal

from .chain import Chain, Violation
from .client import Client
from .events import go_back, land, push, remake
from .invariants import check_memory, check_move, check_rescue
from .world import Left, Local, Shared, Version

_BITS = 18
_MASK = (1 << _BITS) - 1


@dataclass(frozen=True)
class Scenario:
    """Whom and what to explore. `prompt` as `Client` has it."""

    name: str
    left: Left
    prompt: bool
    clients: int = 3
    attempts: int = 1
    remembers: bool = False
    """Clones remember the newest record that they saw, beyond their processes."""


@dataclass
class Report:
    """`violation` is empty where all held; `trace` then is the shortest way to it."""

    scenario: Scenario
    states: int = 0
    edges: int = 0
    seconds: float = 0.0
    complete: bool = False
    violation: str = ""
    trace: list[str] = field(default_factory=list)


class Search:
    """One exploration of `scenario` under the rules of `rules`, up to `limit` states."""

    def __init__(self, scenario: Scenario, *, chain: Chain | None = None, rules: type[Client] = Client) -> None:
        self.scenario = scenario
        self.chain = chain or Chain()
        self.client = rules(self.chain, attempts=scenario.attempts, prompt=scenario.prompt)
        self.newcomer = rules(self.chain, attempts=99, prompt=False)
        self._shared: list[Shared] = []
        self._shared_numbers: dict[Shared, int] = {}
        self._locals: list[Local] = []
        self._local_numbers: dict[Local, int] = {}
        self._moves: dict[int, list[tuple[int, int]]] = {}
        self._world: dict[int, list[int]] = {}
        self._later: dict[int, int] = {}
        self._rescued: set[tuple[object, ...]] = set()

    def run(self, limit: int) -> Report:
        report = Report(self.scenario)
        began = time.process_time()
        start = self._pack(
            self._share(
                Shared(0, None, (), 0, self.scenario.left, (), frozenset(), path=(0,) * self.scenario.remembers)
            ),
            *(self._localise(Local("abc"[i])) for i in range(self.scenario.clients)),
        )
        parents: dict[int, int] = {start: start}
        todo = deque([start])
        state = start
        try:
            while todo and len(parents) < limit:
                state = todo.popleft()
                for after in self._after(state):
                    report.edges += 1
                    if after not in parents:
                        parents[after] = state
                        todo.append(after)
            report.complete = not todo
        except Violation as exc:
            report.violation = str(exc)
        except Illegal as exc:
            report.violation = f"a client asked for what may not follow: {exc}"
        if report.violation:
            report.trace = self._trace(state, parents)
        report.states = len(parents)
        report.seconds = time.process_time() - began
        return report

    # -- successors

    def _after(self, state: int) -> list[int]:
        count = self.scenario.clients
        shared = state >> (_BITS * count)
        found = []
        patient = False
        for i in range(count):
            shift = _BITS * i
            local = (state >> shift) & _MASK
            key = shared << _BITS | local
            moves = self._moves.get(key)
            if moves is None:
                moves = self._moves[key] = self._work_out(shared, local)
            rest = state & ((1 << (_BITS * count)) - 1) & ~(_MASK << shift)
            for to_shared, to_local in moves:
                found.append(to_shared << (_BITS * count) | rest | to_local << shift)
            patient = patient or self._may_not_sleep(local)
        everyone = state & ((1 << (_BITS * count)) - 1)
        world = self._world.get(shared)
        if world is None:
            world = self._world[shared] = self._events(shared)
        for to_shared in world:
            found.append(to_shared << (_BITS * count) | everyone)
        if not patient:
            found.append(self._tick(state, shared, count))
        return found

    def _work_out(self, shared: int, local: int) -> list[tuple[int, int]]:
        before, old = self._locals[local], self._shared[shared]
        as_won = Client._answered(self.client, before, won=True) if before.then else before
        found = []
        for after, new in self.client.moves(before, old):
            check_move(before, after, old, new, as_won=as_won)
            tip = self.chain.records[new.tip]
            check_memory(before, after, new, tip.alarms if tip else ())
            found.append((self._share(new), self._localise(after)))
        return found

    def _events(self, number: int) -> list[int]:
        """What happens without any of the clients. Each shared part comes by here once: it must be able to be saved."""
        shared = self._shared[number]
        self._rescue(shared)
        after = []
        for i, version in enumerate(shared.versions):
            if version.runs:
                ended = (*shared.versions[:i], version._replace(runs=False), *shared.versions[i + 1 :])
                after.append(shared._replace(versions=ended, forced=shared.forced - {i + 1}))
        if shared.left.foreign:
            left = shared.left._replace(foreign=shared.left.foreign - 1)
            after.append(push(shared._replace(left=left), ""))
        if shared.left.remakes and shared.versions:
            left = shared.left._replace(remakes=shared.left.remakes - 1)
            for count in {0, len(shared.versions)}:  # gone, or with as many versions as are known, which run
                after.append(remake(shared._replace(left=left), *[Version("", True)] * count))
        if shared.left.rollbacks:
            left = shared.left._replace(rollbacks=shared.left.rollbacks - 1)
            after += [go_back(shared._replace(left=left), n) for n in range(1, min(4, len(shared.path) - 1))]
        if shared.late is not None:
            if shared.late[0] == shared.tip:
                after.append(land(self.chain, shared._replace(late=None), shared.late[1]))
            after.append(shared._replace(late=None))
        return [self._share(world) for world in after]

    def _tick(self, state: int, shared: int, count: int) -> int:
        record = self.chain.records[self._shared[shared].tip]
        stands = record is not None and record.state in (State.ARMED, State.OFFERED)
        key = -1 - shared
        later = self._later.get(key)
        if later is None:
            later = self._later[key] = self._share(self._shared[shared].later(stands=stands))
        packed = later << (_BITS * count)
        for i in range(count):
            local = (state >> (_BITS * i)) & _MASK
            then = self._later.get(local)
            if then is None:
                then = self._later[local] = self._localise(self._locals[local].later())
            packed |= then << (_BITS * i)
        return packed

    def _may_not_sleep(self, local: int) -> bool:
        """Between its last look and its push, a client pauses for less than what is left of the TTL."""
        if not self.scenario.prompt:
            return False
        client = self._locals[local]
        return client.at == "confirmed" and client.ticks >= 2

    # -- after everybody's death

    def _rescue(self, shared: Shared) -> None:
        """Everybody dies now. A newcomer comes, has time, and takes the lock; what runs on Kaggle ends by itself."""
        key = shared.tip, shared.versions, shared.overlaps, shared.named, shared.forced, shared.kernel
        if key in self._rescued:
            return
        self._rescued.add(key)
        shared = shared._replace(left=Left(), late=None, path=())
        local, waited = Local("r", "plan", 1), 0
        for _ in range(80):
            record = self.chain.records[shared.tip]
            if local.at == "idle":
                if local.version:
                    break
                local = Local("r", "plan", local.attempt + 1)
                continue
            if local.at == "running" and record is not None and record.stamp == local.stamp:
                check_rescue(shared, got=True)
                return
            move = next(iter(self.newcomer.moves(local, shared)), None)
            if move is not None:
                local, shared = move
            elif record is not None and record.state is State.HELD and waited > 4:
                local = Local("r", "break", local.attempt, version=record.fence)
            else:
                waited += 1
                local, shared = local.later(), shared.later(stands=True)
                if waited > 4:
                    shared = shared._replace(versions=tuple(v._replace(runs=False) for v in shared.versions))
        check_rescue(shared, got=False)

    # -- numbers

    def _share(self, shared: Shared) -> int:
        number = self._shared_numbers.get(shared)
        if number is None:
            number = self._shared_numbers[shared] = len(self._shared)
            self._shared.append(shared)
        return number

    def _localise(self, local: Local) -> int:
        number = self._local_numbers.get(local)
        if number is None:
            number = self._local_numbers[local] = len(self._locals)
            self._locals.append(local)
            assert number <= _MASK
        return number

    def _pack(self, shared: int, *clients: int) -> int:
        packed = shared << (_BITS * len(clients))
        for i, local in enumerate(clients):
            packed |= local << (_BITS * i)
        return packed

    # -- words

    def _trace(self, state: int, parents: dict[int, int]) -> list[str]:
        path = [state]
        while parents[path[-1]] != path[-1]:
            path.append(parents[path[-1]])
        return [self._words(number) for number in reversed(path)]

    def _words(self, state: int) -> str:
        count = self.scenario.clients
        shared = self._shared[state >> (_BITS * count)]
        record = self.chain.records[shared.tip]
        lock = (
            "no lock"
            if record is None
            else f"{record.op.value} → {record.state.value} fence {record.fence} {record.stamp}"
        )
        if record is not None and record.queue:
            lock += f" queue {' '.join(ticket.nonce for ticket in record.queue)}"
        kaggle = " ".join(f"v{n}={v.stamp or '?'}{'…' if v.runs else ''}" for n, v in enumerate(shared.versions, 1))
        people = []
        for i in range(count):
            local = self._locals[(state >> (_BITS * i)) & _MASK]
            people.append(f"{local.stamp}:{local.at}{f'({local.then})' if local.then else ''}{local.ticks or ''}")
        return f"{lock} | {kaggle or 'nothing on Kaggle'} | {' '.join(people)}"
