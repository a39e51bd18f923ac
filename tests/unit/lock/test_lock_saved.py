"""A version that was saved and not run: waited for as long as it might still begin, and no longer."""

from __future__ import annotations

import pytest

from sahel_nb.lock.kaggle_view import Phase
from sahel_nb.lock.refusals import KaggleBusy
from support.lock_stories import People
from support.locks import FolderKaggle


def test_who_waits_gets_the_lock_when_it_has_stood_for_a_minute(people: People, kaggle: FolderKaggle) -> None:
    awa = people("Awa")
    awa.run()
    kaggle.end(kaggle.push(None), Phase.SAVED)
    with pytest.raises(KaggleBusy, match="v2 was saved in the web page, and not run") as refused:
        awa.client.acquire(awa.intent())
    assert refused.value.hints[0] == "sahel-nb run awa/fula-lid --wait"
    before = awa.clock.boottime()
    held = awa.client.acquire_in_turn(awa.intent(), 600.0)
    assert 60.0 <= awa.clock.boottime() - before < 200.0
    assert held.record.alarms == ("v2 was pushed outside the lock",)


def test_it_keeps_no_holder_for_ever(people: People, kaggle: FolderKaggle) -> None:
    awa = people("Awa")
    client = awa.client
    held = client.confirm(client.acquire(awa.intent()))
    held = client.started(held, kaggle.push(held.record.stamp), "url")
    kaggle.end(kaggle.push(None), Phase.SAVED)
    kaggle.end(1)
    assert client.finish(held, awa.outcome(held.record)).last_done == 2


def test_one_that_begins_after_all_is_waited_for(people: People, kaggle: FolderKaggle) -> None:
    awa = people("Awa")
    awa.run()
    kaggle.end(kaggle.push(None), Phase.SAVED)
    client = awa.client
    for seconds in (0.0, 40.0):
        awa.clock.sleep(seconds)
        with pytest.raises(KaggleBusy):
            client.acquire(awa.intent())
    kaggle.end(2, Phase.RUNNING)
    awa.clock.sleep(100.0)
    with pytest.raises(KaggleBusy, match="v2 has not ended on Kaggle"):
        client.acquire(awa.intent())
