"""Following a version to its end: log lines as they come, one status line, and the *status* decides when it is over.

The log stream may be cut at any byte and replays from its beginning when it is opened again: records are counted, and
those already shown are passed over. Its end marker is a hint to ask for the status at once, never proof of an end.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sahel_nb.errors import AuthError, NetworkError, RunFailed, SahelError
from sahel_nb.kernels import backoff
from sahel_nb.kernels.door import NotFound, Rejected
from sahel_nb.kernels.model import KernelRef, LogRecord, RunState, RunStatus
from sahel_nb.kernels.service import KernelService
from sahel_nb.report.events import Level, Reporter
from sahel_nb.run import signs

TICK = 0.2
POLL_FIRST = 0.3
POLL_LONGEST = 30.0
STREAM_RETRY_LONGEST = 30.0
REFUSALS = 3
"""In all, after which it is said that there is no live log: the status is read on, and the persisted log in the end.
Of the status: in a row, after which the version is followed by what else can be read of it."""
BLIND_PATIENCE = 20.0
"""Seconds without anything that can be read of a version, where its kernel can, after which we stop waiting."""
SIGNLESS_PATIENCE = 13 * 3600.0
UNTOLD = "these credentials may not read how it ended"
STALE_PATIENCE = 30.0
"""Seconds after the end of the live log in which the state may lag behind; then it is asked what else shows the end."""
STALE = "Kaggle still says that it runs, though it shows log and outputs, as it does when a run is over"
MOST_WAITING = 8_000_000
"""Characters of log that have come and are not shown yet."""
OFFLINE_PATIENCE = 6 * 3600.0
"""Seconds without any answer after which we stop waiting; the run itself goes on, and `attach` resumes."""
DELETED_PATIENCE = 60.0
"""Seconds without the kernel, to its owner, after which it was deleted."""
REFUSED_PATIENCE = 600.0
"""The same where Kaggle answers, and says no: right after a push it may for a moment."""
AT_ONCE = 2_000
"""Records shown before the status is looked at again: a lively log must not hide the end of the run."""


@dataclass(frozen=True)
class Followed:
    """The last status, and how many log records were seen live. UNKNOWN: it has ended, and nobody says how."""

    status: RunStatus
    records: int
    seconds: float = 0.0
    """From the first time that it was seen to run to the last, by a clock that nobody sets: never more than it ran."""


def follow(
    service: KernelService,
    ref: KernelRef,
    version: int,
    reporter: Reporter,
    *,
    sink: Callable[[LogRecord], None],
    attach: str,
    now: Callable[[], float] = time.monotonic,
) -> Followed:
    """Wait until the version has ended. Every record goes to `sink` once, in order, before it is shown.

    Credentials that may not read states follow by the log and the outputs, whose being there proves the end (see
    `run.signs`). Raises `AuthError` when the credentials stop being accepted, `NetworkError` after hours without an
    answer, minutes of refusals, or at once where nothing may be read: all of them naming `attach`, the command that
    goes on. Lets KeyboardInterrupt through: detaching loses nothing.
    """
    pump = _Pump(service, ref, version)
    try:
        return _Loop(service, ref, version, reporter, sink, attach, now, pump).run()
    except AuthError as exc:
        exc.hints, exc.kaggle = (*exc.hints, attach), exc.kaggle or _may_run(version)
        raise
    finally:
        pump.stop()
        reporter.status("")


class Untold(NetworkError):
    """Nothing that may be read shows whether the version has ended, and asking again will not change that."""


class _Loop:
    def __init__(
        self,
        service: KernelService,
        ref: KernelRef,
        version: int,
        reporter: Reporter,
        sink: Callable[[LogRecord], None],
        attach: str,
        now: Callable[[], float],
        pump: _Pump,
    ) -> None:
        self._service, self._ref, self._version, self._attach = service, ref, version, attach
        self._reporter, self._sink, self._now, self._pump = reporter, sink, now, pump
        self._status = RunStatus(RunState.QUEUED)
        self._records = 0
        self._last_answer = self._began = now()
        self._next_poll = self._began
        self._interval = POLL_FIRST
        self._asked = 0.0  # what a service that is busy asks to wait
        self._offline = False
        self._refusals = 0  # in a row
        self._blind_since = 0.0
        self._missing_since = 0.0
        self._blind = self._over = False
        self._stale_since = 0.0
        self._ran: tuple[float, float] | None = None  # the first and the last time that it was seen to run

    def run(self) -> Followed:
        while not self._over:
            self._drain(TICK)
            over = self._pump.take_ended()
            if over:
                self._interval = POLL_FIRST  # the status may lag behind the log, and not by much
            if over or self._now() >= self._next_poll:
                self._poll()
            self._show()
        self._pump.finish()
        while self._drain(0.0):
            pass
        first, last = self._ran or (0.0, 0.0)
        return Followed(self._status, self._records, last - first)

    def _drain(self, wait: float) -> bool:
        """Hand on what has come. True where there may be more."""
        if self._pump.failure:
            self._reporter.say(f"no live log ({self._pump.failure}); the log comes whole in the end", Level.WARN)
            self._pump.failure = ""
        for _ in range(AT_ONCE):
            try:
                record = self._pump.take(wait)
            except queue.Empty:
                return False
            wait = 0.0
            self._records += 1
            self._sink(record)
            self._reporter.log(record.stream, record.data)
        return True

    def _poll(self) -> None:
        before, self._asked = self._status.state, 0.0
        try:
            self._status = self._service.status(self._ref, self._version)
        except AuthError:
            raise
        except (NotFound, Rejected) as exc:
            self._refused(exc)
        except SahelError as exc:
            self._asked = min(backoff.wish(exc), backoff.MOST_ASKED)
            self._unreachable(exc)
        else:
            self._refusals, self._blind, self._over = 0, False, self._status.state.ended
            self._answered()
            if self._status.state is RunState.RUNNING and self._pump.silent:
                self._look_behind()
            if self._status.state is not before:
                self._interval = POLL_FIRST
        if self._status.state is RunState.RUNNING:
            self._ran = (self._ran[0] if self._ran else self._last_answer, self._last_answer)
            self._pump.start()
        self._next_poll = self._now() + max(self._interval, self._asked)
        self._interval = min(self._interval * 1.5, POLL_LONGEST)

    def _answered(self) -> None:
        self._last_answer = self._now()
        if self._offline:
            self._offline = False
            self._reporter.say("Kaggle answers again")

    def _refused(self, exc: NotFound | Rejected) -> None:
        """Right after a push it may be so for a moment; where the kernel can be read, it is the credentials."""
        self._refusals += 1
        if not self._blind:
            if self._refusals < REFUSALS:
                return
            if not self._visible():
                self._missing()
                self._unreachable(exc)
                return
            self._missing_since = 0.0
            self._blind, self._blind_since = True, self._now()
            what = "going by its log and its outputs; its lock stays until they show the end"
            self._reporter.say(f"{exc.message}: {what}", Level.WARN)
        self._pump.start()
        try:
            self._over = signs.has_ended(self._service, self._ref, self._version)
        except AuthError:
            raise
        except (NotFound, Rejected) as refusal:
            if self._pump.silent and self._now() - self._blind_since > BLIND_PATIENCE:
                why = f"neither its state nor its log nor its outputs may be read: {refusal.message}"
                raise self._untold(why) from refusal
        except SahelError as failure:
            self._unreachable(failure)
        else:
            self._answered()
            if self._over:
                self._status = RunStatus(RunState.UNKNOWN, UNTOLD)
            elif self._now() - self._blind_since > SIGNLESS_PATIENCE:
                raise self._untold("no session lasts so long, and there is neither a log of it nor an output")

    def _look_behind(self) -> None:
        """The live log is over, and the state is not: it has been seen to stay so for an hour, and for ever."""
        self._stale_since = self._stale_since or self._now()
        self._interval = min(self._interval, STALE_PATIENCE / 4)
        if self._now() - self._stale_since < STALE_PATIENCE:
            return
        with suppress(SahelError):  # the state is asked again, and so is this
            self._over = signs.has_ended(self._service, self._ref, self._version)
        if self._over:
            self._status = RunStatus(RunState.UNKNOWN, STALE)

    def _untold(self, why: str) -> Untold:
        return Untold(
            f"{self._ref} v{self._version}: whether it has ended cannot be told: {why}",
            hints=(self._attach,),
            kaggle=_may_run(self._version),
        )

    def _missing(self) -> None:
        """The kernel itself is not shown: for a moment, right after a push; to whom it is not; or it was deleted."""
        self._missing_since = self._missing_since or self._now()
        if self._now() - self._missing_since < DELETED_PATIENCE:
            return
        with suppress(NetworkError):
            if signs.sees_all(self._service, self._ref):
                raise RunFailed(
                    f"{self._ref} was deleted on Kaggle while v{self._version} ran",
                    details=("how it ended cannot be told, and what it left is gone with the kernel",),
                    hints=(self._attach,),
                    kaggle="Nothing of it is on Kaggle any more; the lock stays until somebody attaches, or runs it.",
                )

    def _visible(self) -> bool:
        try:
            return self._service.kernel(self._ref) is not None
        except SahelError:
            return False

    def _unreachable(self, exc: SahelError) -> None:
        silent = self._now() - self._last_answer
        if silent > (OFFLINE_PATIENCE if isinstance(exc, NetworkError) else REFUSED_PATIENCE):
            raise NetworkError(
                f"no status from Kaggle for {_duration(silent)}: {exc.message}",
                hints=(self._attach,),
                kaggle=_may_run(self._version),
            ) from exc
        if not self._offline:
            self._offline = True
            self._reporter.say(f"{exc.message}; trying on, the run itself is not affected", Level.WARN)

    def _show(self) -> None:
        elapsed = self._now() - self._began
        state = "state hidden" if self._blind else self._status.state.value.lower()
        self._reporter.status(f"{self._ref} v{self._version}: {state}", _duration(elapsed))


class _Pump:
    """Reads the live log in a thread of its own and hands on each record once, over any number of reconnects."""

    def __init__(self, service: KernelService, ref: KernelRef, version: int) -> None:
        self._records: queue.Queue[LogRecord] = queue.Queue(maxsize=10_000)
        self._waiting = 0  # characters in the queue; a record may be a line of megabytes
        self._count = threading.Lock()
        self._service, self._ref, self._version = service, ref, version
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self.failure = ""
        """Why there is no live log, once, for whoever can say so."""
        self.silent = False
        """There is no live log, or it has come to its end."""

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sahel-nb-log", daemon=True)
            self._thread.start()

    def take(self, wait: float) -> LogRecord:
        """The next record; waits for one at most `wait` seconds. Raises `queue.Empty`."""
        record = self._records.get(timeout=wait) if wait else self._records.get_nowait()
        with self._count:
            self._waiting -= len(record.data)
        return record

    @property
    def _full(self) -> bool:
        return self._records.full() or self._waiting > MOST_WAITING

    def _hand_on(self, record: LogRecord) -> None:
        """Wait until there is room: a log that comes faster than it is shown stays where it is."""
        while self._full and not self._stopping.wait(0.05):
            pass
        if not self._stopping.is_set():
            with self._count:
                self._waiting += len(record.data)
            self._records.put(record)

    def take_ended(self) -> bool:
        """True once after the stream said that the log is over."""
        if self._ended.is_set():
            self._ended.clear()
            return True
        return False

    def stop(self) -> None:
        self._stopping.set()

    def finish(self) -> None:
        """The version has ended: give the stream a moment to deliver what it still has."""
        if self._thread is not None:
            deadline = time.monotonic() + 5.0
            while self._thread.is_alive() and time.monotonic() < deadline and not self._full:
                self._thread.join(0.05)
        self._stopping.set()

    def _run(self) -> None:
        seen = failures = refusals = 0
        while not self._stopping.is_set():
            count, wanted = 0, 0.0
            try:
                for record in self._service.stream(self._ref, self._version):
                    if record is None:
                        self.silent = True
                        self._ended.set()
                        return
                    count += 1
                    if count > seen:
                        seen, failures = count, 0
                        self._hand_on(record)
                    if self._stopping.is_set():
                        return
            except (AuthError, NotFound, Rejected) as exc:
                # Right after a push it may say so for a moment; these credentials may also read no sessions at all.
                refusals += 1
                if refusals == REFUSALS:
                    self.failure, self.silent = exc.message, True
            except SahelError as exc:
                # A cut stream is normal on a bad line; the status, polled elsewhere, decides what it means.
                wanted = min(backoff.wish(exc), backoff.MOST_ASKED)
            except Exception as exc:  # noqa: BLE001  a bug in here must not end the run, nor print over its log
                self.failure, self.silent = f"{type(exc).__name__}: {exc}", True
                return
            failures += 1
            self._stopping.wait(backoff.pause(failures + 1, wanted, longest=STREAM_RETRY_LONGEST))


def _may_run(version: int) -> str:
    return f"v{version} may still run on Kaggle; its lock stays."


def _duration(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {rest:02} s"
    return f"{rest} s"
