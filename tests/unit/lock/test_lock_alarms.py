"""Alarms reach people, again and again, until somebody has looked into them; and they say whose run it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.lock.alarms import MOST, acknowledgement, added, carried, unacknowledged
from sahel_nb.lock.commands import Alarm
from sahel_nb.lock.memory import MemoryRemote
from sahel_nb.lock.record import Op
from sahel_nb.lock.replay import check
from sahel_nb.lock.transition import step
from support.lock_records import AWA, arm, writer
from support.lock_stories import People
from support.locks import FolderKaggle

ACK = acknowledgement("Awa <awa@example.org> on laptop", "2026-01-02T03:04:05Z", "a test")
alarms = st.lists(st.sampled_from(["v1", "v2", "v3", ACK]), max_size=8).map(tuple)


def overtaken(people: People, kaggle: FolderKaggle) -> None:
    """Awa's push is on its way when her grant is given up; Bob runs beside it."""
    awa, bob = people("Awa"), people("Bob")
    late = awa.client.confirm(awa.client.acquire(awa.intent()))
    bob.client.recover(wait=True)
    client = bob.client
    held = client.confirm(client.acquire(bob.intent()))
    kaggle.push(late.record.stamp)  # Awa's client is killed before it can tell
    held = client.started(held, kaggle.push(held.record.stamp), "url")
    kaggle.end(1)
    kaggle.end(2)
    client.finish(held, bob.outcome(held.record))
    told = [text for text in bob.notes.said if "overlap" in text or "v1" in text]
    assert any("Kaggle made v2 of this run and v1 is somebody else's" in text for text in told)
    whose = "v1 is the run of Awa <awa@example.org> on awa-laptop under fence 1, which had ended"
    assert any(whose in text for text in told)


def test_an_overlap_is_on_the_screen_of_whoever_runs_next_and_says_whose_it_was(
    remote: MemoryRemote, people: People, kaggle: FolderKaggle
) -> None:
    overtaken(people, kaggle)
    cem = people("Cem")
    record = cem.run()
    assert any("v1 is the run of Awa" in text for text in cem.notes.said)
    assert len(record.alarms) == 2, "its grant has not swept them away"
    assert cem.client.acknowledge("we know") == record.alarms
    dia = people("Dia")
    assert dia.run().alarms == ()
    assert not [text for text in dia.notes.said if "v1" in text]
    for old, new in zip(remote.chain, remote.chain[1:], strict=False):
        check(old.record, new.record)


def test_each_is_said_once_by_a_command(people: People, kaggle: FolderKaggle) -> None:
    overtaken(people, kaggle)
    cem = people("Cem")
    client = cem.client
    client.show()
    client.show()
    assert len([text for text in cem.notes.said if "v1 is the run of Awa" in text]) == 1
    assert any("sahel-nb lock ack awa/fula-lid --reason TEXT" in text for text in cem.notes.said)


def test_an_edit_in_the_web_page_is_not_the_run_whose_stamp_it_takes_along(
    people: People, kaggle: FolderKaggle
) -> None:
    awa = people("Awa")
    stamp = awa.run().stamp
    kaggle.end(kaggle.push(stamp))
    assert awa.run().alarms == ("v2 was pushed outside the lock",)


@given(alarms, alarms)
def test_nothing_is_said_twice_and_nothing_new_is_lost(before: tuple[str, ...], more: tuple[str, ...]) -> None:
    after = added(before, *more)
    assert after[: len(before)] == before
    for text in more:
        assert text in unacknowledged(before) or text in after[len(before) :]
    assert added(after, *(text for text in more if ACK not in more)) == after


@given(st.lists(st.text(min_size=1, max_size=3), max_size=200).map(tuple))
def test_what_goes_along_has_an_end(texts: tuple[str, ...]) -> None:
    along = carried(texts)
    assert len(along) <= MOST
    assert not along or along[-1] == texts[-1]


@pytest.mark.parametrize("again", ["v1 was pushed outside the lock", "another"])
def test_what_happens_again_after_it_was_acknowledged_is_an_alarm_again(again: str) -> None:
    tip = step(None, arm(), writer(AWA, "n1"))
    for number, text in enumerate(("v1 was pushed outside the lock", ACK, again)):
        before, tip = tip, step(tip, Alarm(text), writer(AWA, f"m{number}"))
        check(before, tip)
        assert tip.op is Op.ALARM
    assert unacknowledged(tip.alarms) == (again,)
