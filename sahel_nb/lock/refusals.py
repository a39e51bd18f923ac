"""The ways in which a lock says no, each with who, since when, and what to do now."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from sahel_nb.errors import NOTHING_STARTED, NetworkError, Refused
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.record import Record, State

UNREADABLE = "its state may not be read by these credentials, and neither log nor outputs show its end"
_LOCK_FILE = re.compile(r"Unable to create '(.+\.lock)': File exists")


class Locked(Refused):
    """Somebody holds the kernel, or it is their turn. `record` is what the remote says of them."""

    def __init__(self, record: Record, *, note: str = "", hints: tuple[str, ...] = ()) -> None:
        details = [f"commit {record.git_commit}"] if record.git_commit and record.is_held else []
        details.append(f"run {record.run_id}, fence {record.fence}")
        if record.kaggle_version is not None and record.is_held:
            details.append(f"v{record.kaggle_version} {record.url}".rstrip())
        details += [f"waiting: {ticket.actor} on {ticket.host} since {ticket.since}" for ticket in record.queue]
        if note:
            details.append(note)
        what = f"{record.kernel} is locked: {occupant(record)}"
        super().__init__(what, hints=hints or ways_on(record), details=tuple(details), kaggle=NOTHING_STARTED)
        self.record = record


def occupant(record: Record) -> str:
    """Whose turn it is and since when, in words: of any record but a FREE one."""
    if record.state is State.OFFERED:
        first = record.queue[0]
        return f"it is the turn of {first.actor} on {first.host}, offered since {record.since}"
    if record.state is State.HELD:
        return f"{record.actor} holds it by hand since {record.since} on {record.host}: {record.reason}"
    doing = "runs it" if record.state is State.RUNNING else "is about to run it"
    return f"{record.actor} {doing} since {record.since} on {record.host}"


def ways_on(record: Record, *more: str) -> tuple[str, ...]:
    """What to type where somebody holds the lock: of any record but a FREE one."""
    dev = f"sahel-nb run {record.kernel} --dev"
    if record.state is State.OFFERED:
        return f"sahel-nb run {record.kernel} --wait", dev
    if record.state is State.HELD:
        yours = f"sahel-nb lock release {record.kernel}  # if it is yours"
        return f"sahel-nb run {record.kernel} --wait", dev, f"sahel-nb lock show {record.kernel}", yours
    return f"sahel-nb attach {record.kernel}", dev, *more


class KaggleBusy(Refused):
    """The lock is free, and yet versions run on Kaggle that no lock was taken for."""

    def __init__(self, kernel: str, phases: Mapping[int, Phase]) -> None:
        names = ", ".join(f"v{version}" for version in phases)
        what = f"{names} has not ended on Kaggle, and was not started under the lock"
        details: tuple[str, ...] = ("somebody ran it in the web page, or pushed without sahel-nb",)
        hints: tuple[str, ...] = (f"sahel-nb status {kernel}", f"sahel-nb run {kernel} --dev")
        if set(phases.values()) == {Phase.SAVED}:
            what = f"{names} was saved in the web page, and not run"
            details = ("when it has stood so for a minute, it counts as one that will not begin",)
            hints = (f"sahel-nb run {kernel} --wait", f"sahel-nb drift {kernel}", f"sahel-nb run {kernel} --dev")
        elif Phase.UNKNOWN in phases.values():
            details = (UNREADABLE, *details)
        super().__init__(f"{kernel}: {what}", details=details, hints=hints, kaggle=NOTHING_STARTED)
        self.versions = tuple(phases)


class NotShown(Refused):
    """Kaggle shows no such kernel to these credentials, and the chain knows one: deleted, or not theirs to see."""

    def __init__(self, kernel: str, version: int) -> None:
        super().__init__(
            f"{kernel}: v{version} was known, and Kaggle shows these credentials no such kernel",
            details=("its owner can tell whether it was deleted: their next run finds out, and goes on",),
            hints=("sahel-nb doctor", f"sahel-nb run {kernel} --dev"),
            kaggle=NOTHING_STARTED,
        )


class NotConfirmed(Refused):
    """Between taking the lock and pushing, the ground moved. The lock was given back where it was still ours."""

    def __init__(self, kernel: str, why: str) -> None:
        super().__init__(f"{kernel}: not pushed: {why}", hints=(f"sahel-nb run {kernel}",), kaggle=NOTHING_STARTED)


class FencedOut(Refused):
    """Our grant was ended by somebody else while we still acted on it. `record` is what the remote says now."""

    def __init__(self, kernel: str, record: Record | None, text: str, *, kaggle: str) -> None:
        now = [f"now: fence {record.fence}, {record.state.value}, {record.actor}"] if record else []
        super().__init__(f"{kernel}: {text}", details=tuple(now), hints=(f"sahel-nb lock log {kernel}",), kaggle=kaggle)
        self.record = record


class WentBack(Refused):
    """The remote has lost what it had acknowledged to this clone: `alarm` says what. Somebody has to decide."""

    def __init__(self, kernel: str, alarm: str) -> None:
        super().__init__(
            f"{kernel}: {alarm}",
            details=(
                "it was restored from a backup, or somebody moved the ref: whoever ran meanwhile is not on record",
            ),
            hints=(
                f"sahel-nb lock log {kernel}",
                f"sahel-nb lock ack {kernel} --reason TEXT  # go on with what is there",
            ),
            kaggle=NOTHING_STARTED,
        )


class ArchiveMissing(Refused):
    """The chain goes on in an archive that the remote does not have (any more)."""

    def __init__(self, kernel: str, ref: str, remote: str) -> None:
        super().__init__(
            f"{kernel}: older records were archived as {ref}, and it is not there",
            hints=(f"git ls-remote {shlex.quote(remote)} {shlex.quote(ref)}", f"sahel-nb lock log {kernel} -n 1"),
        )


def undecided(kernel: str, evidence: tuple[str, ...]) -> NetworkError:
    """The remote never said whether a record was written; it will be found, or will have expired, by the next look."""
    return NetworkError(
        f"{kernel}: the remote did not say whether the lock was moved",
        details=evidence,
        hints=(f"sahel-nb attach {kernel}", f"sahel-nb lock show {kernel}"),
    )


def wedged(kernel: str, evidence: tuple[str, ...]) -> Refused:
    """The server's own lock file for the ref stays: a killed git process left it there."""
    left = lock_files(evidence)
    remove = f"rm {shlex.join(left)}  # on the server, if no git process is at work there"
    return Refused(
        f"{kernel}: the remote is busy with the lock's ref, or a killed git process left its lock file there",
        details=evidence,
        hints=(remove,) if left else ("sahel-nb lock doctor",),
    )


def lock_files(evidence: tuple[str, ...]) -> tuple[str, ...]:
    """The lock files of its own that a server names."""
    found = (match[1] for line in evidence if (match := _LOCK_FILE.search(line)))
    return tuple(dict.fromkeys(path.replace("/./", "/") for path in found))


def break_by_force(record: Record, reason: str = "TEXT") -> str:
    """What to type where nobody can be asked whether a run has ended."""
    words = ("sahel-nb", "lock", "break", record.kernel, "--fence", str(record.fence), "--reason", reason, "--force")
    return shlex.join(words)
