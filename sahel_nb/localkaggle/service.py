"""Everything that an answer may need, held together for the life of the process."""

from __future__ import annotations

from dataclasses import dataclass, field

from sahel_nb.localkaggle.faults import Faults
from sahel_nb.localkaggle.folder import DataFolder
from sahel_nb.localkaggle.limits import Limits
from sahel_nb.localkaggle.scheduler import Scheduler
from sahel_nb.localkaggle.store.database import Database


@dataclass(frozen=True)
class Options:
    limits: Limits = field(default_factory=Limits)
    signup: bool = False
    """Register unknown accounts with the key that they first come with; from loopback only."""
    admin: bool = False
    admin_token: str = ""
    allow_remote: bool = False


@dataclass(frozen=True)
class Service:
    folder: DataFolder
    db: Database
    scheduler: Scheduler
    options: Options
    secret: bytes
    url: str
    """Where people's browsers and other programs find the service, whatever a client's proxy called it."""
    faults: Faults = field(default_factory=Faults)
