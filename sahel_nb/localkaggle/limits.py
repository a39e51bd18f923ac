"""Kaggle's limits, and how many sessions and hours an account has here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from sqlite3 import Connection

from sahel_nb.localkaggle.model import Accelerator
from sahel_nb.localkaggle.store import sessions

HOUR = 3600.0
SOURCE_BYTES = 1 << 20
MIN_TITLE = 5
MAX_TITLE = 50
_SESSION_HOURS = {Accelerator.CPU: 12, Accelerator.GPU: 12, Accelerator.TPU: 9}

# Retired machines that the live service silently replaces.
_SUBSTITUTES = {"nvidiateslap100": "NvidiaTeslaT4", "tpuv38": "TpuV5E8", "tpu1vmv38": "TpuV5E8"}


@dataclass(frozen=True)
class Limits:
    """Sessions at once and hours a week, for each account."""

    cpu_sessions: int = 5
    gpu_sessions: int = 2
    gpu_hours: float = 30.0
    tpu_sessions: int = 1
    tpu_hours: float = 20.0

    def sessions(self, accelerator: Accelerator) -> int:
        if accelerator is Accelerator.GPU:
            return self.gpu_sessions
        return self.tpu_sessions if accelerator is Accelerator.TPU else self.cpu_sessions

    def hours(self, accelerator: Accelerator) -> float | None:
        """None: not limited."""
        if accelerator is Accelerator.GPU:
            return self.gpu_hours
        return self.tpu_hours if accelerator is Accelerator.TPU else None


def refusal(tx: Connection, limits: Limits, account: str, accelerator: Accelerator, now: float) -> str:
    """Why another session may not begin, in the live service's words; empty where it may.

    On Kaggle this stands in `error` of a 200, and no version is made.
    """
    most = limits.sessions(accelerator)
    if sessions.count_active(tx, account, accelerator) >= most:
        return f"Maximum batch {accelerator.value} session count of {most} reached."
    hours = limits.hours(accelerator)
    if hours is not None and sessions.used_seconds(tx, account, accelerator, week(now)[0], now) >= hours * HOUR:
        return f"Maximum weekly {accelerator.value} quota of {hours:.2f} hours reached."
    return ""


def time_limit(accelerator: Accelerator, asked: int) -> float:
    """Seconds that a session may take: what was asked for, never more than Kaggle allows."""
    most = _SESSION_HOURS[accelerator] * HOUR
    return min(float(asked), most) if asked > 0 else most


def machine(shape: str) -> str:
    return _SUBSTITUTES.get(shape.lower(), shape)


def week(now: float) -> tuple[float, float]:
    """Beginning and end of the quota's week: Saturday 00:00 UTC."""
    today = datetime.fromtimestamp(now, tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=(today.weekday() - 5) % 7)
    return start.timestamp(), (start + timedelta(days=7)).timestamp()
