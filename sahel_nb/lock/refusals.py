"""The ways in which a lock says no, each with who, since when, and what to do now."""

from __future__ import annotations

from sahel_nb.errors import NOTHING_STARTED, NetworkError, Refused
from sahel_nb.lock.record import Record, State


class Locked(Refused):
    """Somebody holds the kernel. `record` is what the remote says of them."""

    def __init__(self, record: Record, *, note: str = "", hints: tuple[str, ...] = ()) -> None:
        doing = "runs it" if record.state is State.RUNNING else "is about to run it"
        what = f"{record.kernel} is locked: {record.actor} {doing} since {record.since} on {record.host}"
        details = [f"commit {record.git_commit}", f"run {record.run_id}, fence {record.fence}"]
        if record.kaggle_version is not None:
            details.append(f"v{record.kaggle_version} {record.url}".rstrip())
        details += [f"alarm: {text}" for text in record.alarms]
        if note:
            details.append(note)
        own = (f"sahel-nb attach {record.kernel}", f"sahel-nb run {record.kernel} --dev")
        super().__init__(what, hints=hints or own, details=tuple(details), kaggle=NOTHING_STARTED)
        self.record = record


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
        hints=(f"sahel-nb lock show {kernel}",),
    )
