"""Which request meets which fault.

The n-th request of a name has its own draw from the seed, so that a run meets the same weather whatever order its
threads ask in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from random import Random

PUSH = "SaveKernel"
PUSH_IN_TROUBLE = 0.6
"""How often the one request that must not be made twice meets something."""
SEVERITIES = (0.05, 0.1, 0.2, 0.35, 0.7)
"""From a line that stumbles to one over which little is ever whole: there outputs are missed, with exit code 10."""


class Fault(Enum):
    RESET = "connection reset before the request"
    REFUSED = "500, 502 or 503 with a page, not forwarded"
    CUT_THERE = "request cut at a byte"
    CUT_BACK = "answer cut at a byte"
    LOST = "answer lost after the request was served"
    LATE = "connection cut, and the request served seconds later"
    DELAYED = "held up, there and back"
    SILENT = "no answer and no end"
    TWICE = "GET delivered twice"
    ECHOED = "answer delivered twice"


_USUAL = {
    Fault.RESET: 2.0,
    Fault.REFUSED: 4.0,
    Fault.CUT_THERE: 2.0,
    Fault.CUT_BACK: 6.0,
    Fault.LOST: 2.0,
    Fault.LATE: 1.0,
    Fault.DELAYED: 4.0,
    Fault.SILENT: 0.03,
    Fault.TWICE: 2.0,
    Fault.ECHOED: 2.0,
}
_OF_A_PUSH = {
    Fault.RESET: 0.7,
    Fault.REFUSED: 1.5,
    Fault.CUT_THERE: 1.5,
    Fault.CUT_BACK: 3.0,
    Fault.LOST: 3.0,
    Fault.LATE: 3.0,
    Fault.DELAYED: 1.0,
    Fault.SILENT: 0.2,
    Fault.ECHOED: 1.0,
}


@dataclass(frozen=True)
class Gust:
    """What one request meets, and the chance that decides where and for how long."""

    fault: Fault
    chance: Random


@dataclass
class Weather:
    """Of one run. `met` counts what struck, which a cut beyond an answer's end does not."""

    seed: str
    severity: float
    met: Counter[Fault] = field(default_factory=Counter)
    _asked: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of_run(cls, seed: str) -> Weather:
        return cls(seed, Random(f"{seed} severity").choice(SEVERITIES))

    @classmethod
    def calm(cls) -> Weather:
        return cls("", 0.0)

    def meets(self, verb: str, path: str) -> Gust | None:
        """What the next request of this verb and path meets."""
        name = path.partition("?")[0].rpartition("/")[2]
        self._asked[f"{verb} {name}"] += 1
        if not self.severity:
            return None
        chance = Random(f"{self.seed} {verb} {name} {self._asked[f'{verb} {name}']}")
        push = name == PUSH
        if chance.random() >= (PUSH_IN_TROUBLE if push else self.severity):
            return None
        kinds = dict(_OF_A_PUSH if push else _USUAL)
        if verb != "GET":
            kinds.pop(Fault.TWICE, None)
        if "/stream/" in path:
            kinds.pop(Fault.ECHOED, None)  # it would come whole, and only when it is over
        return Gust(chance.choices(list(kinds), list(kinds.values()))[0], chance)
