"""What must hold on every edge of the exploration, said without the code that it judges."""

from __future__ import annotations

from sahel_nb.lock.alarms import unacknowledged
from sahel_nb.lock.record import Op, Record, State

from .chain import Violation
from .world import LONG, Local, Shared


def check_write(before: Record | None, after: Record, client: Local, shared: Shared, *, prompt: bool) -> None:
    """One record follows on another. `prompt`: no pause is longer than the TTL, and nobody pushes without the lock."""
    grants = after.op in (Op.ARM, Op.HOLD)
    fence = before.fence if before else 0
    _require(after.fence == fence + grants, "the fence counts grants")
    _require((after.state is State.FREE) <= (not after.queue), "a free lock is offered to whoever waits")
    _require((after.state is State.OFFERED) <= bool(after.queue), "an offer is made to somebody")
    if before is None:
        return
    anew = after.kernel_id != before.kernel_id
    _require(anew or after.last_done >= before.last_done, "what has ended has ended")
    if after.op is Op.COMPACT:
        _check_compaction(before, after, shared)
    if grants:
        _require(not before.is_held, "a grant follows on no other")
        _require(before.stamp != after.stamp, "a grant has its own stamp")
        still = unacknowledged(before.alarms)
        _require(set(still) <= set(after.alarms), "an alarm stays until somebody has looked into it")
        lost = client.known and shared.path and client.known not in shared.path
        _require(not lost, "nobody takes a lock that has lost what they remember")
        if before.queue:
            _require(before.queue[0].nonce == after.stamp, "first come, first served")
    _check_queue(before, after)
    ended = before.is_held and not after.is_held
    if ended and after.op not in (Op.BREAK, Op.REAP):
        _require(client.stamp == before.stamp or before.state is State.HELD, "only its holder ends a grant as its own")
    if ended and before.state is State.RUNNING and after.op is not Op.BREAK:
        told = after.outcome.version if after.outcome else 0
        _require(told == before.kaggle_version, "a run that has ended has its outcome on record")
    if ended and before.kaggle_version:
        _require(after.last_done >= before.kaggle_version, "a run that has ended is not waited for again")
    if after.op in (Op.START, Op.ADOPT) and after.kaggle_version != before.base_version + 1:
        _require(after.alarms != before.alarms, "a version that was not to be expected is an alarm at once")
    if after.op is Op.BREAK:
        _require(client.version == before.fence, "a break ends the grant that was looked at")
    for number in range(1 if anew else before.last_done + 1, after.last_done + 1):
        if after.kernel_id not in (0, shared.kernel):
            break  # of a kernel that is not there any more
        still = number <= len(shared.versions) and shared.versions[number - 1].runs
        _require(not still or number in shared.forced, "what is said to have ended has ended")
    if after.op is Op.REAP and before.state is State.ARMED and before.stamp[0] != client.who:
        _require(shared.age >= LONG, "an intent is given up after its TTL, and not before")
    if after.op is Op.REAP and before.state is State.ARMED and prompt:
        there = any(version.stamp == before.stamp for version in shared.versions)
        _require(not there, "a run that is on Kaggle is adopted")
    if after.op is Op.ADOPT and after.kernel_id in (0, shared.kernel):
        stamp = shared.versions[(after.kaggle_version or 0) - 1].stamp
        _require(stamp == before.stamp, "what is adopted carries the stamp")
    if after.op is Op.PASS and before.queue[0].nonce[0] != client.who:
        _require(shared.age >= LONG, "an offer stands for its TTL")


def _check_compaction(before: Record, after: Record, shared: Shared) -> None:
    _require(before.state is State.FREE, "only a free lock is compacted")
    _require(shared.tip in shared.archived, "a chain is archived before it begins anew")
    _require(after.archive == str(shared.tip), "a chain that begins anew says what was before it")
    for name in ("state", "fence", "stamp", "hb", "last_done", "kaggle_version", "queue", "alarms", "outcome"):
        _require(getattr(before, name) == getattr(after, name), "a chain begins anew with what it ended with")


def _check_queue(before: Record, after: Record) -> None:
    old, new = before.queue, after.queue
    if after.op is Op.ENQUEUE:
        _require(new[:-1] == old and len(new) == len(old) + 1, "who comes stands at the end")
        _require(before.observed == after.observed or before.state is State.FREE, "who waits keeps nobody alive")
        return
    if new != old:
        gone = [ticket for ticket in old if ticket not in new]
        _require([t for t in old if t not in gone] == list(new) and len(gone) == 1, "the queue keeps its order")
        _require(after.op in (Op.ARM, Op.HOLD, Op.LEAVE, Op.PASS), "nobody else loses their place")
    offered = after.state is State.OFFERED
    if offered and (before.state is not State.OFFERED or before.queue[0] != after.queue[0]):
        _require(before.observed != after.observed, "every offer stands for a time of its own")


def check_push(shared: Shared, *, prompt: bool) -> None:
    running = [n for n, version in enumerate(shared.versions, 1) if version.runs and n not in shared.forced]
    _require(not (prompt and running), "nothing overlaps while pauses are shorter than the TTL")


def check_move(before: Local, after: Local, old: Shared, new: Shared, *, as_won: Local) -> None:
    """One client has taken a step. `as_won` is how it would go on if its record had been written."""
    died = new.left.crashes < old.left.crashes
    if not died and before.at in ("swap", "unsure") and after == as_won and after.at not in ("swap", "unsure", "plan"):
        _require(before.new in (old.tip, new.tip), "nobody goes on without the record")
    if before.at == "plan" and before.seen and after.seen and before.seen != after.seen:
        _require(before.seen[:2] != after.seen[:2], "who waits does not make the others watch anew")


def check_memory(before: Local, after: Local, new: Shared, alarms: tuple[str, ...]) -> None:
    """What a clone remembers is replaced by what follows on it, or when its loss is on record."""
    if after.known != before.known and before.known:
        told = any("went back" in text for text in alarms)
        _require(told or before.known in new.path, "a newer record is not forgotten for an older one")


def check_rescue(shared: Shared, *, got: bool) -> None:
    """Everybody has died at this moment; a newcomer had all the time they wanted, and then took the lock and ran."""
    _require(got, "whoever comes next gets the lock, whoever has died")
    _require(not shared.overlaps, "an overlap is reported, whoever has died")


def _require(holds: object, promise: str) -> None:
    if not holds:
        raise Violation(promise)
