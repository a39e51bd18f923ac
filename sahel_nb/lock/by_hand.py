"""The lock by hand: what was taken for maintenance is given back, and a lock is broken by somebody who says why."""

from __future__ import annotations

from sahel_nb.errors import Refused, SahelError
from sahel_nb.lock.chain import ROUNDS, Chain
from sahel_nb.lock.commands import Break, Release
from sahel_nb.lock.grants import Held
from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.record import Record, State, clean
from sahel_nb.lock.refusals import UNREADABLE, break_by_force, occupant, undecided
from sahel_nb.lock.survey import Survey
from sahel_nb.lock.transition import Illegal


def give_back(chain: Chain, actor: str, reason: str) -> Record | None:
    """Release what `actor` holds by hand. None where nobody held anything. Raises `Refused` for anybody else's."""
    for _ in range(ROUNDS):
        tip = chain.tip()
        if tip is None or not tip.record.is_held:
            return None
        record = tip.record
        if record.state is not State.HELD:
            raise Refused(
                f"{chain.kernel} is not held by hand: {occupant(record)}",
                hints=(f"sahel-nb attach {chain.kernel}",),
            )
        if record.actor != clean(actor):
            hint = f"sahel-nb lock break {chain.kernel} --fence {record.fence} --reason TEXT"
            raise Refused(f"{chain.kernel} is not yours to release: {occupant(record)}", hints=(hint,))
        won = chain.write(tip, Release(Held(tip, 0.0).grant, clean(reason)))
        if won is not None:
            return won.record
    raise undecided(chain.kernel, ("the lock's record kept changing",))


def break_lock(chain: Chain, survey: Survey, *, fence: int, reason: str, force: bool) -> Record:
    """End grant `fence`, whoever has it. Raises `Refused` while Kaggle does not say that everything has ended, unless
    forced: then what may still run is on record as an alarm, and the next run does not wait for it."""
    if not reason.strip():
        raise Refused("breaking a lock needs a reason", hints=(f"sahel-nb lock show {chain.kernel}",))
    for _ in range(ROUNDS):
        tip = chain.tip()
        record = tip.record if tip else None
        if tip is None or record is None or not record.is_held:
            state = record.state.value if record else "FREE"
            raise Refused(
                f"{chain.kernel} is {state}: there is nothing to break", hints=(f"sahel-nb lock show {chain.kernel}",)
            )
        if record.fence != fence:
            hint = f"sahel-nb lock show {chain.kernel}"
            raise Refused(f"{chain.kernel} has fence {record.fence} now, not {fence}: look again", hints=(hint,))
        last_done, alarms = _seen(chain.kernel, survey, record, force=force)
        try:
            won = chain.write(tip, Break(fence, clean(reason), last_done, alarms))
        except Illegal as exc:
            raise Refused(f"{chain.kernel}: {exc}", hints=(f"sahel-nb lock show {chain.kernel}",)) from exc
        if won is not None:
            return won.record
    raise undecided(chain.kernel, ("the lock's record kept changing",))


def _seen(kernel: str, survey: Survey, record: Record, *, force: bool) -> tuple[int, tuple[str, ...]]:
    floor = max(record.last_done, record.kaggle_version or 0)
    again = break_by_force(record)
    try:
        sight = survey.look(record)
        busy = () if sight.other else survey.busy(sight)
        unknown = any(survey.phase(version) is Phase.UNKNOWN for version in busy)
    except SahelError as exc:
        if not force:
            exc.hints = (*exc.hints, again)
            raise
        return floor, (f"the lock was broken by force, and Kaggle could not be asked: {clean(exc.message)}",)
    names = ", ".join(f"v{version}" for version in busy)
    if busy and not force:
        raise Refused(
            f"{kernel}: {names} has not ended on Kaggle: the lock does what it is there for",
            details=(occupant(record), *((UNREADABLE,) if unknown else ())),
            hints=(f"sahel-nb attach {kernel}", f"sahel-nb stop {kernel}", again),
        )
    warned = (f"the lock was broken by force while {names} had not ended",) if busy else ()
    return max(sight.newest, floor) if not sight.other else floor, (*warned, *survey.outsiders(record, sight))
