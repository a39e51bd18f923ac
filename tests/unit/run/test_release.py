"""A run is over, and the line stumbles once more: the lock is free all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sahel_nb.errors import NetworkError
from sahel_nb.kernels.model import KernelInfo, KernelRef, RunState, RunStatus
from sahel_nb.kernels.service import KernelService
from sahel_nb.lock.client import LockClient
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.grants import Intent
from sahel_nb.lock.memory import Memory, MemoryRemote
from sahel_nb.lock.record import State
from sahel_nb.report.events import Level, Silent
from sahel_nb.run.finish import _release
from sahel_nb.run.lock_view import LockView
from sahel_nb.run.record import RunRecord

REF = KernelRef("awa", "fula-lid")
DONE = RunRecord(
    run_id="r", kernel=str(REF), shared_kernel=str(REF), dev=False, commit="c" * 40, subject="", version=1, url="",
    actor="Awa", account="awa", host="vm", began="", ended="", status="COMPLETE", failure="", source_sha256="",
    log_records=0, log_sha256="", files=(), missed=(),
)  # fmt: skip


@dataclass
class Kaggle(KernelService):
    """Of which only the newest version is asked, and which is away so many times."""

    versions: int = 0
    away: int = 0

    def kernel(self, ref: KernelRef, version: int | None = None) -> KernelInfo | None:
        if self.away:
            self.away -= 1
            raise NetworkError("Kaggle is away")
        return KernelInfo(str(ref), "", self.versions, "")

    def status(self, ref: KernelRef, version: int) -> RunStatus:
        return RunStatus(RunState.COMPLETE)


@dataclass
class Heard(Silent):
    warnings: list[str] = field(default_factory=list)

    def say(self, text: str, level: Level = Level.INFO) -> None:
        if level is Level.WARN:
            self.warnings.append(text)


def released(away: int) -> tuple[State, list[str]]:
    kaggle, remote, heard = Kaggle(), MemoryRemote(), Heard()
    lock = LockClient(
        Memory(remote), LockView(kaggle, REF), FakeClock(), Silent(),
        kernel=str(REF), lock_remote_id="here", ttl=600, is_dead=lambda _: False,
    )  # fmt: skip
    held = lock.started(lock.acquire_in_turn(Intent("r", "d" * 32, "Awa", "vm", "c" * 40, "e" * 64), 0.0), 1, "")
    kaggle.versions, kaggle.away = 1, away
    _release(DONE, Path("runs"), lock, held, heard, "sahel-nb attach")
    tip = remote.tip()
    assert tip is not None
    return tip.record.state, heard.warnings


def test_a_line_that_stumbles_does_not_keep_the_lock() -> None:
    assert released(away=2) == (State.FREE, [])


def test_a_line_that_is_gone_keeps_it_and_says_so() -> None:
    state, (warning,) = released(away=99)
    assert state is State.RUNNING
    assert "Kaggle is away" in warning
