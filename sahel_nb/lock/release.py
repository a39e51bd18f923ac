"""Step 7: the lock is given back with the outcome, and not before everything on Kaggle has ended."""

from __future__ import annotations

from dataclasses import asdict

from sahel_nb.lock.backend import Tip
from sahel_nb.lock.chain import ROUNDS, Chain
from sahel_nb.lock.commands import Alarm, Disarm, Finish, Reap, Start
from sahel_nb.lock.grants import Held
from sahel_nb.lock.record import Outcome, Record, State, clean
from sahel_nb.lock.refusals import FencedOut, undecided
from sahel_nb.lock.survey import Survey
from sahel_nb.report.events import Reporter

HISTORY = 200


def finish(
    chain: Chain, survey: Survey, reporter: Reporter, held: Held, outcome: Outcome, alarms: tuple[str, ...] = ()
) -> Record:
    """Release with the outcome and `alarms`; see `LockClient.finish`."""
    outcome = _cleaned(outcome)
    alarms = tuple(map(clean, alarms))
    tip: Tip | None = held.tip
    lost = 0
    while lost < ROUNDS:
        if tip is None or not tip.record.same_grant(held.record):
            return _long_finished(chain, held, tip)
        record = tip.record
        if not record.is_held:
            return _complete(chain, tip, outcome, alarms)
        if record.state is State.ARMED:
            # The push was made, and our process or the network died before it was recorded.
            started = chain.write(tip, Start(held.grant, outcome.version, outcome.url))
            lost += started is None
            tip = started or chain.tip()
            continue
        sight = survey.look(record)
        newest = max(record.last_done, record.kaggle_version or 0) if sight.other else sight.newest
        busy = survey.busy_beside(record, sight)
        foreign = survey.outsiders(record, sight)
        if not busy:
            won = chain.write(tip, _end(chain, record, Finish(held.grant, newest, outcome, (*foreign, *alarms))))
            if won is not None:
                reporter.status("")
                return won.record
            lost += 1
        elif foreign:
            # Written before we wait, with the outcome: whoever reaps this lock when we are gone will know both.
            lost += chain.write(tip, Alarm(foreign[0], outcome)) is None
        else:
            names = ", ".join(f"v{version}" for version in busy)
            reporter.status(f"holding the lock of {chain.kernel} until {names} has ended too")
            chain.pause(5, 20)
        tip = chain.tip()
    raise undecided(chain.kernel, ("the lock's record kept changing",))


def _end(chain: Chain, record: Record, finish: Finish) -> Finish | Reap:
    """Whoever has followed somebody else's run to its end cannot give the lock back in that person's name."""
    if chain.by.startswith(f"{record.actor} on "):
        return finish
    reason = f"followed to its end by {chain.by}: v{record.kaggle_version} was {finish.outcome.status}"
    return Reap(finish.last_done, reason, finish.outcome, finish.alarms)


def _complete(chain: Chain, tip: Tip, outcome: Outcome, alarms: tuple[str, ...]) -> Record:
    """Our run was reaped while we still fetched its outputs: add what only we know, if the chain still ends there."""
    record = tip.record
    known = record.outcome is not None and record.outcome.outputs_digest
    if known or not outcome.outputs_digest or record.kaggle_version != outcome.version:
        return record
    for text in (f"v{outcome.version} was reaped before its outcome was recorded", *alarms):
        completed = chain.write(tip, Alarm(text, outcome))
        if completed is None:
            break
        tip = completed
    return tip.record


def disarm(chain: Chain, held: Held, reason: str) -> None:
    """Give the lock back before anything was pushed; see `LockClient.disarm`."""
    tip: Tip | None = held.tip
    for _ in range(ROUNDS):
        if tip is None or not tip.record.same_grant(held.record) or tip.record.state is not State.ARMED:
            return
        if chain.write(tip, Disarm(held.grant, clean(reason))):
            return
        tip = chain.tip()


def _long_finished(chain: Chain, held: Held, tip: Tip | None) -> Record:
    """The chain has gone on after our grant: find the record that ended it. Only who was overtaken reads so much."""
    for record in chain.history(HISTORY):
        if record.same_grant(held.record) and not record.is_held:
            return record
    raise FencedOut(
        chain.kernel,
        tip.record if tip else None,
        f"the chain does not know how grant {held.record.fence} ended",
        kaggle="The run itself is not touched by this.",
    )


def _cleaned(outcome: Outcome) -> Outcome:
    words = {key: clean(value) for key, value in asdict(outcome).items() if isinstance(value, str)}
    return Outcome(version=outcome.version, **words)
