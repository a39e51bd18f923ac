"""A chain begins anew, and nothing of it is lost: whoever dies in between, whatever the remote answers or does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.lock.backend import SwapResult, Tip, Verdict
from sahel_nb.lock.chain import Chain
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.commands import Compact
from sahel_nb.lock.compaction import compact
from sahel_nb.lock.memory import Fault, Memory, MemoryRemote
from sahel_nb.lock.record import Op, Record, State
from sahel_nb.lock.refusals import ArchiveMissing, FencedOut
from sahel_nb.lock.replay import check
from sahel_nb.lock.transition import Illegal, step
from sahel_nb.lock.verify import replayed
from support.lock_records import AWA, BOB, arm, on, outcome, states, writer
from support.lock_stories import People, hold, newest, ops
from support.locks import KERNEL, FolderKaggle, Notes

CARRIED = [name for name in vars(states()["FREE"]) if name not in ("op", "by", "at", "nonce", "reason", "archive")]


def everything(remote: MemoryRemote) -> list[Record]:
    """All that was ever recorded, oldest first; what was broken on the way is an error."""
    tips = Memory(remote).history(100_000)
    assert list(replayed(tips)) == []
    return [tip.record for tip in reversed(tips)]


def test_nothing_of_the_state_is_lost() -> None:
    free = replace(states()["FREE"], alarms=("v3 was pushed outside the lock",), last_done=7)
    anew = step(free, Compact("a" * 40), writer(BOB, "c"))
    assert {name: getattr(anew, name) for name in CARRIED} == {name: getattr(free, name) for name in CARRIED}
    again = step(anew, arm(AWA, "s9"), writer(AWA, "n"))
    assert (again.fence, again.archive) == (free.fence + 1, "a" * 40)


@pytest.mark.parametrize("state", [name for name in states() if name != "FREE"])
def test_only_a_free_lock_is_compacted(state: str) -> None:
    with pytest.raises(Illegal):
        step(states()[state], Compact("a" * 40), writer(AWA, "c"))


def test_and_only_with_an_archive_of_its_own() -> None:
    free = states()["FREE"]
    anew = step(free, Compact("a" * 40), writer(AWA, "c"))
    for tip, archive in ((free, ""), (anew, "b" * 40), (replace(anew, op=Op.ALARM), "a" * 40), (None, "a" * 40)):
        with pytest.raises(Illegal):
            step(tip, Compact(archive), writer(AWA, "d"))


@pytest.mark.parametrize("change", [*CARRIED, "archive"])
def test_what_begins_anew_otherwise_than_it_ended_is_illegal(change: str) -> None:
    free = states()["FREE"]
    anew = step(free, Compact("a" * 40), writer(BOB, "c"))
    value = getattr(anew, change)
    other = {"queue": states()["OFFERED"].queue, "state": State.HELD, "outcome": outcome(1)}.get(change)
    other = other or (f"{value}x" if isinstance(value, str) else (*value, "x") if isinstance(value, tuple) else 99)
    with pytest.raises(Illegal):
        check(free, replace(anew, **{change: "" if change == "archive" else other}))


def test_runs_before_and_after_are_one_story(remote: MemoryRemote, people: People) -> None:
    awa, bob = people("Awa"), people("Bob")
    assert awa.client.compact() is None
    for fence in (1, 2, 3):
        awa.run()
        tip = bob.client.compact()
        assert tip is not None
        assert (tip.record.fence, len(remote.chain)) == (fence, 1)
        assert bob.client.compact() is None
    assert [record.op for record in everything(remote)] == [Op.ARM, Op.START, Op.FINISH, Op.COMPACT] * 3
    assert [record.fence for record in awa.client.log(6)] == [3, 3, 3, 3, 2, 2]
    assert awa.run().fence == 4, "fences go on"
    assert (newest(remote).alarms, awa.notes.said) == ((), [])


def test_some_hundred_runs(remote: MemoryRemote) -> None:
    chain = remembering(remote)
    for number in range(1, 401):
        for command in ("arm", "start", "finish"):
            tip = remote.tip()
            given = arm(AWA, f"s{number}") if command == "arm" or tip is None else on(tip.record)[command]
            assert chain.write(tip, given) is not None
        if number % 100 == 0:
            assert compact(chain) is not None
    assert len(remote.chain) == 1
    assert len(everything(remote)) == 1204


def test_not_while_somebody_has_it_or_waits(remote: MemoryRemote, people: People) -> None:
    awa, bob = people("Awa"), people("Bob")
    hold(awa)
    with pytest.raises(Refused, match="only while it is free: Awa"):
        bob.client.compact()
    assert (ops(remote), remote.archives) == ([Op.HOLD], {})


def test_an_archive_that_is_gone_is_said_to_be(remote: MemoryRemote, people: People) -> None:
    awa = people("Awa")
    awa.run()
    awa.client.compact()
    remote.archives.clear()
    assert len(awa.client.log(1)) == 1
    with pytest.raises(ArchiveMissing):
        awa.client.log(2)


def test_who_was_overtaken_finds_the_end_of_their_grant_in_the_archive(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle
) -> None:
    awa, bob = people("Awa"), people("Bob")
    armed = awa.client.acquire(awa.intent())
    held = awa.client.started(armed, kaggle.push(armed.record.stamp), "")
    kaggle.end(1)
    bob.run()
    bob.client.compact()
    assert awa.client.finish(held, awa.outcome(held.record)).op is Op.REAP
    remote.archives.clear()
    with pytest.raises((FencedOut, ArchiveMissing)):
        awa.client.finish(held, awa.outcome(held.record))


class DiesBetween(Memory):
    """A process that is killed when the archive is made."""

    def archive(self, tip: Tip) -> SwapResult:
        super().archive(tip)
        raise KeyboardInterrupt


@pytest.mark.parametrize("runs", [0, 1])
def test_killed_between_the_steps_nothing_has_happened(remote: MemoryRemote, people: People, runs: int) -> None:
    """... and it can be done again, whether or not somebody ran meanwhile."""
    awa, bob = people("Awa"), people("Bob")
    awa.run()
    awa.backend = DiesBetween(remote)
    with pytest.raises(KeyboardInterrupt):
        awa.client.compact()
    assert ops(remote) == [Op.ARM, Op.START, Op.FINISH]
    for _ in range(runs):
        bob.run()
    assert bob.client.compact() is not None
    assert len(everything(remote)) == 3 * (1 + runs) + 1
    assert bob.run().fence == 2 + runs


@pytest.mark.parametrize("fault", [Fault.APPLIED_UNANSWERED, Fault.DROPPED_UNANSWERED, Fault.DELAYED, Fault.BUSY])
@pytest.mark.parametrize("before", [0, 1])
def test_an_uncertain_answer_changes_nothing(remote: MemoryRemote, people: People, fault: Fault, before: int) -> None:
    awa = people("Awa")
    awa.run()
    awa.backend.faults = [*[None] * before, fault]
    assert awa.client.compact() is not None
    assert [record.op for record in everything(remote)] == [Op.ARM, Op.START, Op.FINISH, Op.COMPACT]


def test_a_remote_that_never_says_is_an_error_that_says_so(remote: MemoryRemote, people: People) -> None:
    awa = people("Awa")
    awa.run()
    awa.backend.faults = [Fault.DROPPED_UNANSWERED] * 50
    with pytest.raises(NetworkError, match="did not say"):
        awa.client.compact()
    awa.backend.faults = [Fault.BUSY] * 50
    with pytest.raises(Refused, match="lock file"):
        awa.client.compact()
    assert len(everything(remote)) == 3


def test_somebody_goes_on_before_the_answer_comes(remote: MemoryRemote, people: People) -> None:
    awa, bob = people("Awa"), people("Bob")
    awa.run()

    class SlowToAnswer(Memory):
        def swap(self, old: Tip | None, record: Record) -> SwapResult:
            result = super().swap(old, record)
            bob.run()
            return replace(result, verdict=Verdict.UNKNOWN)

    awa.backend = SlowToAnswer(remote)
    tip = awa.client.compact()
    assert tip is not None
    assert (tip.record.op, tip.record.fence) == (Op.FINISH, 2)
    assert len(everything(remote)) == 7


def test_a_remote_where_no_ref_is_replaced(remote: MemoryRemote, people: People) -> None:
    class Forbids(Memory):
        def swap(self, old: Tip | None, record: Record) -> SwapResult:
            if record.op is Op.COMPACT:
                return SwapResult(Verdict.LOST, Tip("x", record))
            return super().swap(old, record)

    awa = people("Awa")
    awa.run()
    awa.backend = Forbids(remote)
    with pytest.raises(Refused, match="lets no chain be replaced"):
        awa.client.compact()
    assert len(everything(remote)) == 3
    assert awa.run().fence == 2


# -- what clients remember


def remembering(remote: MemoryRemote) -> Chain:
    chain = Chain(Memory(remote), FakeClock(), Notes(), kernel=KERNEL, by=f"{AWA} on laptop")
    chain.tip()
    return chain


def test_who_remembers_an_older_tip_takes_a_compacted_chain_for_what_it_is(
    remote: MemoryRemote, people: People
) -> None:
    awa, bob = people("Awa"), people("Bob")
    awa.run()
    chain = remembering(remote)
    bob.client.compact()
    chain.tip()
    assert chain.went_back == ""
    assert chain.write(remote.tip(), arm(AWA, "s9")) is not None


def test_and_a_remote_that_went_back_for_what_that_is(remote: MemoryRemote, people: People) -> None:
    awa = people("Awa")
    awa.run()
    old = list(remote.chain)
    awa.run()
    awa.client.compact()
    chain = remembering(remote)
    remote.chain = old
    chain.tip()
    assert "the remote went back" in chain.went_back


def test_a_remote_that_went_back_is_not_compacted_but_told_of(remote: MemoryRemote, people: People) -> None:
    awa = people("Awa")
    awa.run()
    old = list(remote.chain)
    awa.run()
    client = awa.client
    client.show()
    remote.chain = old
    with pytest.raises(Refused, match="went back"):
        client.compact()
    assert "went back" in newest(remote).alarms[0]
    assert remote.archives == {}


# -- any order


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_in_any_order_with_any_answers_everything_acknowledged_is_found_again(data: st.DataObject) -> None:
    """The chain and its archives are the witness: every acknowledged transition is in them once, in the order in which
    they were acknowledged, and each follows legally on the one before."""
    remote = MemoryRemote()
    faults = st.lists(st.sampled_from((None, *Fault)), max_size=4)
    told: list[str] = []
    for number in range(data.draw(st.integers(1, 25))):
        backend = Memory(remote)
        backend.faults = data.draw(faults)
        chain = Chain(
            backend, FakeClock(), Notes(), kernel=KERNEL, by=f"{data.draw(st.sampled_from((AWA, BOB)))} on laptop"
        )
        tip = remote.tip() if data.draw(st.booleans()) else data.draw(st.sampled_from([None, *remote.chain]))
        kinds = {"arm": arm(AWA, f"s{number}")} if tip is None else {**on(tip.record), "arm": arm(AWA, f"s{number}")}
        kinds.pop("compact", None)
        kind = data.draw(st.sampled_from(["arm", "compact", *sorted(kinds)]))
        try:
            if kind == "compact":
                if tip is None:
                    continue
                chain.archive(tip)
                won = chain.write(tip, Compact(tip.oid))
            else:
                won = chain.write(tip, kinds[kind])
        except (Illegal, NetworkError, Refused):
            continue
        if won is not None:
            told.append(won.oid)
    tips = Memory(remote).history(1000)
    assert [one.why for one in replayed(tips) if not one.why.endswith(" alone")] == [], "who writes what is drawn, too"
    ids = [tip.oid for tip in reversed(tips)]
    assert len(set(ids)) == len(ids)
    assert [oid for oid in ids if oid in set(told)] == told
    assert sum(tip.record.op is Op.COMPACT for tip in tips) <= len(remote.archives)
    assert tips == () or tips[0].record.state in State
