"""The state machine of one lock: pure. What may follow on what, and the record that says it.

              arm                start, adopt
      FREE ─────────▶ ARMED ───────────────────▶ RUNNING
       ▲ ▲              │                           │
       │ └──────────────┘                           │
       │   disarm, reap                             │
       └────────────────────────────────────────────┘
                      finish, reap

`alarm` adds a line to the record of any state and changes nothing else. Only what the record itself can prove is
checked here; that Kaggle is idle, that a stamp was found, that a silent lock has expired is observed by the client.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sahel_nb.lock.record import Op, Outcome, Record, State


class Illegal(Exception):
    """This transition may not follow on that record."""


@dataclass(frozen=True)
class Writer:
    """Who writes a record, when by their own clock, and the nonce that makes it unique."""

    by: str
    at: str
    nonce: str


@dataclass(frozen=True)
class Grant:
    """What its holder knows of a grant."""

    fence: int
    stamp: str


@dataclass(frozen=True)
class Arm:
    """The written intent to push. `base_version` and everything before it has ended on Kaggle."""

    kernel: str
    lock_remote_id: str
    actor: str
    host: str
    run_id: str
    stamp: str
    git_commit: str
    src_digest: str
    base_version: int
    reason: str = ""
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Start:
    """The holder has pushed; Kaggle called it `version`."""

    grant: Grant
    version: int
    url: str


@dataclass(frozen=True)
class Adopt:
    """Anyone has found the grant's stamp in `version`."""

    version: int
    url: str
    reason: str


@dataclass(frozen=True)
class Finish:
    """The holder's run has ended, and so has every version up to `last_done`."""

    grant: Grant
    last_done: int
    outcome: Outcome
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Disarm:
    """The holder gives up before anything was pushed."""

    grant: Grant
    reason: str


@dataclass(frozen=True)
class Reap:
    """Anyone ends a grant whose holder is gone. `reason` says what was seen on Kaggle."""

    last_done: int
    reason: str
    outcome: Outcome | None = None
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alarm:
    """Something happened that the lock could not prevent. An outcome that is known already is kept with it."""

    text: str
    outcome: Outcome | None = None


Command = Arm | Start | Adopt | Finish | Disarm | Reap | Alarm


def step(tip: Record | None, command: Command, writer: Writer) -> Record:
    """The record that follows on `tip`. Raises `Illegal`."""
    if isinstance(command, Arm):
        return _arm(tip, command, writer)
    if tip is None:
        raise Illegal("there is no lock yet")
    next_ = replace(tip, by=writer.by, at=writer.at, nonce=writer.nonce, reason="")
    if isinstance(command, Alarm):
        alarms = tip.alarms if command.text in tip.alarms else (*tip.alarms, command.text)
        return replace(next_, op=Op.ALARM, alarms=alarms, outcome=command.outcome or tip.outcome)
    if isinstance(command, Start | Adopt):
        return _start(tip, next_, command)
    if isinstance(command, Disarm):
        _require(tip, State.ARMED)
        _require_grant(tip, command.grant)
        return replace(next_, op=Op.DISARM, state=State.FREE, since=writer.at, reason=command.reason)
    return _end(tip, next_, command)


def _arm(tip: Record | None, command: Arm, writer: Writer) -> Record:
    if tip is not None:
        _require(tip, State.FREE)
        if tip.kernel != command.kernel:
            raise Illegal(f"the lock is of {tip.kernel}, not of {command.kernel}")
    if not command.stamp or (tip is not None and tip.stamp == command.stamp):
        raise Illegal("a grant needs a stamp that no other grant has")
    return Record(
        kernel=command.kernel,
        lock_remote_id=command.lock_remote_id,
        op=Op.ARM,
        state=State.ARMED,
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
        src_digest=command.src_digest,
        git_commit=command.git_commit,
        kaggle_version=None,
        url="",
        last_done=command.base_version,
        queue=tip.queue if tip else (),
        reason=command.reason,
        alarms=command.alarms,
        outcome=None,
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
    return replace(
        next_,
        op=Op.START if isinstance(command, Start) else Op.ADOPT,
        state=State.RUNNING,
        kaggle_version=command.version,
        url=command.url,
        reason=command.reason if isinstance(command, Adopt) else "",
        alarms=alarms,
    )


def _end(tip: Record, next_: Record, command: Finish | Reap) -> Record:
    if isinstance(command, Finish):
        _require(tip, State.RUNNING)
        _require_grant(tip, command.grant)
        if command.outcome.version != tip.kaggle_version:
            raise Illegal(f"the outcome is of v{command.outcome.version}, the lock is held for v{tip.kaggle_version}")
    else:
        _require(tip, State.ARMED, State.RUNNING)
    floor = max(tip.last_done, tip.kaggle_version or 0)
    if command.last_done < floor:
        raise Illegal(f"the lock was held up to v{floor}, not v{command.last_done}")
    return replace(
        next_,
        op=Op.FINISH if isinstance(command, Finish) else Op.REAP,
        state=State.FREE,
        since=next_.at,
        last_done=command.last_done,
        reason=command.reason if isinstance(command, Reap) else "",
        alarms=(*tip.alarms, *(text for text in command.alarms if text not in tip.alarms)),
        outcome=command.outcome or tip.outcome,
    )


def _require(tip: Record, *states: State) -> None:
    if tip.state not in states:
        raise Illegal(f"the lock is {tip.state.value}")


def _require_grant(tip: Record, grant: Grant) -> None:
    if (tip.fence, tip.stamp) != (grant.fence, grant.stamp):
        raise Illegal(f"grant {grant.fence} has been overtaken by {tip.fence}")
