"""What Kaggle says about the versions that a lock has to answer for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sahel_nb.errors import SahelError
from sahel_nb.lock.alarms import DELETED, current
from sahel_nb.lock.clock import Clock
from sahel_nb.lock.expiry import READS
from sahel_nb.lock.kaggle_view import KaggleView, Phase
from sahel_nb.lock.record import Record
from sahel_nb.lock.transition import anew

LOOKBACK = 50
"""Versions looked at where the chain cannot say how far everything has ended; older ones are taken to have ended, since
a session lives twelve hours at most."""
ATTRIBUTED = 5
"""Versions, the newest ones, of which is found out whose they are; each costs reading its source."""
SAVED_TTL = 60.0
"""Seconds for which a version must be seen to be saved, and not run, before it counts as one that will not begin."""


@dataclass(frozen=True)
class Sight:
    """A kernel as Kaggle has it now, held against what a record says of it."""

    newest: int
    kernel_id: int
    done: int
    """Every version up to this one is known to have ended."""
    other: str = ""
    """How it is not the kernel that the record speaks of, which was deleted: an alarm. Empty where it is."""
    hidden: bool = False
    """These credentials see no such kernel, and it cannot be said that there is none."""


class Survey:
    """Questions to Kaggle, each about *every* version since the last known end: the newest one's state hides others.

    `history` gives the records of the chain, newest first, to find out whose run a version is.
    """

    def __init__(self, kaggle: KaggleView, clock: Clock, history: Callable[[], Sequence[Record]]) -> None:
        self._kaggle = kaggle
        self._clock = clock
        self._history = history
        self._saved: dict[int, tuple[float, int]] = {}

    def look(self, record: Record | None) -> Sight:
        """One question. A RUNNING record's own version exists, however late Kaggle shows it."""
        now = self._kaggle.newest()
        if record is None:
            return Sight(now.version, now.id, 0)
        known = max(record.last_done, record.kaggle_version or 0) if record.is_held else record.last_done
        if now.version == 0 and known and not self._kaggle.gone():
            return Sight(known, 0, record.last_done, hidden=True)
        if record.kernel_id and now.id and now.id != record.kernel_id:
            return Sight(now.version, now.id, 0, anew(record.kernel_id, now.id))
        if now.version == 0 and known:
            return Sight(0, 0, 0, f"{DELETED}: v{known} was known, and it is there no more")
        same = record.kernel_id and now.id
        if now.version < record.last_done and not same:
            gone = f"{DELETED}: v{known} was known, and v{now.version} is the newest"
            return Sight(now.version, now.id, 0, gone)
        return Sight(max(now.version, known), now.id, record.last_done)

    def busy(self, sight: Sight) -> tuple[int, ...]:
        """The versions since the last known end that are not known to have ended."""
        return tuple(v for v in _span(sight) if not self.ended(v))

    def busy_beside(self, record: Record, sight: Sight) -> tuple[int, ...]:
        """The same for a RUNNING lock, its own version left out. Of another kernel the next grant has to answer."""
        if sight.other:
            return ()
        return tuple(v for v in _span(sight) if v != record.kaggle_version and not self.ended(v))

    def phase(self, version: int) -> Phase:
        return self._kaggle.phase(version)

    def ended(self, version: int) -> bool:
        """Whether nothing of this version runs, or will."""
        phase = self._kaggle.phase(version)
        if phase is not Phase.SAVED:
            self._saved.pop(version, None)
            return phase.ended
        now = self._clock.boottime()
        since, looks = self._saved.get(version, (now, 0))
        self._saved[version] = since, looks + 1
        return looks + 1 >= READS and now - since >= SAVED_TTL

    def find(self, record: Record, sight: Sight) -> int | None:
        """The version that carries the grant's stamp."""
        for version in range(1 if sight.other else record.base_version + 1, sight.newest + 1):
            if self._kaggle.stamp(version) == record.stamp:
                return version
        return None

    def outsiders(self, record: Record, sight: Sight) -> tuple[str, ...]:
        """Alarms for what was pushed beside the run that the lock was held for, as far as not on record yet."""
        if sight.other:
            return (sight.other,)
        others = [v for v in range(record.last_done + 1, sight.newest + 1) if v != record.kaggle_version]
        return tuple(text for text in self._told(others) if text not in current(record.alarms))

    def before(self, sight: Sight) -> tuple[str, ...]:
        """Alarms for what was pushed since the lock was free."""
        alarms = (sight.other,) if sight.other else ()
        return (*alarms, *self._told(range(sight.done + 1, sight.newest + 1), together=True))

    def _told(self, versions: Iterable[int], *, together: bool = False) -> tuple[str, ...]:
        """Whose each of them is, where the chain knows it."""
        numbers = tuple(versions)
        whose = {v: text for v in numbers[-ATTRIBUTED:] if (text := self._whose(v))}
        if together and numbers and not whose:
            return (outside(numbers[0], numbers[-1]),)
        return tuple(whose.get(v) or outside(v) for v in numbers)

    def _whose(self, version: int) -> str:
        with contextlib.suppress(SahelError):  # then it is told as what nobody here knows more of
            stamp = self._kaggle.stamp(version)
            grant = [known for known in self._history() if known.stamp == stamp] if stamp else []
            if stamp and not grant:
                return f"v{version} was pushed by sahel-nb, under a lock that this chain does not know"
            # An edit in the web page takes the stamp of the run along: whose version is known has no second one.
            if grant and not any(known.kaggle_version for known in grant):
                whose = f"the run of {grant[0].actor} on {grant[0].host} under fence {grant[0].fence}"
                return f"v{version} is {whose}, which had ended"
        return ""


def outside(first: int, last: int | None = None) -> str:
    names = f"v{first}" if last is None or last == first else f"v{first} to v{last}"
    return f"{names} was pushed outside the lock"


def _span(sight: Sight) -> range:
    return range(max(sight.done, sight.newest - LOOKBACK) + 1, sight.newest + 1)
