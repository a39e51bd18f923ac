"""The queue: versions wait for one of `workers` places, oldest first, run, and are recorded.

Caps per account are refused at the push and never reach this queue (`limits.refusal`); what waits here as QUEUED waits
for this machine. A thread that starts a run waits for its end and records it; others may only ask the run to end.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from sahel_nb.localkaggle import logs, outputs, sources
from sahel_nb.localkaggle.executor.api_access import ApiAccess
from sahel_nb.localkaggle.executor.job import Job, Outcome, Result
from sahel_nb.localkaggle.executor.resources import Resources
from sahel_nb.localkaggle.executor.trees import discard
from sahel_nb.localkaggle.folder import DataFolder
from sahel_nb.localkaggle.model import Output, Status, Version
from sahel_nb.localkaggle.store import kernels, sessions
from sahel_nb.localkaggle.store.database import Database
from sahel_nb.localkaggle.voice import say

STOPPED_RUNNING = "The service was stopped while this version was running."
STOPPED_QUEUED = "The service was stopped before this version started."
_LAST_WORDS = 3.0
_AGAIN = 0.5


class Execution(Protocol):
    """A run under way; `executor.launch.Execution` is one."""

    def wait(self, timeout: float | None = None) -> Result | None: ...
    def cancel(self) -> None: ...


class _Run:
    """An execution that one thread waits for and others may cancel: never both after its end."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._lock = threading.Lock()
        self._over = False

    def wait(self) -> Result | None:
        result = self._execution.wait()
        with self._lock:  # a cancel under way may still be busy with the run's folder
            self._over = True
        return result

    def cancel(self) -> None:
        """Returns when the processes are gone."""
        with self._lock:
            if not self._over:
                self._execution.cancel()


