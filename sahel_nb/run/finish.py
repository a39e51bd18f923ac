"""From a started version to a finished record: follow, fetch, write down, give the lock back. Safe to do again.

`run` comes here after its push, `attach` from any clone at any time later: both end in the same `run.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from shlex import quote

from sahel_nb.errors import (
    EXIT_INTERRUPTED,
    NetworkError,
    OutputsIncomplete,
    RunCancelled,
    RunFailed,
    RunTimedOut,
    SahelError,
)
from sahel_nb.kernels import backoff
from sahel_nb.kernels.diagnosis import Diagnosis, diagnose
from sahel_nb.kernels.model import KernelRef, RunState, RunStatus
from sahel_nb.kernels.outputs import Missed
from sahel_nb.kernels.proof import Copy, Proof, compare
from sahel_nb.kernels.service import KernelService
from sahel_nb.kernels.target import TargetKind
from sahel_nb.lock.client import LockClient
from sahel_nb.lock.grants import Held
from sahel_nb.lock.record import Outcome
from sahel_nb.lock.refusals import FencedOut, break_by_force
from sahel_nb.report.events import Level, Reporter
from sahel_nb.run import collect, record
from sahel_nb.run.follow import Followed, Untold, follow
from sahel_nb.run.journal import Step
from sahel_nb.run.ledger import alarm_of
from sahel_nb.run.record import RunRecord


@dataclass(frozen=True)
class Code:
    """A kernel's source in git, byte for byte."""

    data: bytes
    notebook: bool


@dataclass(frozen=True)
class Job:
    """A version that was started, with what the record needs to know about it."""

    ref: KernelRef
    shared: KernelRef
    dev: bool
    run_id: str
    commit: str
    subject: str
    source_sha256: str
    version: int
    url: str
    began: str
    actor: str
    account: str
    host: str
    service: str
    """Which one runs it, as in `RunRecord`."""
    nonce: str
    code: Code | None
    """The source as git has it; None where the commit is not in this clone."""

    @property
    def folder_name(self) -> str:
        """How the folder of this run would be called, if nobody else had the name."""
        rehearsal = "-rehearsal" if self.service == TargetKind.EMBEDDED.value else ""
        return f"{self.began[:10]}-{self.commit[:8]}-v{self.version}{rehearsal}"


class Collecting(KeyboardInterrupt):
    """Ctrl-C when the run was over, and what it left was on its way here, or its lock on its way back."""

    def __init__(self, run: str, cause: KeyboardInterrupt, *, locked: bool) -> None:
        super().__init__(*cause.args)
        self.exit_code = int(getattr(cause, "exit_code", EXIT_INTERRUPTED))
        self.run, self.locked = run, locked

    def says(self, attach: str) -> str:
        """What is so, and what to type."""
        lock = "; its lock stays until it is done" if self.locked else ""
        return f"{self.run} has ended, and what it left stays on Kaggle{lock}; go on with: $ {attach}"


class LockStillHeld(NetworkError):
    """The run is over and kept here, and its lock could not be given back: whoever attaches to it does that."""


