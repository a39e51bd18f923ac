"""The alarms on a record: which of them nobody has looked into yet, and what goes along into the next grant.

An acknowledgement is a line among them, written by `alarm` like any other: what stands before it has been looked into.
So whoever has an older sahel-nb reads it, too. A new grant begins with what nobody has acknowledged.
"""

from __future__ import annotations

ACKNOWLEDGED = "acknowledged by "
DELETED = "the kernel was deleted on Kaggle"
"""How every alarm begins which says that versions count from 1 again."""
MOST = 50
"""Alarms that go along into a new grant; a line tells of the older ones, which stay on the chain."""


def reset_alarm(by: str, reason: str, there: str) -> str:
    """What everybody should know of a reset."""
    return f"reset by {by}: {reason}; what was there: {there}"


def is_reset(text: str) -> bool:
    return text.startswith("reset by ")


def acknowledgement(by: str, at: str, reason: str) -> str:
    """The line that says so."""
    return f"{ACKNOWLEDGED}{by} at {at}: {reason}"


def unacknowledged(alarms: tuple[str, ...]) -> tuple[str, ...]:
    """Those after the last acknowledgement."""
    last = max((n for n, text in enumerate(alarms, 1) if text.startswith(ACKNOWLEDGED)), default=0)
    return alarms[last:]


def added(alarms: tuple[str, ...], *more: str) -> tuple[str, ...]:
    """`alarms` and then `more`, of which nothing is said again as long as it is `current`."""
    for text in more:
        if text not in current(alarms):
            alarms = (*alarms, text)
    return alarms


def current(alarms: tuple[str, ...]) -> tuple[str, ...]:
    """What nobody has acknowledged, of the kernel that is there now: v1 of one that was deleted is another v1."""
    still = unacknowledged(alarms)
    last = max((n for n, text in enumerate(still) if text.startswith(DELETED)), default=0)
    return still[last:]


def carried(alarms: tuple[str, ...]) -> tuple[str, ...]:
    """What a new grant begins with."""
    still = unacknowledged(alarms)
    if len(still) <= MOST:
        return still
    return (f"{len(still) - MOST + 1} earlier alarms are further back on the chain", *still[1 - MOST :])
