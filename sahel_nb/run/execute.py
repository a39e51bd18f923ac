"""The route of a run, in the order in which a crash at any point leaves something that others can finish.

    plan → preflight → [lock: ARMED] → confirm → push → [lock: RUNNING vN] → follow → outputs → [lock: FREE]

The journal is written before each step, the lock's record before the push. Nothing that is not idempotent is ever
repeated: an ambiguous push is settled by reading what Kaggle has (see `run.start`).
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sahel_nb.errors import NOTHING_STARTED
from sahel_nb.kernels.service import KernelService
from sahel_nb.lock.client import LockClient
from sahel_nb.lock.grants import Intent
from sahel_nb.report.events import Reporter
from sahel_nb.run import journal as journals
from sahel_nb.run.finish import Code, Collecting, Finished, Job, finish
from sahel_nb.run.journal import Entry, Journal, Step
from sahel_nb.run.plan import Plan, began
from sahel_nb.run.start import Started, Starter

_SECRETS = b"kaggle_secrets"


class Waiting(Enum):
    """What `run` does after the push."""

    FOLLOW = "follow"
    DETACH = "detach"


@dataclass(frozen=True)
class RunOptions:
    timeout: int
    """Seconds that the session may take on Kaggle."""
    waiting: Waiting
    attach: str
    """What to type to go on with this run, from any clone."""
    patience: float = 0.0
    """Seconds to wait for somebody else's run to end before giving up."""


@dataclass(frozen=True)
class Who:
    """Who runs, for the record: the git user, the Kaggle account, the machine, and which service runs it."""

    actor: str
    account: str
    host: str
    service: str


@dataclass(frozen=True)
class Places:
    """Where a run keeps things: the clone's journal, and the root and folder for outputs."""

    journal: Path
    root: Path
    outputs: str


@dataclass(frozen=True)
class Detached:
    """A run that goes on without us; `attach` is what to type to go on with it."""

    kernel: str
    version: int
    url: str
    run_id: str
    attach: str


def execute(
    plan: Plan,
    options: RunOptions,
    *,
    who: Who,
    places: Places,
    service: KernelService,
    lock: LockClient | None,
    reporter: Reporter,
) -> Finished | Detached:
    """Run `plan`. `lock` is None for a personal slug.

    Raises what `Starter.start` and `finish` raise; each says what was started and what is still held. A
    KeyboardInterrupt before the push gives the lock back; after it, it detaches. Which of the two is said.
    """
    journals.sweep(places.journal)
    entry = Entry(plan.stamp.run_id, plan.stamp.nonce, str(plan.ref), plan.stamp.commit, Step.ARMING.value)
    with Journal(places.journal, entry) as journal:
        starter = _starter(plan, options, who, service, lock, journal, reporter)
        try:
            started = starter.start()
            version, url = started.pushed.version, started.pushed.url
            reporter.say(f"{plan.ref} v{version} started from commit {plan.source.commit.short}: {url}")
            if _SECRETS in plan.source.code:
                reporter.say(
                    "it reads Kaggle Secrets, which a push through the API may detach; attach them in the web page, "
                    "Add-ons → Secrets, if it misses one"
                )
            journal.at(Step.FOLLOWING, version=version, url=url)
            if started.interrupted:
                signal.raise_signal(started.interrupted)
            if options.waiting is Waiting.DETACH:
                reporter.say(f"detached; go on with: $ {options.attach}")
                return Detached(str(plan.ref), version, url, plan.stamp.run_id, options.attach)
            finished = finish(
                _job(plan, who, started), places=places.root / places.outputs, service=service, lock=lock,
                held=started.held, reporter=reporter, attach=options.attach, at=journal.at,
            )  # fmt: skip
        except Collecting as exc:
            reporter.say(exc.says(options.attach))
            raise
        except KeyboardInterrupt:
            if starter.sent:
                reporter.say(f"detached: {plan.ref} goes on on Kaggle; follow it with: $ {options.attach}")
            else:
                reporter.say(f"stopped. {NOTHING_STARTED}")
            raise
        journal.at(Step.ENDED)
        return finished


def _starter(
    plan: Plan,
    options: RunOptions,
    who: Who,
    service: KernelService,
    lock: LockClient | None,
    journal: Journal,
    reporter: Reporter,
) -> Starter:
    intent = Intent(
        run_id=plan.stamp.run_id,
        nonce=plan.stamp.nonce,
        actor=who.actor,
        host=who.host,
        git_commit=plan.stamp.commit,
        src_digest=plan.digest,
    )
    return Starter(
        plan, intent, timeout=options.timeout, patience=options.patience, attach=options.attach,
        service=service, lock=lock, journal=journal, reporter=reporter,
    )  # fmt: skip


def _job(plan: Plan, who: Who, started: Started) -> Job:
    return Job(
        ref=plan.ref,
        shared=plan.source.metadata.ref,
        dev=plan.dev,
        run_id=plan.stamp.run_id,
        commit=plan.stamp.commit,
        subject=plan.source.commit.subject,
        source_sha256=plan.digest,
        version=started.pushed.version,
        url=started.pushed.url,
        # As whoever attaches will read it: both must name the same folder.
        began=started.held.record.since if started.held is not None else began(plan.stamp.run_id),
        actor=who.actor,
        account=who.account,
        host=who.host,
        service=who.service,
        nonce=plan.stamp.nonce,
        code=Code(plan.source.code, plan.source.is_notebook),
    )
