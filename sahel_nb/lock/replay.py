"""Is one record a legal successor of another, and who may have written it? Pure.

The command is inferred from the new record, and the production state machine is run again: what it makes of the old
record must be the new one, field by field. Nothing here knows rules of its own about states.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from sahel_nb.lock.alarms import unacknowledged
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
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.transition import Illegal, step

_PERSON = re.compile(r"[^<>]*<([^<>@ ]+@[^<>@ ]+)>")
_WRITER = re.compile(r"[^<>]*<([^<>@ ]+@[^<>@ ]+)> on [^<>]*")
_BY_HOLDER = frozenset((Op.START, Op.FINISH, Op.DISARM, Op.RELEASE))
_BY_ANYONE = frozenset((Op.ADOPT, Op.REAP, Op.ALARM, Op.PASS, Op.COMPACT))
IDENTITIES = ("REMOTE_USER", "GL_USER", "SAHEL_USER")
"""What a server sets and a pusher does not: apache, gitolite, a forced command of sshd."""


class Forbidden(Exception):
    """The transition is legal, and this person may not make it."""


@dataclass(frozen=True)
class Pusher:
    """Who brings a record, by the e-mail addresses that are known to be theirs; `leads` may break others' locks, and
    where nobody is named as one, everybody is."""

    emails: Container[str]
    leads: frozenset[str] = frozenset()


def check(old: Record | None, new: Record) -> None:
    """Raises `Illegal` unless `new` is what the state machine makes of `old`."""
    made = step(old, _command(old, new), Writer(new.by, new.at, new.nonce))
    # Versions of us that know no kernel ids write none, and begin a grant without what nobody had acknowledged.
    if not new.kernel_id:
        made = replace(made, kernel_id=0)
    if new.op in (Op.ARM, Op.HOLD):
        made = replace(made, alarms=new.alarms)
    if made != new:
        odd = [name for name in vars(new) if getattr(made, name) != getattr(new, name)]
        raise Illegal(f"{new.op.value} does not lead to this {', '.join(odd)}")
    if old is not None and new.nonce == old.nonce:
        raise Illegal("a record needs a nonce of its own")
    if old is not None and new.lock_remote_id != old.lock_remote_id and new.op not in (Op.ARM, Op.HOLD, Op.RESET):
        raise Illegal("the lock is of another remote")


def check_author(old: Record | None, new: Record, pusher: Pusher) -> None:
    """Raises `Forbidden` unless the record names `pusher` as its writer, and it is for them to write it."""
    writer = _email(_WRITER, new.by)
    if writer is None or writer not in pusher.emails:
        raise Forbidden(f"the record says that it was written by {new.by}")
    leads = writer in pusher.leads or not pusher.leads
    if new.op in (Op.BREAK, Op.LEAVE) and leads:
        return
    if new.op is Op.RESET and not leads:
        raise Forbidden(f"reset is for a lead: {', '.join(sorted(pusher.leads))}")
    for whose in _whose(old, new):
        owner = _email(_PERSON, whose)
        if owner is None or owner not in pusher.emails:
            raise Forbidden(f"{new.op.value} is for {whose} alone")


def check_runner(new: Record, runners: Sequence[str]) -> None:
    """Raises `Forbidden` where the writer takes the kernel, or waits for it, and `runners` names others: see
    `LockConfig.runners`."""
    if new.op not in (Op.ARM, Op.HOLD, Op.ENQUEUE):
        return
    lines = [line.lower().split() for line in runners]
    named = [pattern for kernel, *people in lines if fnmatchcase(new.kernel, kernel) for pattern in people]
    who = _email(_WRITER, new.by) or ""
    if named and not any(fnmatchcase(who, pattern) for pattern in named):
        raise Forbidden(f"{new.kernel} is run by {', '.join(named)}: lock.runners of the default branch")


def is_early(old: Record | None, new: Record, stood_still: float, ttl: float, pusher: Pusher) -> bool:
    """Does somebody else end a grant or an offer, or adopt a run, before the server has had it for `ttl`?

    That a run has begun or ended is what they say: without this they would adopt an intent, reap the run, and have the
    lock."""
    if old is None or new.op not in (Op.REAP, Op.PASS, Op.ADOPT):
        return False
    whose = old.queue[0].actor if old.state is State.OFFERED else old.actor
    owner = _email(_PERSON, whose)
    return (owner is None or owner not in pusher.emails) and stood_still < ttl


def author(record: Record) -> str | None:
    """The e-mail, as it stands there, of the one who says that they wrote the record; None where it cannot be told for
    certain."""
    match = _WRITER.fullmatch(record.by)
    return match[1] if match else None


def check_alone(new: Record) -> None:
    """The part of `check_author` that the record alone can show. Raises `Forbidden`."""
    email = _email(_WRITER, new.by)
    if (new.op in _BY_HOLDER or new.op in (Op.ARM, Op.HOLD)) and _email(_PERSON, new.actor) != email:
        raise Forbidden(f"{new.op.value} is for {new.actor} alone, and {email} signed it")


def _whose(old: Record | None, new: Record) -> tuple[str, ...]:
    """Who alone may make this transition; nobody in particular: anyone."""
    if new.op in _BY_ANYONE:
        return ()
    if new.op in (Op.ARM, Op.HOLD):
        return (new.actor, old.queue[0].actor) if old is not None and old.state is State.OFFERED else (new.actor,)
    if new.op is Op.ENQUEUE:
        return (new.queue[-1].actor,)
    if new.op is Op.LEAVE and old is not None:
        return tuple(ticket.actor for ticket in old.queue if ticket not in new.queue)
    if new.op is Op.RESET:
        return (new.actor,)
    return (old.actor if old is not None else new.actor,)


def _email(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.fullmatch(text)
    return match[1].lower() if match else None


def _command(old: Record | None, new: Record) -> Command:
    if new.op is Op.ARM:
        return Arm(
            new.kernel, new.lock_remote_id, new.actor, new.host, new.run_id, new.stamp, new.git_commit,
            new.src_digest, new.base_version, new.reason, new.alarms, new.kernel_id,
        )  # fmt: skip
    if new.op is Op.RESET:
        return Reset(
            new.kernel, new.lock_remote_id, new.actor, new.host, new.fence, new.last_done, new.reason, new.alarms,
            new.archive, new.kernel_id,
        )  # fmt: skip
    if new.op is Op.HOLD:
        return Hold(
            new.kernel, new.lock_remote_id, new.actor, new.host, new.run_id, new.stamp, new.base_version,
            new.reason, new.alarms, new.kernel_id,
        )  # fmt: skip
    if old is None:
        raise Illegal("a chain begins with somebody who takes the lock")
    grant = Grant(new.fence, new.stamp)
    if new.op in (Op.START, Op.ADOPT):
        if new.kaggle_version is None:
            raise Illegal("a run has a version")
        if new.op is Op.START:
            return Start(grant, new.kaggle_version, new.url, new.kernel_id)
        return Adopt(new.kaggle_version, new.url, new.reason, new.kernel_id)
    if new.op is Op.FINISH:
        if new.outcome is None:
            raise Illegal("a run that has ended has an outcome")
        return Finish(grant, new.last_done, new.outcome, _more(old, new))
    if new.op is Op.DISARM:
        return Disarm(grant, new.reason)
    if new.op is Op.RELEASE:
        return Release(grant, new.reason)
    return _by_others(old, new)


def _by_others(old: Record, new: Record) -> Command:
    if new.op is Op.COMPACT:
        return Compact(new.archive)
    if new.op is Op.REAP:
        return Reap(new.last_done, new.reason, new.outcome, _more(old, new))
    if new.op is Op.BREAK:
        return Break(new.fence, new.reason, new.last_done, _more(old, new))
    if new.op is Op.ENQUEUE:
        if not new.queue:
            raise Illegal("nobody began to wait")
        return Enqueue(new.kernel, new.queue[-1])
    if new.op in (Op.LEAVE, Op.PASS):
        gone = [ticket.nonce for ticket in old.queue if ticket not in new.queue]
        if len(gone) != 1:
            raise Illegal(f"{len(gone)} tickets went at once")
        return Leave(gone[0]) if new.op is Op.LEAVE else Pass(gone[0], new.reason)
    more = _more(old, new)
    if len(more) > 1:
        raise Illegal("more than one alarm at once")
    if not new.alarms:
        raise Illegal("an alarm without a text")
    text = more or unacknowledged(new.alarms) or new.alarms[-1:]
    return Alarm(text[0], new.outcome)


def _more(old: Record, new: Record) -> tuple[str, ...]:
    """The alarms that a record has beyond those of the one before it."""
    return new.alarms[len(old.alarms) :] if new.alarms[: len(old.alarms)] == old.alarms else new.alarms