class Scheduler:
    def __init__(
        self,
        db: Database,
        folder: DataFolder,
        launch: Callable[[Job], Execution],
        read_result: Callable[..., Result | None],
        workers: int,
        resources: Resources,
        api_access: Callable[[int, str], AbstractContextManager[ApiAccess]],
    ) -> None:
        """`api_access` is what the code of a version's run calls this service by, as the account that is its author."""
        self._db = db
        self._folder = folder
        self._launch = launch
        self._read_result = read_result
        self._resources = resources
        self._api_access = api_access
        self._queue: queue.Queue[int | None] = queue.Queue()
        self._running: dict[int, _Run] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        """Put in order what a service that was killed left behind, then begin to work."""
        self._recover()
        for thread in self._threads:
            thread.start()

    def submit(self, version_id: int) -> None:
        """Queue a version that is committed."""
        self._queue.put(version_id)

    def cancel(self, version_id: int) -> Status:
        """Ask a session to end; the state that it is in then."""
        with self._db.write() as tx:
            status = sessions.request_cancel(tx, version_id, time.time())
        self.interrupt(version_id)
        return status

    def interrupt(self, version_id: int) -> None:
        """End the processes of a version, whatever the store says of it."""
        with self._lock:
            run = self._running.get(version_id)
        if run is not None:
            run.cancel()

    def discard(self, version_ids: tuple[int, ...]) -> None:
        """Versions whose rows are gone: end their runs, remove their folders."""
        for version_id in version_ids:
            with self._lock:
                run = self._running.get(version_id)
            if run is not None:
                run.cancel()  # its thread removes the folder when the processes are gone
            else:
                discard(self._folder.run(version_id))

    def stop(self) -> None:
        """End all runs and say so in their records. Returns when the last process is gone."""
        with self._lock:
            self._stopping = True
            runs = list(self._running.values())
        with self._db.write() as tx:
            for version_id, status in sessions.active(tx):
                if status is Status.QUEUED:
                    sessions.finish(tx, version_id, Status.ERROR, STOPPED_QUEUED, time.time())
        for _ in self._threads:
            self._queue.put(None)
        for run in runs:
            run.cancel()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=15)

    def _work(self) -> None:
        while True:
            version_id = self._queue.get()
            if version_id is None:
                return
            try:
                self._run(version_id)
            except Exception as exc:  # noqa: BLE001  one broken run must not take a place in the queue for ever
                say(traceback.format_exc())
                message = f"The embedded service failed to run this version: {type(exc).__name__}: {exc}"
                with contextlib.suppress(sqlite3.OperationalError):
                    self._finish(version_id, Status.ERROR, message, time.time())

    def _run(self, version_id: int) -> None:
        with self._db.write() as tx:
            if self._stopping or not sessions.begin(tx, version_id, time.time()):
                return
        with self._db.read() as tx:
            version = kernels.version_by_id(tx, version_id)
        if version is None:
            return
        with self._api_access(version_id, version.author) as api:
            result = self._watch(version_id, self._prepare(version, api))
        if result is None:
            now = time.time()
            result = Result(Outcome.ERROR, "The run ended without a result.", now, now)
        self._record(version_id, result)

    def _watch(self, version_id: int, job: Job) -> Result | None:
        """Launch a job, and wait for its end."""
        run = _Run(self._launch(job))
        with self._lock:
            self._running[version_id] = run
            stopping = self._stopping
        try:
            with self._db.read() as tx:
                version = kernels.version_by_id(tx, version_id)
            # Whoever cancelled, deleted or stopped between RUNNING and here did not find the processes yet.
            if stopping or version is None or version.status is Status.CANCEL_REQUESTED:
                run.cancel()
            return run.wait()
        finally:
            with self._lock:
                self._running.pop(version_id, None)

    def _prepare(self, version: Version, api: ApiAccess) -> Job:
        with self._db.read() as tx:
            source = kernels.source(tx, version)
            mounts = sources.mounts(tx, self._folder, version.settings, version.author)
        home = self._folder.run(version.id)
        home.mkdir(exist_ok=True, mode=0o700)
        settings = version.settings
        return Job(
            folder=home,
            source=source.encode("utf-8"),
            kernel_type=settings.kernel_type,
            language=settings.language,
            mounts=mounts,
            environment={},
            time_limit=version.time_limit,
            internet=settings.enable_internet,
            resources=self._resources,
            interpreter=settings.interpreter,
            api=api,
        )

    def _record(self, version_id: int, result: Result) -> None:
        status, failure = Status(result.outcome.value), result.failure_message
        with self._db.read() as tx:
            version = kernels.version_by_id(tx, version_id)
        if version is None:
            discard(self._folder.run(version_id))
            return
        if status is Status.CANCEL_ACKNOWLEDGED and self._stopping and version.status is not Status.CANCEL_REQUESTED:
            status, failure = Status.ERROR, STOPPED_RUNNING
        scan = outputs.scan(self._folder.working(version_id))
        for name in scan.left_out:
            text = (
                f"sahel-nb: the output {name} cannot be offered: not a regular file, or not a name that can be sent\n"
            )
            logs.append(self._folder.log(version_id), max(0.0, result.ended - result.started), text)
        if not self._finish(version_id, status, failure, result.ended, scan.outputs):
            discard(self._folder.run(version_id))

    def _finish(
        self, version_id: int, status: Status, failure: str, ended: float, outputs: tuple[Output, ...] = ()
    ) -> bool:
        """Record an end, as soon as the disk takes it: nobody else will. A restart does, if we are stopped before."""
        while True:
            try:
                with self._db.write() as tx:
                    return sessions.finish(tx, version_id, status, failure, ended, outputs)
            except sqlite3.OperationalError as exc:
                if self._stopping:
                    raise
                say(f"The end of session {version_id} cannot be recorded yet: {exc}")
                time.sleep(_AGAIN)

    def _recover(self) -> None:
        with self._db.read() as tx:
            left = sessions.active(tx)
            known = kernels.version_ids(tx)
        deadline = time.monotonic() + _LAST_WORDS
        for version_id, status in left:
            result = None
            if status is not Status.QUEUED:
                # A run notices the service's death and ends itself. Started again at once, we may be faster.
                while (result := self._read_result(self._folder.run(version_id))) is None:
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.05)
            if result is None:
                words = STOPPED_QUEUED if status is Status.QUEUED else STOPPED_RUNNING
                outcome = Outcome.CANCELLED if status is Status.CANCEL_REQUESTED else Outcome.ERROR
                last = self._last_sign(version_id)
                result = Result(outcome, "" if outcome is Outcome.CANCELLED else words, last, last)
            self._record(version_id, result)
        for home in list((self._folder.root / "runs").iterdir()):
            if not home.name.isdigit() or int(home.name) not in known:
                discard(home)

    def _last_sign(self, version_id: int) -> float:
        """When a run that was cut off was last known to be alive: quota is not charged for the service's absence."""
        with self._db.read() as tx:
            version = kernels.version_by_id(tx, version_id)
        started = version.started if version is not None and version.started is not None else time.time()
        try:
            return max(started, self._folder.log(version_id).stat().st_mtime)
        except OSError:
            return started
