"""The route of a run, in the order in which a crash at any point leaves something that others can finish.

    plan → preflight → [lock: ARMED] → confirm → push → [lock: RUNNING vN] → follow → outputs → [lock: FREE]

The journal is written before each step, the lock's record before the push. Nothing that is not idempotent is ever
repeated: an ambiguous push is settled by reading what Kaggle has (see `_settle`).
"""

from __future__ import annotations

import random
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import FrameType

from sahel_nb.errors import (
    NOTHING_STARTED,
    NetworkError,
    PushRejected,
    SahelError,
)
from sahel_nb.kernels.model import KernelRef, Pushed
from sahel_nb.kernels.service import KernelService, PartlyPushed
from sahel_nb.kernels.stamp import Stamp
from sahel_nb.lock.client import LockClient
from sahel_nb.lock.grants import Held, Intent
from sahel_nb.lock.refusals import KaggleBusy, Locked
from sahel_nb.report.events import Level, Reporter
from sahel_nb.run.finish import Finished, Job, finish
from sahel_nb.run.journal import Entry, Journal, Step
from sahel_nb.run.plan import Plan, write_payload

SETTLE_READS = 6
SETTLE_PAUSE = 2.0


class Waiting(Enum):
    """What `run` does after the push."""

    FOLLOW = "follow"
    DETACH = "detach"


@dataclass(frozen=True)
class RunOptions:
    timeout: int | None
    """Seconds that the session may take on Kaggle; None leaves it to Kaggle."""
    waiting: Waiting
    patience: float = 0.0
    """Seconds to wait for somebody else's run to end before giving up."""


@dataclass(frozen=True)
class Who:
    """Who runs, for the record: the git user, the Kaggle account, the machine."""

    actor: str
    account: str
    host: str


@dataclass(frozen=True)
class Places:
    """Where a run keeps things: the clone's journal, and the root and folder for outputs."""

    journal: Path
    root: Path
    outputs: str


def execute(
    plan: Plan,
    options: RunOptions,
    *,
    who: Who,
    places: Places,
    service: KernelService,
    lock: LockClient | None,
    reporter: Reporter,
) -> Finished | None:
    """Run `plan`. `lock` is None for a personal slug. Returns None when detached.

    Raises `Locked` when somebody else runs, `PushRejected`, `NetworkError`, and what `finish` raises; each says what
    was started and what is still held. A KeyboardInterrupt before the push gives the lock back; after it, it detaches.
    """
    entry = Entry(plan.stamp.run_id, plan.stamp.nonce, str(plan.ref), plan.stamp.commit, Step.ARMING.value)
    with Journal(places.journal, entry) as journal:
        held = _arm(plan, who, lock, options.patience, reporter)
        base = _base_version(plan.ref, service, lock, held)
        try:
            pushed, held = _push(plan, options, base, service, lock, held, journal, reporter)
        except (SahelError, KeyboardInterrupt) as exc:
            if not (isinstance(exc, SahelError) and exc.started):
                _disarm(lock, held, exc, reporter)
                journal.at(Step.ENDED)
            raise
        reporter.say(f"{plan.ref} v{pushed.version} started from commit {plan.source.commit.short}: {pushed.url}")
        journal.at(Step.FOLLOWING, version=pushed.version, url=pushed.url)
        job = Job(
            ref=plan.ref,
            shared=plan.source.metadata.ref,
            dev=plan.dev,
            run_id=plan.stamp.run_id,
            commit=plan.stamp.commit,
            subject=plan.source.commit.subject,
            source_sha256=plan.digest,
            version=pushed.version,
            url=pushed.url,
            began=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            actor=who.actor,
            account=who.account,
            host=who.host,
        )
        if options.waiting is Waiting.DETACH:
            return None
        finished = finish(job, places=places.root / places.outputs, service=service, lock=lock, held=held,
                          reporter=reporter, at=journal.at)  # fmt: skip
        journal.at(Step.ENDED)
        return finished


def _arm(plan: Plan, who: Who, lock: LockClient | None, patience: float, reporter: Reporter) -> Held | None:
    if lock is None:
        return None
    intent = Intent(
        run_id=plan.stamp.run_id,
        nonce=plan.stamp.nonce,
        actor=who.actor,
        host=who.host,
        git_commit=plan.stamp.commit,
        src_digest=plan.digest,
    )
    deadline = time.monotonic() + patience
    pause = 2.0
    while True:
        try:
            held = lock.acquire(intent)
        except (Locked, KaggleBusy) as exc:
            left = deadline - time.monotonic()
            if left <= 0:
                raise
            reporter.status(f"waiting: {exc.message}")
            # Jitter, so that several who wait do not ask in step; nobody is kept in line yet.
            time.sleep(min(left, pause * random.uniform(0.8, 1.2)))  # noqa: S311  no secret depends on it
            pause = min(pause * 1.5, 60.0)
        else:
            reporter.status("")
            reporter.say(f"lock of {plan.ref} taken (fence {held.record.fence})")
            return held


