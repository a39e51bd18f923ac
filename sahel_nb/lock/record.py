"""What one commit of a lock's chain says.

The message of each commit is one JSON object, UTF-8, indented for people who read it with `git cat-file`:

    {"v": 2, "kernel": "awa/fula-lid", "lock_remote_id": "example.org/team/nb", "op": "start", "state": "RUNNING",
     "fence": 7, "actor": "Awa Diop <awa@example.org>", "host": "laptop", "by": "Awa Diop <awa@example.org> on laptop",
     "nonce": "5f…", "hb": 0, "since": "2026-01-02T03:04:05Z", "at": "2026-01-02T03:04:09Z", "base_version": 11,
     "run_id": "20260102T030404Z-9f3a", "stamp": "c0ffee…", "src_digest": "sha256:…", "git_commit": "…",
     "kaggle_version": 12, "url": "https://…", "last_done": 11, "queue": [], "reason": "", "alarms": [],
     "outcome": null}

A ticket in the queue is {"id": "20260102T040506Z-11aa", "actor": "Bob <bob@example.org>", "host": "desk",
"since": "2026-01-02T04:05:06Z", "nonce": "b0b…"}. Format 1 knew no tickets, no OFFERED and no HELD; it is still read.
Format 3 is format 2 with an "archive", and is only written where a chain was compacted: until then, whoever has not
upgraded yet reads everything. For their sake, too, Kaggle's id of the kernel is written behind the nonce, "5f…@98765":
an earlier version takes both for a nonce, and goes on. Without it the id is not known.
Reading is strict: a record that is not understood in full is not acted upon.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

from sahel_nb.distribution import upgrade_command
from sahel_nb.errors import Refused

FORMAT = 3
_WITHOUT_ARCHIVE = 2
_MAX_BYTES = 256 * 1024
_OID = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_WITH_KERNEL_ID = re.compile("(.*)@([1-9][0-9]{0,15})")


class State(Enum):
    FREE = "FREE"
    ARMED = "ARMED"
    """Someone is about to push to Kaggle: the intent is written, the version is not known yet."""
    RUNNING = "RUNNING"
    """Version `kaggle_version` runs, or ran and nobody has recorded its end."""
    OFFERED = "OFFERED"
    """Nobody holds it, and it is the turn of the first in the queue."""
    HELD = "HELD"
    """Taken by hand, for maintenance: until it is given back, or broken."""


class Op(Enum):
    """The transition that made a record."""

    ARM = "arm"
    START = "start"
    FINISH = "finish"
    DISARM = "disarm"
    REAP = "reap"
    ADOPT = "adopt"
    ALARM = "alarm"
    HOLD = "hold"
    RELEASE = "release"
    BREAK = "break"
    ENQUEUE = "enqueue"
    LEAVE = "leave"
    PASS = "pass"  # noqa: S105  an offer that nobody took goes on to the next
    COMPACT = "compact"
    """A chain begins anew with what the old one ended with; the old one is archived."""
    RESET = "reset"
    """A lead goes on from what could not be gone on from: unreadable, illegal, or not believed."""


class CorruptRecord(Refused):
    """The remote holds something in the lock's place that this version cannot understand."""

    def __init__(self, message: str, *, hints: tuple[str, ...] = ("sahel-nb lock doctor",)) -> None:
        super().__init__(message, hints=hints)


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `status` is Kaggle's word; times are ISO, UTC; `outputs_digest` covers everything fetched."""

    run_id: str
    version: int
    status: str
    commit: str
    actor: str
    started: str
    ended: str
    outputs_digest: str
    url: str


@dataclass(frozen=True)
class Ticket:
    """Somebody's place in the queue. `id` names the run they wait with; `nonce` will be the stamp of its grant."""

    id: str
    actor: str
    host: str
    since: str
    nonce: str


