"""A remote that lost what it had acknowledged: whoever remembers more says so and records it, and nothing begins on it
before a person has decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sahel_nb.lock.grants import Recovery
from sahel_nb.lock.memory import Memory, MemoryRemote
from sahel_nb.lock.record import Op, State
from sahel_nb.lock.refusals import WentBack
from sahel_nb.lock.tip_memory import Forgetful
from support.lock_stories import People
from support.locks import FolderKaggle, Person


@pytest.fixture
def awa(people: People) -> Person:
    """At a clone whose memory outlives its processes: each `client` is a new one."""
    awa = people("Awa")
    awa.memory = Forgetful()
    return awa


def test_within_one_grant(remote: MemoryRemote, awa: Person) -> None:
    awa.run()
    intent = replace(awa.intent(), reason="maintenance")
    awa.client.hold(intent)
    awa.client.break_lock(fence=2, reason="she left", force=False)
    broken = remote.chain.pop()
    for begin in (awa.client.acquire, awa.client.hold):
        with pytest.raises(WentBack, match=f"the remote went back: record {broken.oid[:9]} \\(break, fence 2"):
            begin(replace(awa.intent(), reason="maintenance"))
    assert [tip.record.op for tip in remote.chain[-2:]] == [Op.HOLD, Op.ALARM], "once, however often it is seen"
    assert "went back" in remote.chain[-1].record.alarms[-1]
    assert any("went back" in text for text in awa.notes.said)


def test_over_grants_whatever_looked_in_between(remote: MemoryRemote, awa: Person, people: People) -> None:
    for _ in range(3):
        awa.run()
    del remote.chain[-3:]
    for _ in range(2):
        awa.client.show()  # as `run --dry-run` does
    with pytest.raises(WentBack):
        awa.client.acquire(awa.intent())
    assert [tip.record.op for tip in remote.chain[-2:]] == [Op.FINISH, Op.ALARM]

    other = people("Bob")  # a new clone, which remembers nothing: told, and free to go on
    assert other.run().fence == 3
    assert any("went back" in text for text in other.notes.said)


def test_and_when_others_have_gone_on_from_there(remote: MemoryRemote, awa: Person, people: People) -> None:
    awa.run()
    awa.run()
    del remote.chain[-3:]
    for _ in range(3):
        people("Bob").run()
    with pytest.raises(WentBack):
        awa.client.acquire(awa.intent())


def test_a_person_decides_and_it_is_on_record(remote: MemoryRemote, awa: Person) -> None:
    awa.run()
    awa.run()
    del remote.chain[-3:]
    with pytest.raises(WentBack, match="went back") as caught:
        awa.client.acquire(awa.intent())
    assert any("lock ack" in hint for hint in caught.value.hints)
    acknowledged = awa.client.acknowledge("restored from Monday's backup")
    assert acknowledged is not None
    assert "went back" in acknowledged[-1]
    last = remote.chain[-1].record.alarms[-1]
    assert last.startswith("acknowledged by Awa <awa@example.org> on awa-laptop at ")
    assert last.endswith(": restored from Monday's backup")
    record = awa.run()
    assert record.fence == 2
    assert record.alarms == ("v2 was pushed by sahel-nb, under a lock that this chain does not know",)
    assert awa.client.acknowledge("that was v2 of the lost record") == record.alarms
    assert awa.client.acknowledge("again") is None


def test_where_the_whole_chain_is_gone_the_next_grant_tells_it(remote: MemoryRemote, awa: Person) -> None:
    awa.run()
    remote.chain.clear()
    with pytest.raises(WentBack):
        awa.client.acquire(awa.intent())
    assert remote.chain == [], "a first record would be a grant"
    assert awa.client.acknowledge("a new server") is not None
    held = awa.client.acquire(awa.intent())
    assert held.record.fence == 1
    assert "went back" in held.record.alarms[0]
    assert "a new server" in held.record.alarms[0]


def test_what_is_on_is_brought_to_its_end(remote: MemoryRemote, awa: Person, kaggle: FolderKaggle) -> None:
    client = awa.client
    held = client.confirm(client.acquire(awa.intent()))
    version = kaggle.push(held.record.stamp)
    held = client.started(held, version, "url")
    remote.chain.pop()  # ARMED again: the start is lost
    kaggle.end(version)
    done = client.finish(held, awa.outcome(held.record))
    assert (done.state, done.outcome.version if done.outcome else 0) == (State.FREE, version)
    assert any("went back" in text for text in done.alarms)
    with pytest.raises(WentBack):
        awa.client.acquire(awa.intent())


def test_a_remote_that_only_answered_late_has_lost_nothing(remote: MemoryRemote, awa: Person) -> None:
    """A replica that lags shows an older record; the swap, which the remote itself decides, finds the newer one."""
    awa.run()

    class Lagging(Memory):
        lags = 1

        def read(self, since: object = None) -> object:  # type: ignore[override]
            if self.lags:
                self.lags -= 1
                return self.remote.chain[-2]
            return super().read()

    awa.backend = Lagging(remote)
    assert awa.client.recover(wait=False).state is not Recovery.ARMED
    awa.backend = Lagging(remote)
    awa.backend.faults = []
    held = awa.client.acquire(awa.intent())
    assert not any("went back" in tip.record.alarms for tip in remote.chain)
    awa.client.disarm(held, "")
