"""Which faults are armed: each strikes some requests of one kernel, a number of times, and then lets them be.

Nothing is armed unless the admin asks for it (`api.admin`); what a fault does is `tricks`' business. Faults live as
long as the process: a service that starts again behaves.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Fault:
    """`kernel` is `owner/slug`, empty for all. `times`: 0 for as long as it is armed. `seconds`: how long it takes."""

    name: str
    kernel: str = ""
    times: int = 1
    seconds: float = 0.0


@dataclass(frozen=True)
class Armed:
    fault: Fault
    struck: int = 0

    @property
    def over(self) -> bool:
        return 0 < self.fault.times <= self.struck


class Faults:
    """What is armed; every request asks, from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Armed] = []

    def arm(self, fault: Fault) -> None:
        """Arm a fault; one of the same name for the same kernel begins anew."""
        with self._lock:
            self._armed = [a for a in self._armed if (a.fault.name, a.fault.kernel) != (fault.name, fault.kernel)]
            self._armed.append(Armed(fault))

    def disarm(self, kernel: str = "") -> tuple[Armed, ...]:
        """Take away what is armed for a kernel, or everything; what it was, and how often it struck."""
        with self._lock:
            gone = tuple(a for a in self._armed if not kernel or a.fault.kernel == kernel)
            self._armed = [a for a in self._armed if a not in gone]
        return gone

    def armed(self) -> tuple[Armed, ...]:
        with self._lock:
            return tuple(self._armed)

    def strike(self, names: frozenset[str], kernel: str) -> tuple[Fault, ...]:
        """The armed faults of these names that concern a request about `kernel` (empty: about none); counted."""
        struck = []
        with self._lock:
            for index, armed in enumerate(self._armed):
                fault = armed.fault
                if fault.name not in names or armed.over:
                    continue
                if fault.kernel and kernel and fault.kernel != kernel:
                    continue
                self._armed[index] = replace(armed, struck=armed.struck + 1)
                struck.append(fault)
        return tuple(struck)
