"""Whatever ends an attempt before Kaggle may have heard of it: the lock is free and no entry stays behind.

After it: whether the push is on Kaggle is read, the last look decides, and nothing is pushed again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sahel_nb.errors import AuthError, NetworkError, PushRejected, SahelError
from sahel_nb.kernels.metadata import Metadata
from sahel_nb.kernels.model import KernelInfo, KernelRef, Pushed, RunState, RunStatus
from sahel_nb.kernels.service import KernelService
from sahel_nb.lock.backend import SwapResult, Tip
from sahel_nb.lock.client import LockClient
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.grants import Intent
from sahel_nb.lock.memory import Memory, MemoryRemote
from sahel_nb.lock.record import Record, State
from sahel_nb.lock.refusals import Locked
from sahel_nb.repo.objects import CommitInfo
from sahel_nb.report.events import Silent
from sahel_nb.run.journal import Entry, Journal
from sahel_nb.run.lock_view import LockView
from sahel_nb.run.plan import Plan, Source, make_plan
from sahel_nb.run.start import Started, Starter, uninterrupted

REF = KernelRef("awa", "fula-lid")
METADATA = b"""{"id": "awa/fula-lid", "title": "Fula Lid",
    "code_file": "x.py", "kernel_type": "script", "language": "python"}"""


@dataclass
class Kaggle(KernelService):
    """A service whose `push` does what the test says; `looks` are what `kernel` does each time it is asked after it."""

    sources: list[str] = field(default_factory=list)
    pushing: Callable[[str], None] = lambda _: None
    looks: list[Exception | None] = field(default_factory=list)
    pushes: int = 0
    state: RunState = RunState.COMPLETE

    def web_url(self, ref: KernelRef) -> str:
        return f"http://kaggle/{ref}"

    def kernel(self, ref: KernelRef, version: int | None = None) -> KernelInfo | None:
        if self.pushes and self.looks:
            failure = self.looks.pop(0)
            if failure is not None:
                raise failure
        if not self.sources:
            return None
        return KernelInfo(str(ref), "", len(self.sources), self.sources[(version or len(self.sources)) - 1])

    def status(self, ref: KernelRef, version: int) -> RunStatus:
        return RunStatus(self.state)

    def push(self, folder: Path, timeout: int | None) -> Pushed:
        self.pushes += 1
        source = (folder / "x.py").read_text("utf-8")
        self.pushing(source)
        self.sources.append(source)
        return Pushed(str(REF), len(self.sources), "http://kaggle/v")


@dataclass
class Bench:
    """One attempt, and what is left of it."""

    folder: Path
    kaggle: Kaggle
    remote: MemoryRemote = field(default_factory=MemoryRemote)
    backend: Memory | None = None

    def plan(self) -> Plan:
        commit = CommitInfo("c" * 40, "c" * 7, "Awa", "awa@example.org", "", "ŋana")
        return make_plan(Source(commit, "", Metadata.from_json(METADATA), b"print(1)\n", "", None))

    def lock(self) -> LockClient:
        return LockClient(
            self.backend or Memory(self.remote), LockView(self.kaggle, REF), FakeClock(), Silent(),
            kernel=str(REF), lock_remote_id="here", ttl=600, is_dead=lambda _: False,
        )  # fmt: skip

    def start(self) -> Started:
        plan = self.plan()
        intent = Intent(plan.stamp.run_id, plan.stamp.nonce, "Awa", "vm", plan.stamp.commit, plan.digest)
        entry = Entry(plan.stamp.run_id, plan.stamp.nonce, str(REF), plan.stamp.commit, "arming")
        with Journal(self.folder, entry) as journal:
            return Starter(
                plan, intent, timeout=None, patience=0, attach="sahel-nb attach x", service=self.kaggle,
                lock=self.lock(), journal=journal, reporter=Silent(), settle_pause=0.0,
            ).start()  # fmt: skip

    @property
    def state(self) -> State | None:
        tip = self.remote.tip()
        return tip.record.state if tip else None

    @property
    def entries(self) -> list[str]:
        return sorted(path.suffix for path in self.folder.glob("*"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "journal", Kaggle())


def raises(exc: BaseException) -> Callable[[str], None]:
    def pushing(_: str) -> None:
        raise exc

    return pushing


def test_a_start_is_recorded(bench: Bench) -> None:
    started = bench.start()
    assert (started.pushed.version, started.interrupted, bench.state) == (1, 0, State.RUNNING)


@pytest.mark.parametrize("refusal", [PushRejected("no"), AuthError("who?")])
def test_what_kaggle_refused_leaves_nothing(bench: Bench, refusal: SahelError) -> None:
    bench.kaggle.pushing = raises(refusal)
    with pytest.raises(type(refusal)):
        bench.start()
    assert (bench.state, bench.entries) == (State.FREE, [])


def test_what_kaggle_refused_and_started_all_the_same_keeps_its_lock(bench: Bench) -> None:
    bench.kaggle.pushing = raises(PushRejected("no, and v1", started=True))
    with pytest.raises(PushRejected) as caught:
        bench.start()
    assert "sahel-nb attach x" in caught.value.hints
    assert (bench.state, bench.entries) == (State.ARMED, [".json", ".lock"])


def test_a_bug_before_the_push_gives_the_lock_back_and_one_after_it_does_not(bench: Bench, tmp_path: Path) -> None:
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path / "not there")
    try:
        with pytest.raises(FileNotFoundError):
            bench.start()
    finally:
        tempfile.tempdir = before
    assert (bench.state, bench.entries, bench.kaggle.pushes) == (State.FREE, [], 0)
    bench.kaggle.pushing = raises(RuntimeError("a bug"))
    with pytest.raises(RuntimeError):
        bench.start()
    assert (bench.state, bench.entries) == (State.ARMED, [".json", ".lock"])


def test_who_is_refused_leaves_no_entry(bench: Bench) -> None:
    bench.start()
    for path in bench.folder.glob("*"):
        path.unlink()
    bench.kaggle.state = RunState.RUNNING
    with pytest.raises(Locked):
        bench.start()
    assert (bench.state, bench.entries) == (State.RUNNING, [])


class Interrupting(Memory):
    """Ctrl-C arrives when the remote has taken the lock, and before anybody here has heard so."""

    arrived = False

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        result = super().swap(old, record)
        if not self.arrived:
            self.arrived = True
            raise KeyboardInterrupt
        return result


def test_a_lock_that_was_taken_unheard_is_given_back(bench: Bench) -> None:
    bench.backend = Interrupting(bench.remote)
    with pytest.raises(KeyboardInterrupt):
        bench.start()
    assert (bench.state, bench.entries, bench.kaggle.pushes) == (State.FREE, [], 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_the_push_waits_until_the_start_is_recorded(bench: Bench, number: int) -> None:
    bench.kaggle.pushing = lambda _: os.kill(os.getpid(), number)
    started = bench.start()
    assert (started.interrupted, started.pushed.version, bench.state) == (number, 1, State.RUNNING)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_reaches_another_thread_waits_as_well(number: int) -> None:
    """A thread that was there before has nothing masked, and the system may hand the signal to it."""
    go, done = threading.Event(), threading.Event()

    def other() -> None:
        go.wait()
        signal.pthread_kill(threading.get_ident(), number)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with uninterrupted() as arrived:
        go.set()
        assert done.wait(10)
        thread.join()
    assert arrived == [number]


def test_processes_that_we_start_meanwhile_hold_it_back_as_well() -> None:
    with uninterrupted() as arrived:
        child = subprocess.Popen(["sleep", "600"])
        child.send_signal(signal.SIGINT)
        child.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.2)
        child.kill()
        assert child.wait() == -signal.SIGKILL
    assert arrived == []


AWAY = NetworkError("no answer")


def test_a_push_that_landed_unanswered_is_found_also_below_a_newer_one(bench: Bench) -> None:
    def landed(source: str) -> None:
        bench.kaggle.sources += [source, "print('from the web page')"]
        raise AWAY

    bench.kaggle.pushing = landed
    started = bench.start()
    assert (started.pushed.version, bench.kaggle.pushes, bench.state) == (1, 1, State.RUNNING)


def test_a_push_that_did_not_land_frees_the_lock(bench: Bench) -> None:
    bench.kaggle.pushing = raises(AWAY)
    with pytest.raises(NetworkError, match="no new version") as caught:
        bench.start()
    assert not caught.value.started
    assert (bench.state, bench.entries, bench.kaggle.pushes) == (State.FREE, [], 1)


def test_one_look_right_after_the_cut_proves_nothing(bench: Bench) -> None:
    bench.kaggle.pushing = raises(AWAY)
    bench.kaggle.looks = [None, *[AWAY] * 20]
    with pytest.raises(NetworkError, match="not known") as caught:
        bench.start()
    assert caught.value.started
    assert (bench.state, bench.entries) == (State.ARMED, [".json", ".lock"])
