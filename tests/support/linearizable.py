"""Is a recorded history of a compare-and-swap register linearizable, with its chain as the witness order? Pure.

Everything was asked at one moment and answered at a later one, or never. The history is linearizable if each thing can
be given one moment between the two at which it happened, so that the chain is what comes out. The chain fixes the order
of the writes; what is left is an earliest and a latest moment for each of them, and every read narrows those two:
a write comes after everything that was answered without it had been asked, and before any answer that knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

BEFORE_ALL = ""
"""The value of a register that was never written."""


@dataclass(frozen=True)
class Read:
    who: str
    asked: float
    answered: float
    value: str


@dataclass(frozen=True)
class Swap:
    """From `old` to `new`. `answer` is `won`, `lost`, `busy` (nothing was looked at), or empty: nobody knows."""

    who: str
    asked: float
    answered: float
    old: str
    new: str
    answer: str = ""


def unacknowledged(chain: Sequence[str], history: Iterable[Read | Swap]) -> list[str]:
    """Transitions that somebody was told of, and that are not on the chain."""
    there = set(chain)
    return sorted({op.new for op in history if isinstance(op, Swap) and op.answer == "won"} - there)


def why_not(chain: Sequence[str], history: Iterable[Read | Swap]) -> list[str]:
    """What keeps the history from being linearizable; empty where nothing does. Values are unique."""
    history = list(history)
    order = {value: number for number, value in enumerate((BEFORE_ALL, *chain))}
    if len(order) != len(chain) + 1:
        return ["a value is on the chain twice"]
    never, last = float("inf"), len(chain)
    asked = [-never, *[never] * last, never]
    """The earliest moment of each write; after the last comes one that is still to be made."""
    known = [-never, *[never] * last, never]
    """The latest."""
    found = [f"{op.who} was told of {op.new}, which is not on the chain" for op in history if _is_lost(op, order)]
    for op in history:
        if isinstance(op, Swap) and op.new in order and op.answer != "busy":
            at = order[op.new]
            asked[at] = min(asked[at], op.asked)
            if op.answer == "won":
                known[at] = min(known[at], op.answered)
            if order.get(op.old) != at - 1:
                found.append(f"{op.who} swapped {op.new} for {op.old or 'nothing'}, and it follows on something else")
    found += [f"nobody asked for {value}" for value in chain if asked[order[value]] == never]
    for op in history:
        if isinstance(op, Read):
            if op.value not in order:
                found.append(f"{op.who} read {op.value}, which was never there")
                continue
            at = order[op.value]
            known[at] = min(known[at], op.answered) if at else known[at]
            if at < last:
                asked[at + 1] = max(asked[at + 1], op.asked)
    earliest = list(accumulate(asked, max))
    latest = list(accumulate(reversed(known), min))[::-1]
    latest[0] = -never
    for number, value in enumerate(chain, 1):
        if earliest[number] > latest[number]:
            found.append(f"{value} was there by {latest[number]:.6f}, and could not be before {earliest[number]:.6f}")
    for op in history:
        # Each for itself: lost, though nothing but `old` can have been there from asking to answer.
        if isinstance(op, Swap) and op.answer == "lost" and op.old in order:
            at = order[op.old]
            if latest[at] < op.asked and earliest[at + 1] > op.answered:
                found.append(f"{op.who} lost against {op.old or 'nothing'}, which was what they said")
    return found


def _is_lost(op: Read | Swap, order: dict[str, int]) -> bool:
    return isinstance(op, Swap) and op.answer == "won" and op.new not in order