def _base_version(ref: KernelRef, service: KernelService, lock: LockClient | None, held: Held | None) -> int:
    if lock is not None and held is not None:
        return held.record.base_version
    kernel = service.kernel(ref)
    return 0 if kernel is None else kernel.current_version


def _push(
    plan: Plan,
    options: RunOptions,
    base: int,
    service: KernelService,
    lock: LockClient | None,
    held: Held | None,
    journal: Journal,
    reporter: Reporter,
) -> tuple[Pushed, Held | None]:
    with tempfile.TemporaryDirectory(prefix="sahel-nb-") as folder:
        write_payload(plan, Path(folder))
        if lock is not None and held is not None:
            held = lock.confirm(held)
        # From here to the lock's RUNNING record Ctrl-C waits: half a push is what nobody can reason about.
        with _uninterrupted():
            journal.at(Step.PUSHING)
            failure: PushRejected | None = None
            try:
                pushed = service.push(Path(folder), options.timeout)
            except NetworkError as exc:
                reporter.say(f"{exc.message}; asking Kaggle whether it took the push")
                pushed = _settle(plan, base, service, exc)
            except PartlyPushed as exc:
                pushed, failure = exc.pushed, exc
            if lock is not None and held is not None:
                held = _record_start(lock, held, pushed, reporter)
    if pushed.ref and pushed.ref.lower() != str(plan.ref).lower():
        failure = PushRejected(
            f"Kaggle ran {pushed.ref} in place of {plan.ref}",
            kaggle=f"v{pushed.version} of {pushed.ref} has started and spends quota: {pushed.url}",
            hints=("sahel-nb lint",),
        )
    if failure is not None:
        # It runs, crippled: the lock stays with it until it has ended, and whoever attaches gives it back.
        failure.started = True
        failure.hints = (*failure.hints, attach_command(plan))
        raise failure
    return pushed, held


def _record_start(lock: LockClient, held: Held, pushed: Pushed, reporter: Reporter) -> Held:
    """Write RUNNING. What runs on Kaggle goes on whatever the lock's remote does: it then stays ARMED with our stamp,
    which anybody's recovery finds on Kaggle, and `finish` records the start late."""
    try:
        return lock.started(held, pushed.version, pushed.url)
    except NetworkError as exc:
        reporter.say(f"v{pushed.version} runs, and the lock could not record it yet: {exc.message}", Level.WARN)
        return held
    except SahelError as exc:
        exc.started = True
        raise


def _settle(plan: Plan, base: int, service: KernelService, cause: NetworkError) -> Pushed:
    """After an ambiguous answer: did a version with our nonce come to be? Never pushes again.

    Raises `NetworkError`, marked `started` where that cannot be told (the lock then stays ARMED until it expires).
    """
    answered = False
    for attempt in range(SETTLE_READS):
        if attempt:
            time.sleep(SETTLE_PAUSE * attempt)
        try:
            current = service.kernel(plan.ref)
        except SahelError:
            continue
        answered = True
        version = 0 if current is None else current.current_version
        if current is not None and version > base:
            stamp = Stamp.find(current.source)
            if stamp is not None and stamp.nonce == plan.stamp.nonce:
                return Pushed(str(plan.ref), version, service.web_url(plan.ref))
            break  # a newer version, and not ours: only the lock's recovery may say more
    else:
        if answered:
            raise NetworkError(f"{cause.message}; Kaggle has no new version of {plan.ref}", kaggle=NOTHING_STARTED,
                               hints=("sahel-nb run",)) from cause  # fmt: skip
    raise NetworkError(
        f"{cause.message}; it is not known whether Kaggle took the push",
        kaggle=f"A version of {plan.ref} may have started: {service.web_url(plan.ref)}",
        hints=(attach_command(plan),),
        started=True,
    ) from cause


def attach_command(plan: Plan) -> str:
    """What to type to go on with this run, from any clone."""
    return f"sahel-nb attach --dev {plan.source.metadata.ref}" if plan.dev else f"sahel-nb attach {plan.ref}"


def _disarm(lock: LockClient | None, held: Held | None, exc: BaseException, reporter: Reporter) -> None:
    if lock is None or held is None:
        return
    try:
        lock.disarm(held, str(exc) or type(exc).__name__)
    except SahelError as failure:
        # The intent stays written; it expires by itself, and this clone's next run knows that it is dead.
        reporter.say(f"the lock could not be given back ({failure.message}); it expires by itself")


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the block is done; then it counts."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal arrived
        arrived = True

    previous = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if arrived:
        raise KeyboardInterrupt
