"""Records of one lock in each of its states, made by the production state machine, and every command on each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sahel_nb.lock import commands as c
from sahel_nb.lock.record import Outcome, Record, Ticket
from sahel_nb.lock.transition import Illegal, step
from support.locks import KERNEL

REMOTE = "example.org/team/nb"
AWA, BOB, LEAD = (f"{name} <{name.split()[0].lower()}@example.org>" for name in ("Awa Ŋdiaye", "Bob Ba", "Lead Ly"))
_AT = "2026-01-02T03:04:05Z"


def writer(who: str, nonce: str) -> c.Writer:
    return c.Writer(f"{who} on laptop", _AT, nonce)


def arm(who: str = AWA, stamp: str = "s1", kernel: str = KERNEL, remote: str = REMOTE) -> c.Arm:
    return c.Arm(kernel, remote, who, "laptop", "run", stamp, "c" * 40, "sha256:0", 0)


def ticket(who: str, nonce: str) -> Ticket:
    return Ticket("run", who, "desk", _AT, nonce)


def outcome(version: int) -> Outcome:
    return Outcome("run", version, "COMPLETE", "c" * 40, AWA, _AT, _AT, "sha256:0", "https://x")


def states(kernel: str = KERNEL) -> dict[str, Record]:
    """A tip in every state; grants are Awa's, and Bob waits where somebody does."""
    armed = step(None, arm(kernel=kernel), writer(AWA, "n1"))
    grant = c.Grant(armed.fence, armed.stamp)
    running = step(armed, c.Start(grant, 1, "https://x"), writer(AWA, "n2"))
    waited = step(armed, c.Enqueue(kernel, ticket(BOB, "t1")), writer(BOB, "n3"))
    free = step(armed, c.Disarm(grant, "no"), writer(AWA, "n4"))
    hold = c.Hold(kernel, REMOTE, AWA, "laptop", "by hand", "s2", 0, "repairs")
    return {
        "FREE": free,
        "ARMED": armed,
        "ARMED, Bob waits": waited,
        "RUNNING": running,
        "OFFERED": step(waited, c.Disarm(grant, "no"), writer(AWA, "n5")),
        "HELD": step(free, hold, writer(AWA, "n6")),
    }


def on(tip: Record, who: str = AWA) -> dict[str, c.Command]:
    """Every command as the holder of `tip` would give it, or whoever it is for."""
    grant, version = c.Grant(tip.fence, tip.stamp), tip.kaggle_version or 1
    return {
        "arm": arm(who, "s9", tip.kernel),
        "accept": arm(BOB, "t1", tip.kernel),
        "hold": c.Hold(tip.kernel, REMOTE, who, "laptop", "by hand", "s8", 0, "repairs"),
        "start": c.Start(grant, version, "https://x"),
        "adopt": c.Adopt(version, "https://x", "found"),
        "finish": c.Finish(grant, version, outcome(version)),
        "disarm": c.Disarm(grant, "no"),
        "release": c.Release(grant, "done"),
        "reap": c.Reap(version, "gone"),
        "break": c.Break(tip.fence, "stuck", version),
        "enqueue": c.Enqueue(tip.kernel, ticket(who, "t9")),
        "leave": c.Leave("t1"),
        "pass": c.Pass("t1", "nobody there"),
        "alarm": c.Alarm("v3 was pushed outside the lock"),
        "compact": c.Compact("a" * 40),
    }


def legal(who: str = AWA) -> Iterator[tuple[str, str, Record, Record]]:
    """(state, command, tip, what follows) for everything that the state machine allows."""
    for state, tip in states().items():
        for name, command in on(tip, who).items():
            by = BOB if name in ("accept", "leave") else who
            try:
                yield state, name, tip, step(tip, command, writer(by, f"{state} {name}"))
            except Illegal:
                continue


def forged() -> Iterator[tuple[str, str, Record, Record]]:
    """(state, command, tip, what cannot follow): what each command makes of the state that it is for, on all others."""
    made = {(state, name): (tip, after) for state, name, tip, after in legal()}
    firsts = {name: after for (_, name), (_, after) in reversed(made.items())}
    for state, tip in states().items():
        for name, after in firsts.items():
            if (state, name) not in made:
                yield state, name, tip, replace(after, nonce=f"forged {state} {name}", fence=tip.fence, stamp=tip.stamp)
