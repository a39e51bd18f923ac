"""What may be asked of a lock: the inputs of `transition.step`. Values only; what is legal is decided there."""

from __future__ import annotations

from dataclasses import dataclass

from sahel_nb.lock.record import Outcome, Ticket


@dataclass(frozen=True)
class Writer:
    """Who writes a record, when by their own clock, and the nonce that makes it unique."""

    by: str
    at: str
    nonce: str


@dataclass(frozen=True)
class Grant:
    """What its holder knows of a grant."""

    fence: int
    stamp: str


@dataclass(frozen=True)
class Arm:
    """The written intent to push. `base_version` and everything before it has ended on Kaggle.

    Where the lock is offered, this accepts the offer: `stamp` must then be the nonce of the ticket it is offered to.
    """

    kernel: str
    lock_remote_id: str
    actor: str
    host: str
    run_id: str
    stamp: str
    git_commit: str
    src_digest: str
    base_version: int
    reason: str = ""
    alarms: tuple[str, ...] = ()
    kernel_id: int = 0


@dataclass(frozen=True)
class Hold:
    """The lock is taken by hand, for maintenance: nothing will be pushed under it. Accepts an offer as `Arm` does."""

    kernel: str
    lock_remote_id: str
    actor: str
    host: str
    run_id: str
    stamp: str
    base_version: int
    reason: str
    alarms: tuple[str, ...] = ()
    kernel_id: int = 0


@dataclass(frozen=True)
class Start:
    """The holder has pushed; Kaggle called it `version`, of the kernel `kernel_id` (0: it did not say)."""

    grant: Grant
    version: int
    url: str
    kernel_id: int = 0


@dataclass(frozen=True)
class Adopt:
    """Anyone has found the grant's stamp in `version`, of the kernel `kernel_id`."""

    version: int
    url: str
    reason: str
    kernel_id: int = 0


@dataclass(frozen=True)
class Finish:
    """The holder's run has ended, and so has every version up to `last_done`."""

    grant: Grant
    last_done: int
    outcome: Outcome
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Disarm:
    """The holder gives up before anything was pushed."""

    grant: Grant
    reason: str


@dataclass(frozen=True)
class Release:
    """What was taken by hand is given back."""

    grant: Grant
    reason: str


@dataclass(frozen=True)
class Reap:
    """Anyone ends a grant whose holder is gone. `reason` says what was seen on Kaggle."""

    last_done: int
    reason: str
    outcome: Outcome | None = None
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Break:
    """Somebody ends a grant by decision. `fence` proves that they looked; `reason` stays on the chain for ever."""

    fence: int
    reason: str
    last_done: int
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Enqueue:
    """Somebody waits, behind everybody who does already. A lock that is free is offered to them at once."""

    kernel: str
    ticket: Ticket


@dataclass(frozen=True)
class Leave:
    """Whoever waited with the ticket `nonce` waits no more."""

    nonce: str


@dataclass(frozen=True)
class Pass:
    """Anyone has seen that the one to whom the lock is offered, with the ticket `nonce`, does not take it."""

    nonce: str
    reason: str


@dataclass(frozen=True)
class Alarm:
    """Something happened that the lock could not prevent. An outcome that is known already is kept with it."""

    text: str
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Compact:
    """The chain begins anew, with what the record `archive` says: the one that it ended with, and which is archived."""

    archive: str


@dataclass(frozen=True)
class Reset:
    """A lead goes on from whatever the lock's ref points to. `fence`, `last_done`, `archive` and `kernel_id` are those
    of the newest record below that is to be believed; `alarms` name what was there."""

    kernel: str
    lock_remote_id: str
    actor: str
    host: str
    fence: int
    last_done: int
    reason: str
    alarms: tuple[str, ...]
    archive: str = ""
    kernel_id: int = 0


Command = (
    Arm
    | Hold
    | Start
    | Adopt
    | Finish
    | Disarm
    | Release
    | Reap
    | Break
    | Enqueue
    | Leave
    | Pass
    | Alarm
    | Compact
    | Reset
)
