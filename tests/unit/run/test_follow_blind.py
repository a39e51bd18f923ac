"""Credentials that may not read states: what else can be read is followed at once, and only the certain is believed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from sahel_nb.errors import NetworkError, RunFailed
from sahel_nb.kernels.door import NotFound
from sahel_nb.kernels.model import (
    Account,
    KernelInfo,
    KernelRef,
    LogRecord,
    OutputFile,
    Quotas,
    RunState,
    RunStatus,
)
from sahel_nb.kernels.service import KernelService
from sahel_nb.report.events import Level, Silent
from sahel_nb.run.follow import STALE, STALE_PATIENCE, follow
from sahel_nb.run.signs import has_ended, is_over

REF = KernelRef("awa", "fula-lid")
LINE = LogRecord("stdout", 0.0, "ŋana\n")
REFUSED = NotFound("asking for the status: 403 Permission 'kernelSessions.get' was denied")


@dataclass
class Veiled(KernelService):
    """A version whose state is refused; `looks` is how often its log is asked for before it is there."""

    looks: int = 0
    log_is_shown: bool = True
    files_are_shown: bool = True
    live: bool = True
    told_after: int = 0
    """The state is told after so many refusals; 0: never."""
    kept: tuple[LogRecord, ...] = (LINE,)
    files: tuple[OutputFile, ...] = ()
    asked: list[str] = field(default_factory=list)

    def status(self, ref: KernelRef, version: int) -> RunStatus:
        self.asked.append("status")
        if self.told_after and self.asked.count("status") > self.told_after:
            return RunStatus(RunState.COMPLETE)
        raise REFUSED

    def kernel(self, ref: KernelRef, version: int | None = None) -> KernelInfo | None:
        return KernelInfo(str(ref), "", 7, "")

    def stream(self, ref: KernelRef, version: int) -> Iterator[LogRecord | None]:
        if not self.live:
            raise REFUSED
        yield LINE
        yield None

    def log(self, ref: KernelRef, version: int) -> Iterable[LogRecord]:
        self.asked.append("log")
        if not self.log_is_shown:
            raise REFUSED
        return self.kept if self.asked.count("log") > self.looks else ()

    def outputs(self, ref: KernelRef, version: int) -> Iterator[OutputFile]:
        if not self.files_are_shown:
            raise REFUSED
        yield from self.files


@dataclass
class Heard(Silent):
    said: list[str] = field(default_factory=list)

    def say(self, text: str, level: Level = Level.INFO) -> None:
        self.said.append(text)


def test_the_log_that_is_there_ends_the_wait_and_says_nothing_of_how() -> None:
    veiled, heard, seen = Veiled(looks=2), Heard(), list[LogRecord]()
    done = follow(veiled, REF, 7, heard, sink=seen.append, attach="sahel-nb attach")
    assert (done.status.state, seen) == (RunState.UNKNOWN, [LINE])
    assert veiled.asked.count("log") == 3
    assert len(heard.said) == 1
    assert "403" in heard.said[0]
    assert "its lock stays until they show the end" in heard.said[0]


def test_a_refusal_that_was_for_a_moment_is_forgotten() -> None:
    veiled, heard = Veiled(looks=99, told_after=2), Heard()
    done = follow(veiled, REF, 7, heard, sink=lambda _: None, attach="sahel-nb attach")
    assert (done.status.state, heard.said) == (RunState.COMPLETE, [])


def test_where_nothing_may_be_read_the_wait_is_short_and_the_lock_stays() -> None:
    veiled = Veiled(log_is_shown=False, files_are_shown=False, live=False)
    clock = itertools.count(0.0, 5.0)
    with pytest.raises(NetworkError) as caught:
        follow(veiled, REF, 7, Heard(), sink=lambda _: None, attach="sahel-nb attach", now=lambda: next(clock))
    assert "whether it has ended cannot be told" in caught.value.message
    assert (caught.value.hints, "its lock stays" in caught.value.kaggle) == (("sahel-nb attach",), True)
    assert next(clock) < 600, "it was not waited out"


@pytest.mark.parametrize("account", ["awa", "binta"])
def test_a_kernel_that_was_deleted_is_told_to_its_owner_soon(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sahel_nb.run.follow.TICK", 0.0)  # all the waiting is on the clock below

    class Gone(Veiled):
        def kernel(self, ref: KernelRef, version: int | None = None) -> KernelInfo | None:
            return None

        def account(self) -> Account:
            return Account(account, "legacy")

        def quotas(self) -> Quotas:
            return Quotas(None, None)

    clock = itertools.count(0.0, 1.0)
    with pytest.raises(RunFailed if account == "awa" else NetworkError) as caught:
        follow(Gone(), REF, 7, Heard(), sink=lambda _: None, attach="sahel-nb attach", now=lambda: next(clock))
    assert caught.value.hints[-1] == "sahel-nb attach"
    assert ("was deleted on Kaggle while v7 ran" in caught.value.message) == (account == "awa")


def test_no_log_and_no_outputs_are_no_proof_of_anything() -> None:
    assert has_ended(Veiled(kept=()), REF, 7) is False
    assert has_ended(Veiled(kept=(), log_is_shown=False), REF, 7) is False
    assert has_ended(Veiled(log_is_shown=False, files=(OutputFile("a", ""),)), REF, 7) is True
    with pytest.raises(NotFound):
        has_ended(Veiled(log_is_shown=False, files_are_shown=False), REF, 7)


def test_what_was_recorded_to_have_ended_need_not_be_shown_again() -> None:
    hidden = Veiled(log_is_shown=False, files_are_shown=False)
    assert is_over(hidden, REF, 7, known=7)
    with pytest.raises(NotFound):
        is_over(hidden, REF, 7, known=6)


@dataclass
class Stale(Veiled):
    """A version that has ended, and whose state stays RUNNING."""

    def status(self, ref: KernelRef, version: int) -> RunStatus:
        return RunStatus(RunState.RUNNING)


def test_a_state_that_stays_running_when_log_and_outputs_are_there_is_not_waited_for() -> None:
    clock = itertools.count(0.0, 1.0)
    done = follow(Stale(), REF, 7, Heard(), sink=lambda _: None, attach="sahel-nb attach", now=lambda: next(clock))
    assert (done.status.state, done.status.message) == (RunState.UNKNOWN, STALE)
    assert next(clock) > STALE_PATIENCE
    assert is_over(Stale(), REF, 7, known=7), "what is on record need not be believed again"
    assert not is_over(Stale(), REF, 8, known=7)
