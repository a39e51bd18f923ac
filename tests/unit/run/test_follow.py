"""Following: no line lost and none twice over any number of cuts; the status alone says when it is over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from sahel_nb.errors import AuthError, NetworkError
from sahel_nb.kernels.backoff import Busy
from sahel_nb.kernels.door import NotFound
from sahel_nb.kernels.model import KernelRef, LogRecord, RunState, RunStatus
from sahel_nb.kernels.service import KernelService
from sahel_nb.report.events import Level, Silent
from sahel_nb.run.follow import follow

REF = KernelRef("awa", "fula-lid")
ITEMS = [LogRecord("stdout", number, f"ŋ {number}\n") for number in range(40)]


@dataclass
class Feed(KernelService):
    """A version that ends when its log was read to the end, or, where `cuts` never let that be, after some looks."""

    cuts: list[tuple[int, Exception | None]] = field(default_factory=list)
    """How many records each stream brings before it raises, or ends without a word."""
    looks: list[Exception | RunState] = field(default_factory=list)
    """What the status is before that of the log's end."""
    last: RunState = RunState.COMPLETE
    over: threading.Event = field(default_factory=threading.Event)
    opened: int = 0

    def stream(self, ref: KernelRef, version: int) -> Iterator[LogRecord | None]:
        self.opened += 1
        if self.cuts:
            count, failure = self.cuts.pop(0)
            yield from ITEMS[:count]
            if failure is not None:
                raise failure
            return
        yield from ITEMS
        self.over.set()
        yield None

    def status(self, ref: KernelRef, version: int) -> RunStatus:
        if self.looks:
            look = self.looks.pop(0)
            if isinstance(look, Exception):
                raise look
            return RunStatus(look)
        return RunStatus(self.last if self.over.is_set() else RunState.RUNNING)


@dataclass
class Heard(Silent):
    said: list[str] = field(default_factory=list)

    def say(self, text: str, level: Level = Level.INFO) -> None:
        self.said.append(text)


def followed(feed: Feed) -> tuple[list[LogRecord], list[str], RunState]:
    seen: list[LogRecord] = []
    heard = Heard()
    done = follow(feed, REF, 7, heard, sink=seen.append, attach="sahel-nb attach")
    assert done.records == len(seen)
    return seen, heard.said, done.status.state


def test_a_stream_that_is_cut_and_replayed_brings_every_line_once() -> None:
    cut = NetworkError("cut")
    feed = Feed(cuts=[(3, cut), (0, None), (17, None), (5, Busy("503", after=0.1))])
    assert followed(feed) == (ITEMS, [], RunState.COMPLETE)
    assert feed.opened == 5


def test_the_end_of_the_log_is_not_the_end_of_the_run() -> None:
    feed = Feed(looks=[RunState.QUEUED, *[RunState.RUNNING] * 3, RunState.UNKNOWN, RunState.RUNNING])
    feed.last = RunState.ERROR
    assert followed(feed) == (ITEMS, [], RunState.ERROR)
    assert not feed.looks


def test_who_may_not_read_the_live_log_is_told_once_and_follows_by_status() -> None:
    refused = NotFound("following the log: 403 Permission 'kernels.get' was denied")
    feed = Feed(cuts=[(0, refused)] * 3)
    seen, said, state = followed(feed)
    assert (seen, state) == (ITEMS, RunState.COMPLETE)
    assert [line for line in said if "403" in line] == said
    assert len(said) == 1


def test_a_status_that_does_not_come_is_asked_for_again_and_said_twice() -> None:
    away = NetworkError("Kaggle is away")
    seen, said, state = followed(Feed(looks=[RunState.RUNNING, away, Busy("429", after=0.2), RunState.RUNNING]))
    assert (seen, state) == (ITEMS, RunState.COMPLETE)
    assert [line.split(";")[0] for line in said] == ["Kaggle is away", "Kaggle answers again"]


def test_credentials_that_are_taken_no_more_end_the_following_with_the_way_on() -> None:
    with pytest.raises(AuthError) as caught:
        followed(Feed(looks=[AuthError("401")]))
    assert caught.value.hints == ("sahel-nb attach",)
    assert "v7 may still run" in caught.value.kaggle
