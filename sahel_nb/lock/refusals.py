"""The ways in which a lock says no, each with who, since when, and what to do now."""

from __future__ import annotations

import shlex

from sahel_nb.errors import NOTHING_STARTED, NetworkError, Refused
from sahel_nb.lock.record import Record, State


class Locked(Refused):
    """Somebody holds the kernel, or it is their turn. `record` is what the remote says of them."""

    def __init__(self, record: Record, *, note: str = "", hints: tuple[str, ...] = ()) -> None:
        details = [f"commit {record.git_commit}"] if record.git_commit and record.is_held else []
        details.append(f"run {record.run_id}, fence {record.fence}")
        if record.kaggle_version is not None and record.is_held:
            details.append(f"v{record.kaggle_version} {record.url}".rstrip())
        details += [f"alarm: {text}" for text in record.alarms]
        details += [f"waiting: {ticket.actor} on {ticket.host} since {ticket.since}" for ticket in record.queue]
        if note:
            details.append(note)
        what = f"{record.kernel} is locked: {occupant(record)}"
        super().__init__(what, hints=hints or _ways_on(record), details=tuple(details), kaggle=NOTHING_STARTED)
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


def _ways_on(record: Record) -> tuple[str, ...]:
    dev = f"sahel-nb run {record.kernel} --dev"
    if record.state is State.OFFERED:
        return f"sahel-nb run {record.kernel} --wait", dev
    if record.state is State.HELD:
        yours = f"sahel-nb lock release {record.kernel}  # if it is yours"
        return f"sahel-nb run {record.kernel} --wait", dev, f"sahel-nb lock show {record.kernel}", yours
    return f"sahel-nb attach {record.kernel}", dev


class KaggleBusy(Refused):
    """The lock is free, and yet versions run on Kaggle that no lock was taken for."""

    def __init__(self, kernel: str, versions: tuple[int, ...]) -> None:
        names = ", ".join(f"v{version}" for version in versions)
        super().__init__(
            f"{kernel}: {names} has not ended on Kaggle, and was not started under the lock",
            details=("somebody ran it in the web page, or pushed without sahel-nb",),
            hints=(f"sahel-nb status {kernel}", f"sahel-nb run {kernel} --dev"),
            kaggle=NOTHING_STARTED,
        )
        self.versions = versions


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
    return Refused(
        f"{kernel}: the remote is busy with the lock's ref, or a killed git process left its lock file there",
        details=evidence,
        hints=(f"sahel-nb lock doctor {kernel}",),
    )
