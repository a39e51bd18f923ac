"""How long to wait before asking again: longer each time, never all at once, and as long as the service asks for.

Only for what may be done twice: reading, and giving a lock back. A push is never repeated, see `run.start`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TypeVar

from sahel_nb.errors import NetworkError

FIRST = 0.25
LONGEST = 5.0
MOST_ASKED = 60.0
"""Seconds of `Retry-After` that are waited for in silence; who asks for more is told of as a failure."""
ATTEMPTS = 4

Answer = TypeVar("Answer")


class Busy(NetworkError):
    """The service answered 429 or 5xx. `after`: the seconds that it asks for, 0 where it asks for none."""

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


def pause(
    failures: int, asked: float = 0.0, *, longest: float = LONGEST, chance: Callable[[], float] = random.random
) -> float:
    """Seconds before the next attempt, after `failures` in a row: at least what was asked for.

    Half of it is chance: a whole team that was cut off in one moment must not come back in one moment.
    """
    whole = min(FIRST * 2.0 ** min(failures - 1, 16), longest)
    return max(asked, 0.0) + whole * (0.5 + 0.5 * chance())


def asked(header: str | None, now: Callable[[], float] = time.time) -> float:
    """`Retry-After` as seconds from now: a number of them or an HTTP date (RFC 9110, 10.2.3); 0 for anything else."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now())
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0


def again(
    call: Callable[[], Answer],
    *,
    attempts: int = ATTEMPTS,
    most: float = MOST_ASKED,
    sleep: Callable[[float], object] = time.sleep,
) -> Answer:
    """`call`, and again where it raises `NetworkError`, `attempts` times in all; the last failure is raised.

    One that asks to wait longer than `most` seconds is the last.
    """
    failures = 0
    while True:
        try:
            return call()
        except NetworkError as exc:
            failures += 1
            wanted = wish(exc)
            if failures >= attempts or wanted > most:
                raise
            sleep(pause(failures, wanted))


def wish(exc: BaseException | None) -> float:
    """What a failure asks to wait, in seconds."""
    return exc.after if isinstance(exc, Busy) else 0.0