@dataclass(frozen=True)
class Record:
    """One state of one lock. `since` and `at` are for showing: no decision rests on anybody's wall clock."""

    kernel: str
    lock_remote_id: str
    op: Op
    state: State
    fence: int
    """Counts grants: +1 with each ARMED. Whoever holds a smaller one has been overtaken."""
    actor: str
    """Who holds the lock; on a FREE record, who held it last."""
    host: str
    by: str
    """Who wrote this record: another person's name after a reap or an adoption."""
    nonce: str
    """Makes every record, and so every commit, unique: a push of it that is repeated is recognised."""
    hb: int
    """Moves with every offer: `(fence, hb)` must stand still for an ARMED or OFFERED lock to expire. The tip's hash
    does not serve for that: whoever begins to wait moves it."""
    since: str
    """When the grant began; on a FREE or OFFERED record, when it became that."""
    at: str
    base_version: int
    """Kaggle's newest version when the lock was armed: the run must become the next one."""
    run_id: str
    stamp: str
    """Written into the pushed source: whoever finds it there knows whose run it is."""
    src_digest: str
    git_commit: str
    kaggle_version: int | None
    url: str
    last_done: int
    """Every version up to this one is known to have ended."""
    queue: tuple[Ticket, ...]
    """Who waits, in the order in which they came. An OFFERED lock is offered to the first."""
    reason: str
    alarms: tuple[str, ...]
    outcome: Outcome | None
    archive: str = ""
    """The id of the newest record of the chain before this one; empty where this chain is the lock's first."""
    kernel_id: int = 0
    """Kaggle's own id of the kernel whose versions are counted here; 0 where it is not known. A kernel that was deleted
    and made anew has another, and counts from 1 again."""
    v: int = FORMAT

    @property
    def observed(self) -> tuple[int, int]:
        """What must stand still for the TTL before an ARMED or OFFERED lock has expired."""
        return self.fence, self.hb

    @property
    def is_held(self) -> bool:
        """Somebody has it: ARMED, RUNNING or HELD."""
        return self.state not in (State.FREE, State.OFFERED)

    def offered_to(self, nonce: str) -> bool:
        return self.state is State.OFFERED and self.queue[0].nonce == nonce

    def place(self, nonce: str) -> int | None:
        """How many wait before the ticket `nonce`; None where it is not in the queue."""
        return next((i for i, ticket in enumerate(self.queue) if ticket.nonce == nonce), None)

    def same_grant(self, other: Record) -> bool:
        return self.fence == other.fence and self.stamp == other.stamp

    def to_json(self) -> bytes:
        """The commit message: one object, keys sorted, UTF-8, one final line end."""
        document = asdict(self)
        document["op"], document["state"] = self.op.value, self.state.value
        if kernel_id := document.pop("kernel_id"):
            document["nonce"] += f"@{kernel_id}"
        if not self.archive:
            del document["archive"]
            document["v"] = _WITHOUT_ARCHIVE
        text = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True)
        return text.encode("utf-8") + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Record:
        """Raises `CorruptRecord`; a record of a later format says that sahel-nb must be upgraded."""
        document = _document(data)
        if isinstance(document.get("v"), int) and document["v"] > FORMAT:
            raise CorruptRecord(
                f"the lock was written by a newer sahel-nb (record format {document['v']}, ours is {FORMAT})",
                hints=(upgrade_command(),),
            )
        if type(document.get("v")) is int and document["v"] == 1 and document.get("queue") == []:
            document = {**document, "v": _WITHOUT_ARCHIVE}
        if type(document.get("v")) is int and document["v"] == _WITHOUT_ARCHIVE and "archive" not in document:
            document = {**document, "v": FORMAT, "archive": ""}
        elif not document.get("archive"):
            raise CorruptRecord("the lock's record has missing or unknown fields: archive")
        if "kernel_id" in document:
            raise CorruptRecord("the lock's record has missing or unknown fields: kernel_id")
        document = {**document, **_nonce_and_kernel_id(document.get("nonce"))}
        queue = document.get("queue")
        if isinstance(queue, list):
            document = {**document, "queue": tuple(_build(Ticket, ticket, "queue") for ticket in queue)}
        if document.get("outcome") is not None:
            document = {**document, "outcome": _build(Outcome, document["outcome"], "outcome")}
        record: Record = _build(cls, document, "record")
        _check(record)
        return record


def clean(text: str) -> str:
    """`text` as a record may carry it: what a terminal would obey, and half characters, become spaces."""
    return "".join(c if c.isprintable() else " " for c in text)


def _nonce_and_kernel_id(nonce: Any) -> dict[str, Any]:
    match = _WITH_KERNEL_ID.fullmatch(nonce) if isinstance(nonce, str) else None
    if match is None:
        return {"kernel_id": 0} if nonce is None else {"nonce": nonce, "kernel_id": 0}
    return {"nonce": match[1], "kernel_id": int(match[2])}


def _document(data: bytes) -> dict[str, Any]:
    if len(data) > _MAX_BYTES:
        raise CorruptRecord(f"the lock's record is {len(data)} bytes long")
    if not data:
        raise CorruptRecord("the lock's record is empty, or far longer than a record is")
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise CorruptRecord(f"the lock's record is not JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise CorruptRecord("the lock's record is not an object")
    return document


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is there twice")
    return document


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_KINDS = {"str": str, "int": int}


def _build(kind: Any, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise CorruptRecord(f"the lock's {where} is not an object")
    names = {field.name: str(field.type) for field in fields(kind)}
    if set(values) != set(names):
        odd = ", ".join(sorted(set(values) ^ set(names)))
        raise CorruptRecord(f"the lock's {where} has missing or unknown fields: {clean(odd)[:200]}")
    return kind(**{name: _value(names[name], values[name], f"{where}.{name}") for name in names})


def _value(kind: str, value: Any, where: str) -> Any:
    if kind == "Outcome | None" or (kind == "tuple[Ticket, ...]" and isinstance(value, tuple)):
        return value
    if kind == "int | None" and value is None:
        return None
    if kind in ("int", "int | None") and type(value) is int and 0 <= value < 2**53:
        return value
    if kind == "str" and isinstance(value, str) and clean(value) == value:
        return value
    if kind == "tuple[str, ...]" and isinstance(value, (list, tuple)):
        return tuple(_value("str", item, where) for item in value)
    if kind in ("Op", "State") and isinstance(value, str):
        for member in Op if kind == "Op" else State:
            if member.value == value:
                return member
    raise CorruptRecord(f"the lock's {where} cannot be understood: {clean(repr(value))[:80]}")


def _check(record: Record) -> None:
    wrong = ""
    if record.v != FORMAT:
        wrong = f"format {record.v} is not {FORMAT}"
    elif record.fence < 1:
        wrong = "the fence is not positive"
    elif record.state is State.RUNNING and not record.kaggle_version:
        wrong = "RUNNING without a version"
    elif record.state in (State.ARMED, State.HELD) and record.kaggle_version is not None:
        wrong = f"{record.state.value} with a version"
    elif record.is_held and not record.stamp:
        wrong = "held without a stamp"
    elif record.state is State.OFFERED and not record.queue:
        wrong = "OFFERED to nobody"
    elif record.state is State.FREE and record.queue:
        wrong = "FREE, and somebody waits"
    elif len({ticket.nonce for ticket in record.queue}) < len(record.queue):
        wrong = "a ticket is there twice"
    elif record.archive and not _OID.fullmatch(record.archive):
        wrong = "the archive has no name that git gives"
    if wrong:
        raise CorruptRecord(f"the lock's record contradicts itself: {wrong}")
