"""The state machine of one lock: pure. What may follow on what, and the record that says it.

                 arm                start, adopt
        FREE ───────────▶ ARMED ───────────────────▶ RUNNING
         │ ╲               ▲ │ disarm, reap, break      │ finish, reap, break
    hold │  ╲ enqueue  arm │ │                          │
         │   ╲             │ └───────────▶ ◇ ◀──────────┘
         │    ▼            │               ▲ │
         │    OFFERED ─────┘               │ └─▶ somebody waits: OFFERED to the first in line
         │      │   ╲ hold  release, break │     nobody waits:   FREE
         └──────┼────▶ HELD ───────────────┘
                │
                └── leave, pass: OFFERED to the next in line, or FREE

`enqueue` puts a ticket at the end of the queue in any state, `leave` takes one out; FREE is only what nobody waits for.
`alarm` adds a line to the record of any state and changes nothing else; what nobody acknowledges goes along into the
next grant. `reset`, by a lead, leads from anything to FREE. `compact` says a FREE record again, as the
first of a new chain: nothing of it changes, but where what came before is to be found. Only what the record itself can
prove is checked here; that Kaggle is idle, that a stamp was found, that a silent lock has expired is observed by the
client.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sahel_nb.lock.alarms import DELETED, added, carried, is_reset
from sahel_nb.lock.commands import (
    Adopt,
    Alarm,
    Arm,
    Break,
    Command,
    Compact,
    Disarm,
    Enqueue,
    Finish,
    Grant,
    Hold,
    Leave,
    Pass,
    Reap,
    Release,
    Reset,
    Start,
    Writer,
)
from sahel_nb.lock.record import Op, Outcome, Record, State, Ticket

QUEUE_LIMIT = 100
TEXT = 2000
"""Characters of a reason, an alarm or a URL."""
ROOM = 160 * 1024
"""Bytes of a record that adds something; one may have 256 KiB, see record.py."""
_ADDS = frozenset((Op.ARM, Op.HOLD, Op.ENQUEUE, Op.ALARM, Op.START, Op.ADOPT))


class Illegal(Exception):
    """This transition may not follow on that record."""


class TooLarge(Illegal):
    """Nothing more may be added to that record."""


def anew(before: int, now: int) -> str:
    """How a kernel is told from the one that had its name before."""
    return f"{DELETED} and made anew (its id was {before}, and is {now})"


def step(tip: Record | None, command: Command, writer: Writer) -> Record:
    """The record that follows on `tip`; long texts in it are cut. Raises `Illegal`.

    What begins or adds something leaves room for every step that ends it: nobody makes a lock that cannot be broken.
    """
    record = _step(tip, _cut(command), writer)
    if record.op in _ADDS and _size(record) > ROOM:
        raise TooLarge(f"the record would be too large: beyond {ROOM} bytes only what ends something is written")
    return record


def _size(record: Record) -> int:
    """In bytes where it may be near the limit, else 0: this is asked at every step."""
    tickets = (text for ticket in record.queue for text in vars(ticket).values())
    texts = sum(map(len, (*record.alarms, *tickets, *(v for v in vars(record).values() if type(v) is str))))
    return len(record.to_json()) if texts * 4 + 4096 > ROOM else 0


def _cut(command: Command) -> Command:
    """Texts that a person or a program may write at any length. The same again for what is cut already."""
    short: dict[str, Any] = {}
    for name in ("reason", "text", "url"):
        if len(text := getattr(command, name, "")) > TEXT:
            short[name] = text[:TEXT]
    alarms: tuple[str, ...] = getattr(command, "alarms", ())
    if any(len(text) > TEXT for text in alarms):
        short["alarms"] = tuple(text[:TEXT] for text in alarms)
    return replace(command, **short) if short else command


def _step(tip: Record | None, command: Command, writer: Writer) -> Record:
    if isinstance(command, Arm | Hold):
        return _grant(tip, command, writer)
    if isinstance(command, Enqueue):
        return _enqueue(tip, command, writer)
    if isinstance(command, Reset):
        return _reset(command, writer)
    if tip is None:
        raise Illegal("there is no lock yet")
    # The reason of a hold stays to be seen for as long as the hold does.
    reason = tip.reason if tip.state is State.HELD else ""
    next_ = replace(tip, by=writer.by, at=writer.at, nonce=writer.nonce, reason=reason)
    if isinstance(command, Alarm):
        _require_own_outcome(tip, command.outcome)
        return replace(
            next_, op=Op.ALARM, alarms=added(tip.alarms, command.text), outcome=command.outcome or tip.outcome
        )
    if isinstance(command, Compact):
        return _compact(tip, next_, command)
    if isinstance(command, Start | Adopt):
        return _start(tip, next_, command)
    if isinstance(command, Leave | Pass):
        return _unqueue(tip, next_, command)
    if isinstance(command, Disarm | Release):
        _require(tip, State.ARMED if isinstance(command, Disarm) else State.HELD)
        _require_grant(tip, command.grant)
        op = Op.DISARM if isinstance(command, Disarm) else Op.RELEASE
        return _freed(replace(next_, op=op, reason=command.reason), tip.queue)
    if isinstance(command, Break):
        return _break(tip, next_, command)
    return _end(tip, next_, command)


# -- grants


def _grant(tip: Record | None, command: Arm | Hold, writer: Writer) -> Record:
    queue: tuple[Ticket, ...] = ()
    if tip is not None:
        _require(tip, State.FREE, State.OFFERED)
        if tip.kernel != command.kernel:
            raise Illegal(f"the lock is of {tip.kernel}, not of {command.kernel}")
        if tip.state is State.OFFERED:
            if tip.queue[0].nonce != command.stamp:
                raise Illegal(f"the lock is offered to {tip.queue[0].actor}")
            queue = tip.queue[1:]
    if not command.stamp or (tip is not None and tip.stamp == command.stamp):
        raise Illegal("a grant needs a stamp that no other grant has")
    if isinstance(command, Hold) and not command.reason.strip():
        raise Illegal("a lock that is taken by hand needs a reason")
    by_hand = isinstance(command, Hold)
    return Record(
        kernel=command.kernel,
        lock_remote_id=command.lock_remote_id,
        op=Op.HOLD if by_hand else Op.ARM,
        state=State.HELD if by_hand else State.ARMED,
        fence=(tip.fence if tip else 0) + 1,
        actor=command.actor,
        host=command.host,
        by=writer.by,
        nonce=writer.nonce,
        hb=0,
        since=writer.at,
        at=writer.at,
        base_version=command.base_version,
        run_id=command.run_id,
        stamp=command.stamp,
        src_digest="" if isinstance(command, Hold) else command.src_digest,
        git_commit="" if isinstance(command, Hold) else command.git_commit,
        kaggle_version=None,
        url="",
        last_done=command.base_version,
        queue=queue,
        reason=command.reason,
        alarms=added(carried(tip.alarms) if tip else (), *command.alarms),
        outcome=None,
        archive=tip.archive if tip else "",
        kernel_id=command.kernel_id,
    )


def _start(tip: Record, next_: Record, command: Start | Adopt) -> Record:
    _require(tip, State.ARMED)
    if command.version < 1:
        raise Illegal("a run has a version")
    if isinstance(command, Start):
        _require_grant(tip, command.grant)
    alarms = tip.alarms
    expected = tip.base_version + 1
    if command.version != expected:
        # Adopting without this check would hide an overlap.
        alarms = (*alarms, f"overlap: Kaggle made v{command.version} of this run and v{expected} is somebody else's")
    kernel_id, last_done = tip.kernel_id or command.kernel_id, tip.last_done
    if command.kernel_id not in (0, kernel_id):
        # Nothing is known of the versions of this other kernel, but that ours is one of them.
        alarms = (*alarms, f"{anew(tip.kernel_id, command.kernel_id)} before v{command.version} was pushed to it")
        kernel_id, last_done = command.kernel_id, 0
    return replace(
        next_,
        op=Op.START if isinstance(command, Start) else Op.ADOPT,
        state=State.RUNNING,
        kaggle_version=command.version,
        url=command.url,
        reason=command.reason if isinstance(command, Adopt) else "",
        alarms=alarms,
        kernel_id=kernel_id,
        last_done=last_done,
    )


# -- ends of grants


def _end(tip: Record, next_: Record, command: Finish | Reap) -> Record:
    if isinstance(command, Finish):
        _require(tip, State.RUNNING)
        _require_grant(tip, command.grant)
        if command.outcome.version != tip.kaggle_version:
            raise Illegal(f"the outcome is of v{command.outcome.version}, the lock is held for v{tip.kaggle_version}")
    else:
        _require(tip, State.ARMED, State.RUNNING)
    ended = replace(
        next_,
        op=Op.FINISH if isinstance(command, Finish) else Op.REAP,
        last_done=_done(tip, command.last_done),
        reason=command.reason if isinstance(command, Reap) else "",
        alarms=added(tip.alarms, *command.alarms),
        outcome=command.outcome or tip.outcome,
    )
    return _freed(ended, tip.queue)


def _break(tip: Record, next_: Record, command: Break) -> Record:
    _require(tip, State.ARMED, State.RUNNING, State.HELD)
    if command.fence != tip.fence:
        raise Illegal(f"the lock has fence {tip.fence}, not {command.fence}")
    if not command.reason.strip():
        raise Illegal("breaking a lock needs a reason")
    broken = f"fence {tip.fence} was broken by {next_.by}: {command.reason}"[:TEXT]
    ended = replace(
        next_,
        op=Op.BREAK,
        last_done=_done(tip, command.last_done),
        reason=command.reason,
        alarms=added(tip.alarms, broken, *command.alarms),
    )
    return _freed(ended, tip.queue)


def _freed(next_: Record, queue: tuple[Ticket, ...]) -> Record:
    """Nobody holds the lock: it is offered to the head of the queue, or free. `hb` moves, for an offer expires."""
    state = State.OFFERED if queue else State.FREE
    return replace(next_, state=state, queue=queue, since=next_.at, hb=next_.hb + (state is State.OFFERED))


def _done(tip: Record, last_done: int) -> int:
    floor = max(tip.last_done, tip.kaggle_version or 0) if tip.is_held else tip.last_done
    if last_done < floor:
        raise Illegal(f"the lock was held up to v{floor}, not v{last_done}")
    return last_done


# -- the queue


def _enqueue(tip: Record | None, command: Enqueue, writer: Writer) -> Record:
    if tip is None:
        raise Illegal("there is no lock yet, and nobody to wait for")
    ticket = command.ticket
    if tip.kernel != command.kernel:
        raise Illegal(f"the lock is of {tip.kernel}, not of {command.kernel}")
    if not ticket.nonce or ticket.nonce == tip.stamp or any(other.nonce == ticket.nonce for other in tip.queue):
        raise Illegal("a ticket needs a nonce that no other ticket and no grant has")
    if len(tip.queue) >= QUEUE_LIMIT:
        raise Illegal(f"{QUEUE_LIMIT} wait already")
    reason = tip.reason if tip.state is State.HELD else ""
    queue = (*tip.queue, ticket)
    next_ = replace(tip, op=Op.ENQUEUE, by=writer.by, at=writer.at, nonce=writer.nonce, reason=reason, queue=queue)
    return _freed(next_, queue) if tip.state is State.FREE else next_


def _unqueue(tip: Record, next_: Record, command: Leave | Pass) -> Record:
    if all(ticket.nonce != command.nonce for ticket in tip.queue):
        raise Illegal("nobody waits with that ticket")
    first = tip.state is State.OFFERED and tip.queue[0].nonce == command.nonce
    if isinstance(command, Pass):
        _require(tip, State.OFFERED)
        if not first:
            raise Illegal("the lock is not offered to that ticket")
        next_ = replace(next_, reason=command.reason)
    queue = tuple(ticket for ticket in tip.queue if ticket.nonce != command.nonce)
    next_ = replace(next_, op=Op.LEAVE if isinstance(command, Leave) else Op.PASS, queue=queue)
    return _freed(next_, queue) if first else next_


def _compact(tip: Record, next_: Record, command: Compact) -> Record:
    _require(tip, State.FREE)
    if tip.op is Op.COMPACT:
        raise Illegal("the chain is one record already")
    if not command.archive or command.archive == tip.archive:
        raise Illegal("a chain is compacted when its newest record is archived")
    return replace(next_, op=Op.COMPACT, archive=command.archive)


def _reset(command: Reset, writer: Writer) -> Record:
    """Whatever was there: a FREE record that owes nothing to it but what the lead says."""
    if not command.reason.strip():
        raise Illegal("a reset needs a reason")
    if not any(is_reset(text) for text in command.alarms):
        raise Illegal("a reset has an alarm that says what was there")
    return Record(
        kernel=command.kernel,
        lock_remote_id=command.lock_remote_id,
        op=Op.RESET,
        state=State.FREE,
        fence=command.fence,
        actor=command.actor,
        host=command.host,
        by=writer.by,
        nonce=writer.nonce,
        hb=0,
        since=writer.at,
        at=writer.at,
        base_version=command.last_done,
        run_id="",
        stamp="",
        src_digest="",
        git_commit="",
        kaggle_version=None,
        url="",
        last_done=command.last_done,
        queue=(),
        reason=command.reason,
        alarms=command.alarms,
        outcome=None,
        archive=command.archive,
        kernel_id=command.kernel_id,
    )


# -- what is required


def _require(tip: Record, *states: State) -> None:
    if tip.state not in states:
        raise Illegal(f"the lock is {tip.state.value}")


def _require_own_outcome(tip: Record, outcome: Outcome | None) -> None:
    """An alarm may bring the outcome of the run that the record is of, or complete it, and replaces no other one."""
    if outcome is None or outcome == tip.outcome:
        return
    if outcome.version != tip.kaggle_version or (tip.outcome is not None and tip.outcome.outputs_digest):
        raise Illegal("an alarm does not replace the outcome that is there")


def _require_grant(tip: Record, grant: Grant) -> None:
    if (tip.fence, tip.stamp) != (grant.fence, grant.stamp):
        raise Illegal(f"grant {grant.fence} has been overtaken by {tip.fence}")
