"""Everything that an answer may need, held together for the life of the process."""

from __future__ import annotations

from dataclasses import dataclass, field

from sahel_nb.localkaggle.faults import Faults
from sahel_nb.localkaggle.folder import DataFolder
from sahel_nb.localkaggle.limits import Limits
from sahel_nb.localkaggle.run_tokens import RunTokens
from sahel_nb.localkaggle.scheduler import Scheduler
from sahel_nb.localkaggle.store.database import Database


@dataclass(frozen=True)
class Options:
    limits: Limits = field(default_factory=Limits)
    only_own_key: bool = False
    """Answer nobody but who has the key of the data folder: other keys and tokens, and callers without, get 401."""
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
    key: str
    """The data folder's own key: its holder may be any account, and is who runs the service."""
    url: str
    """Where people's browsers and other programs find the service, whatever a client's proxy called it."""
    run_tokens: RunTokens = field(default_factory=RunTokens)
    faults: Faults = field(default_factory=Faults)