@dataclass(frozen=True)
class Finished:
    """A run that has ended: its record, the folder that holds everything, and, after a failure, why."""

    record: RunRecord
    folder: Path
    status: RunStatus
    diagnosis: Diagnosis | None
    still_held: LockStillHeld | None = None

    def raise_for_outcome(self) -> None:
        """Raise what the exit code must say: failed, cancelled, timed out, or that nobody says how; of a run that is
        complete, that outputs are missing or its lock is still held."""
        name = f"{self.record.kernel} v{self.record.version}"
        spent = "" if self.record.service == TargetKind.EMBEDDED.value else "; what it used of the quota is spent"
        kaggle = f"The run is over ({self.record.began} to {self.record.ended}){spent}."
        outputs = self.folder / collect.OUTPUTS
        hint = f"sahel-nb debug {self.record.kernel}@v{self.record.version}"
        if self.status.state is RunState.COMPLETE:
            if self.record.missed:
                raise OutputsIncomplete(
                    f"{name} is complete, but {_outputs(len(self.record.missed))} of it could not be fetched",
                    details=Missed.shown(self.record.missed),
                    # Into this very folder: what had come of a file is gone on with.
                    hints=(f"sahel-nb output {self.record.kernel}@v{self.record.version} -o {quote(str(outputs))}",),
                    kaggle=kaggle,
                )
            if self.still_held is not None:
                raise self.still_held
            return
        message = self.status.message
        if self.status.state is RunState.UNKNOWN:
            raise NetworkError(
                f"{name} has ended, and {message}",
                details=Missed.shown(self.record.missed),
                hints=(f"tail -n 30 {quote(str(self.folder / 'log.txt'))}", f"python3 -m webbrowser {self.record.url}"),
                kaggle=kaggle,
            )
        if "exceeded the max" in message:  # Kaggle says so of either state
            raise RunTimedOut(f"{name} timed out: {message}", kaggle=kaggle, hints=(hint,))
        if self.status.state is RunState.CANCELLED:
            raise RunCancelled(f"{name} was cancelled" + f": {message}" * bool(message), kaggle=kaggle, hints=(hint,))
        reason = (self.diagnosis.error if self.diagnosis else "") or message or "Kaggle gives no reason"
        raise RunFailed(f"{name} failed: {reason}", kaggle=kaggle, hints=(hint,))


def finish(
    job: Job,
    *,
    places: Path,
    service: KernelService,
    lock: LockClient | None,
    held: Held | None,
    reporter: Reporter,
    attach: str,
    at: Callable[[Step], None] = lambda _: None,
) -> Finished:
    """Follow `job` to its end, fetch its outputs below `places`, write run.json, release the lock with the outcome.

    The outcome of the run itself is in the result, not raised, and so is a lock that could not be given back:
    `Finished.raise_for_outcome` does that. Where another
    process here is at the same run, only one of them fetches. Raises `OutputsIncomplete` where the disk refuses; the
    lock then stays, and `attach` is what to type.
    """
    try:
        try:
            folder = collect.run_folder(places, job.ref, job.folder_name, job.run_id)
        except SahelError as exc:
            exc.hints = (*exc.hints, attach)  # it has begun: its lock stays until somebody does
            raise
        with collect.alone(folder) as turn:
            with collect.live_log(folder if turn.first else None, reporter) as sink:
                try:
                    followed = follow(service, job.ref, job.version, reporter, sink=sink, attach=attach)
                except Untold as exc:
                    if held is not None:  # attach would find as little
                        exc.hints = (*exc.hints, break_by_force(held.record, "its end cannot be seen"))
                    raise
            at(Step.COLLECTING)
            with _over(job, held):
                turn.wait(reporter)
                done = _kept(job, folder, followed.status) or _collect(job, folder, followed, service, reporter)
            failed = followed.status.state not in (RunState.COMPLETE, RunState.UNKNOWN)
            why = diagnose(collect.read_log(folder), followed.status) if failed else None
    except OSError as exc:
        raise OutputsIncomplete(
            f"{job.ref} v{job.version}: its outputs cannot be kept in {places}: {exc.strerror or exc}",
            kaggle="The run itself is not affected; its outputs stay on Kaggle, and its lock until they are here.",
            hints=(f"df -h {quote(str(places))}", attach),
        ) from exc
    at(Step.RELEASING)
    with _over(job, held):
        still_held = _release(done, folder, lock, held, reporter, attach)
    reporter.say(f"{job.ref} v{job.version}: {_word(followed.status)}, {_outputs(len(done.files))} in {folder}")
    return Finished(done, folder, followed.status, why, still_held)


@contextmanager
def _over(job: Job, held: Held | None) -> Iterator[None]:
    """Inside: nothing runs any more, and whoever stops this is not told that it does."""
    try:
        yield
    except KeyboardInterrupt as exc:
        raise Collecting(f"{job.ref} v{job.version}", exc, locked=held is not None) from exc


