"""From a started version to a finished record: follow, fetch, write down, give the lock back. Safe to do again.

`run` comes here after its push, `attach` from any clone at any time later: both end in the same `run.json`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.errors import OutputsIncomplete, RunCancelled, RunFailed, RunTimedOut, SahelError
from sahel_nb.kernels.diagnosis import Diagnosis, diagnose
from sahel_nb.kernels.model import KernelRef, LogRecord, RunState, RunStatus
from sahel_nb.kernels.service import KernelService
from sahel_nb.lock.client import LockClient
from sahel_nb.lock.grants import Held
from sahel_nb.lock.record import Outcome
from sahel_nb.report.events import Level, Reporter
from sahel_nb.run import collect, record
from sahel_nb.run.follow import follow
from sahel_nb.run.journal import Step
from sahel_nb.run.record import RunRecord


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


@dataclass(frozen=True)
class Finished:
    """A run that has ended: its record, the folder that holds everything, and, after a failure, why."""

    record: RunRecord
    folder: Path
    status: RunStatus
    diagnosis: Diagnosis | None

    def raise_for_outcome(self) -> None:
        """Raise what the exit code must say: failed, cancelled, timed out, or outputs missing."""
        name = f"{self.record.kernel} v{self.record.version}"
        kaggle = f"The run is over ({self.record.began} to {self.record.ended}); what it used of the quota is spent."
        hint = f"sahel-nb debug {self.record.kernel}@v{self.record.version}"
        if self.status.state is RunState.COMPLETE:
            if self.record.missed:
                raise OutputsIncomplete(
                    f"{name} is complete, but {len(self.record.missed)} of its outputs could not be fetched",
                    details=tuple(f"{missed.name}: {missed.why}" for missed in self.record.missed),
                    hints=(f"sahel-nb output {self.record.kernel}@v{self.record.version}",),
                    kaggle=kaggle,
                )
            return
        reason = self.diagnosis.error if self.diagnosis and self.diagnosis.error else self.status.message
        if self.status.state is RunState.CANCELLED:
            kind = RunTimedOut if "exceeded the max" in self.status.message else RunCancelled
            word = "timed out" if kind is RunTimedOut else "was cancelled"
            raise kind(f"{name} {word}: {self.status.message}", kaggle=kaggle, hints=(hint,))
        raise RunFailed(f"{name} failed: {reason}", kaggle=kaggle, hints=(hint,))


def finish(
    job: Job,
    *,
    places: Path,
    service: KernelService,
    lock: LockClient | None,
    held: Held | None,
    reporter: Reporter,
    at: Callable[[Step], None] = lambda _: None,
) -> Finished:
    """Follow `job` to its end, fetch its outputs below `places`, write run.json, release the lock with the outcome.

    The outcome of the run itself is in the result, not raised: `Finished.raise_for_outcome` does that.
    """
    folder = collect.run_folder(places, job.ref, job.began[:10], job.commit, job.version)
    with collect.live_log(folder) as sink:
        followed = follow(service, job.ref, job.version, reporter, sink=sink)
    ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    at(Step.COLLECTING)
    records, log_digest = collect.collect_log(service, job.ref, job.version, folder, followed.records, reporter)
    _show_rest(records, followed.records, reporter)
    files, missed = collect.collect_outputs(service, job.ref, job.version, folder, reporter)
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
        began=job.began,
        ended=ended,
        status=followed.status.state.value,
        failure=followed.status.message,
        source_sha256=job.source_sha256,
        log_records=len(records),
        log_sha256=log_digest,
        files=files,
        missed=missed,
    )
    record.write(done, folder)
    at(Step.RELEASING)
    _release(done, lock, held, reporter)
    reporter.say(f"{job.ref} v{job.version}: {_word(followed.status)}, {len(files)} outputs in {folder}")
    failed = followed.status.state is not RunState.COMPLETE
    return Finished(done, folder, followed.status, diagnose(records, followed.status) if failed else None)


def _show_rest(records: tuple[LogRecord, ...], shown: int, reporter: Reporter) -> None:
    """What the live stream did not bring, the persisted log has."""
    for item in records[shown:]:
        reporter.log(item.stream, item.data)
    reporter.status("")


def _release(done: RunRecord, lock: LockClient | None, held: Held | None, reporter: Reporter) -> None:
    if lock is None or held is None:
        return
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
        lock.finish(held, outcome)
    except SahelError as exc:
        reporter.say(f"the lock could not be released ({exc.message}); anyone's next run or attach does it", Level.WARN)
    else:
        reporter.say(f"lock of {done.kernel} released")


def _word(status: RunStatus) -> str:
    return {RunState.COMPLETE: "complete", RunState.ERROR: "failed", RunState.CANCELLED: "cancelled"}.get(
        status.state, status.state.value.lower()
    )
