"""From a plan to a version that runs: lock, push, and what is done when either of them stops half way.

What matters is one question: may Kaggle have heard of this attempt? Until the push is sent the answer is no, and
whatever ends the attempt gives the lock back. From then on the lock stays, unless Kaggle itself said no.
"""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.errors import NOTHING_STARTED, NetworkError, PushRejected, Refused, SahelError
from sahel_nb.kernels.model import Pushed
from sahel_nb.kernels.service import KernelService, PartlyPushed
from sahel_nb.kernels.stamp import Stamp
from sahel_nb.lock.client import LockClient
from sahel_nb.lock.grants import Held, Intent
from sahel_nb.lock.record import State
from sahel_nb.lock.refusals import break_by_force
from sahel_nb.report.events import Level, Reporter
from sahel_nb.run.journal import Journal, Step
from sahel_nb.run.plan import Plan, write_payload

SETTLE_READS = 6
SETTLE_PAUSE = 2.0
_HELD_BACK = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))


@dataclass(frozen=True)
class Started:
    """A version that runs, and the lock that stays with it; None for a personal slug."""

    pushed: Pushed
    held: Held | None
    interrupted: int
    """The signal that arrived during the push and waited for it; 0 where none did."""


class Starter:
    """One attempt to start `plan`. `attach` is the command that goes on with it, from anywhere."""

    def __init__(
        self,
        plan: Plan,
        intent: Intent,
        *,
        timeout: int | None,
        patience: float,
        attach: str,
        service: KernelService,
        lock: LockClient | None,
        journal: Journal,
        reporter: Reporter,
        settle_pause: float = SETTLE_PAUSE,
    ) -> None:
        self._plan, self._intent = plan, intent
        self._timeout, self._patience, self._attach = timeout, patience, attach
        self._service, self._lock = service, lock
        self._journal, self._reporter = journal, reporter
        self._settle_pause = settle_pause
        self._held: Held | None = None
        self.sent = False
        """Kaggle may have heard of this attempt."""

    def start(self) -> Started:
        """Take the lock, push, record the start.

        Raises `Locked` when somebody else runs, `PushRejected`, `NetworkError`; each says what was started, and is
        marked `started` where the lock stays. Anything else before the push, a KeyboardInterrupt too, gives the lock
        back.
        """
        try:
            self._arm()
            return self._push()
        except BaseException as exc:
            if not self.sent or (isinstance(exc, SahelError) and not exc.started):
                self._give_back(exc)
            elif not isinstance(exc, (SahelError, KeyboardInterrupt)):
                self._reporter.say(f"Kaggle may have taken the push; look with: $ {self._attach}", Level.WARN)
            raise

    # -- the lock

    def _arm(self) -> None:
        if self._lock is None:
            return
        self._held = self._lock.acquire_in_turn(self._intent, self._patience)
        self._reporter.status("")
        self._reporter.say(f"lock of {self._plan.ref} taken (fence {self._held.record.fence})")

    def _give_back(self, exc: BaseException) -> None:
        """Nothing of this attempt is on Kaggle: free the lock, and leave no entry to look after."""
        if self._lock is not None and not (isinstance(exc, Refused) and self._held is None):
            try:
                held = self._held or self._unheard(self._lock)
                if held is not None:
                    self._lock.disarm(held, _reason(exc))
            except SahelError as failure:
                # The intent stays written; it expires by itself, and this clone's next run knows that it is dead.
                self._reporter.say(f"the lock could not be given back ({failure.message}); it expires by itself")
                return
        self._journal.at(Step.ENDED)

    def _unheard(self, lock: LockClient) -> Held | None:
        """The grant of an attempt that ended while it asked for one: it may have been written all the same."""
        tip = lock.show()
        if tip is not None and tip.record.state is State.ARMED and tip.record.stamp == self._intent.nonce:
            return Held(tip, 0.0)
        return None

    # -- the push

    def _push(self) -> Started:
        base = self._base_version()
        with tempfile.TemporaryDirectory(prefix="sahel-nb-") as folder:
            write_payload(self._plan, Path(folder))
            if self._lock is not None and self._held is not None:
                self._held = self._lock.confirm(self._held)
            self._reporter.status(f"pushing {self._plan.ref}; Ctrl-C waits for Kaggle's answer")
            # From here to the lock's RUNNING record Ctrl-C waits: half a push is what nobody can reason about.
            with uninterrupted() as arrived:
                self._journal.at(Step.PUSHING)
                self.sent = True
                pushed, failure = self._send(Path(folder), base)
                self._record_start(pushed)
        self._reporter.status("")
        elsewhere = bool(pushed.ref) and pushed.ref.lower() != str(self._plan.ref).lower()
        if elsewhere:
            failure = PushRejected(
                f"Kaggle ran {pushed.ref} in place of {self._plan.ref}",
                kaggle=f"v{pushed.version} of {pushed.ref} has started and spends quota: {pushed.url}",
                hints=("sahel-nb lint",),
                started=True,
            )
        if failure is not None:
            # It runs, crippled: the lock stays with it until it has ended, and whoever attaches gives it back.
            failure.hints = (*failure.hints, self._attach)
            if elsewhere and self._held is not None:
                # Nothing of this kernel may run: then no attach finds an end.
                why = f"Kaggle ran {pushed.ref}"
                failure.hints = (*failure.hints, break_by_force(self._held.record, why))
            raise failure
        return Started(pushed, self._held, arrived[0] if arrived else 0)

    def _base_version(self) -> int:
        if self._held is not None:
            return self._held.record.base_version
        kernel = self._service.kernel(self._plan.ref)
        return 0 if kernel is None else kernel.current_version

    def _send(self, folder: Path, base: int) -> tuple[Pushed, PushRejected | None]:
        try:
            return self._service.push(folder, self._timeout), None
        except PartlyPushed as exc:
            return exc.pushed, exc
        except NetworkError as exc:
            self._reporter.say(f"{exc.message}; asking Kaggle whether it took the push")
            return self._settle(base, exc), None
        except SahelError as exc:
            if exc.started:
                exc.hints = (*exc.hints, self._attach)
            raise

    def _settle(self, base: int, cause: NetworkError) -> Pushed:
        """After an ambiguous answer: did a version with our nonce come to be? Never pushes again.

        Raises `NetworkError`, marked `started` where that cannot be told (the lock then stays ARMED until it expires).
        The last look decides that there is none: a push that was cut may still be on its way at the first.
        """
        nothing_new = False
        for attempt in range(SETTLE_READS):
            if attempt:
                time.sleep(self._settle_pause * attempt)
            try:
                version, newest = self._find(base)
            except SahelError:
                nothing_new = False
                continue
            if version:
                return Pushed(str(self._plan.ref), version, self._service.web_url(self._plan.ref))
            nothing_new = newest <= base
        if nothing_new:
            raise NetworkError(
                f"{cause.message}; Kaggle has no new version of {self._plan.ref}", kaggle=NOTHING_STARTED,
                details=cause.details, hints=(self._attach.replace("sahel-nb attach", "sahel-nb run", 1),),
            ) from cause  # fmt: skip
        raise NetworkError(
            f"{cause.message}; it is not known whether Kaggle took the push",
            kaggle=f"A version of {self._plan.ref} may have started: {self._service.web_url(self._plan.ref)}",
            details=cause.details,
            hints=(self._attach,),
            started=True,
        ) from cause

    def _find(self, base: int) -> tuple[int, int]:
        """The version later than `base` that carries our nonce (0 where there is none), and the newest one."""
        current = self._service.kernel(self._plan.ref)
        newest = 0 if current is None else current.current_version
        # The first that carries it: an edit in the web page takes the stamp along into the versions after it.
        for version in range(base + 1, newest + 1):
            kernel = current if version == newest else self._service.kernel(self._plan.ref, version)
            stamp = Stamp.find(kernel.source) if kernel is not None else None
            if stamp is not None and stamp.nonce == self._plan.stamp.nonce:
                return version, newest
        return 0, newest

    def _record_start(self, pushed: Pushed) -> None:
        """Write RUNNING. What runs on Kaggle goes on whatever the lock's remote does: it then stays ARMED with our
        stamp, which anybody's recovery finds on Kaggle, and `finish` records the start late."""
        if self._lock is None or self._held is None:
            return
        try:
            self._held = self._lock.started(self._held, pushed.version, pushed.url, pushed.kernel_id)
        except NetworkError as exc:
            self._reporter.say(
                f"v{pushed.version} runs, and the lock could not record it yet: {exc.message}", Level.WARN
            )
        except SahelError as exc:
            exc.started = True
            raise


def _reason(exc: BaseException) -> str:
    return str(exc) if isinstance(exc, SahelError) else type(exc).__name__


@contextmanager
def uninterrupted() -> Iterator[list[int]]:
    """Hold Ctrl-C, SIGTERM and SIGHUP back until the block is done; those that arrived are then in the yielded list.

    Masked, because a terminal sends Ctrl-C to the git processes that we started as well, and those inherit the mask;
    and caught as well, because a signal to the process goes to whichever of its threads has it unmasked.
    """
    arrived: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield arrived
        return
    handlers = {number: signal.signal(number, lambda got, _: arrived.append(got)) for number in _HELD_BACK}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        yield arrived
    finally:
        while pending := signal.sigpending() & _HELD_BACK:
            # Without waiting: another thread may have taken it since, and then the handler notes it.
            taken = signal.sigtimedwait(pending, 0)
            if taken is not None:
                arrived.append(taken.si_signo)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