def _collect(job: Job, folder: Path, followed: Followed, service: KernelService, reporter: Reporter) -> RunRecord:
    log = collect.collect_log(service, job.ref, job.version, folder, reporter)
    # What the live stream did not bring, the persisted log has.
    for item in islice(collect.read_log(folder), followed.records, None):
        reporter.log(item.stream, item.data)
    reporter.status("")
    files, missed = collect.collect_outputs(service, job.ref, job.version, folder, reporter)
    proof = _prove(job, service)
    if proof.copy is not Copy.SAME:
        say = "is not what was pushed" if proof.copy is Copy.DIFFERS else "could not be compared with what was pushed"
        reporter.say(f"Kaggle's copy of {job.ref} v{job.version} {say}: {proof.why}", Level.WARN)
    took = max(followed.seconds, log.seconds)
    done = RunRecord(
        run_id=job.run_id,
        kernel=str(job.ref),
        shared_kernel=str(job.shared),
        dev=job.dev,
        commit=job.commit,
        subject=job.subject,
        version=job.version,
        url=job.url,
        actor=job.actor,
        account=job.account,
        host=job.host,
        service=job.service,
        began=job.began,
        ended=record.ended_at(job.began, took),
        status=followed.status.state.value,
        failure=followed.status.message,
        source_sha256=job.source_sha256,
        log_records=log.records,
        log_sha256=log.sha256,
        files=files,
        missed=(*log.missed, *missed),
        log_seconds=log.seconds,
        took=took,
        kaggle_copy=proof.copy.value,
        kaggle_copy_why=proof.why,
    )
    record.write(done, folder)
    return done


def _prove(job: Job, service: KernelService) -> Proof:
    """Read Kaggle's copy back. What keeps us from it is no failure of the run."""
    if job.code is None:
        return Proof(Copy.UNREAD, f"this clone does not have what commit {job.commit[:12]} pushed")
    try:
        kernel = service.kernel(job.ref, job.version)
        if kernel is None:
            return Proof(Copy.UNREAD, "Kaggle does not show it to these credentials")
        return compare(kernel.source, job.code.data, notebook=job.code.notebook, nonce=job.nonce)
    except SahelError as exc:
        return Proof(Copy.UNREAD, exc.message)


def _kept(job: Job, folder: Path, status: RunStatus) -> RunRecord | None:
    """What another process of this clone has collected already, if it is all there."""
    done = record.read(folder)
    if done is None or done.missed or (done.run_id, done.status) != (job.run_id, status.state.value):
        return None
    return done if collect.is_whole(folder, done.files, done.log_sha256) else None


def _release(
    done: RunRecord, folder: Path, lock: LockClient | None, held: Held | None, reporter: Reporter, attach: str
) -> LockStillHeld | None:
    if lock is None or held is None:
        return None
    outcome = Outcome(
        run_id=done.run_id,
        version=done.version,
        status=done.status,
        commit=done.commit,
        actor=done.actor,
        started=done.began,
        ended=done.ended,
        outputs_digest=done.outputs_digest(),
        url=done.url,
    )
    try:
        backoff.again(lambda: lock.finish(held, outcome, alarm_of(done)))  # it asks Kaggle once more what has ended
    except FencedOut as exc:
        reporter.say(f"the lock was no longer ours to release: {exc.message}", Level.WARN)
    except SahelError as exc:
        reporter.say(f"the lock could not be released ({exc.message}); this does it: $ {attach}", Level.WARN)
        return LockStillHeld(
            f"{done.kernel} v{done.version} is complete, but its lock is still held: {exc.message}",
            details=(f"outputs, log and run.json are in {folder}", *exc.details),
            hints=tuple(dict.fromkeys((attach, *exc.hints))),
            kaggle="The run itself succeeded and is over; anyone's next run or attach releases its lock.",
        )
    else:
        reporter.say(f"lock of {done.kernel} released")
    return None


def _outputs(count: int) -> str:
    return "1 output" if count == 1 else f"{count} outputs"


def _word(status: RunStatus) -> str:
    return {RunState.COMPLETE: "complete", RunState.ERROR: "failed", RunState.CANCELLED: "cancelled"}.get(
        status.state, "ended"
    )
