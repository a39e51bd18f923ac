"""A Kaggle that is a folder, for stories about locks: shared by real processes, killed or not, of several clones.

`versions/<n>` is made once and for all and holds the stamp of the push; `phases/<n>` holds a `Phase`, RUNNING when
absent. The folder also notices what a lock must prevent: a push while another version runs.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sahel_nb.lock.client import LockClient
from sahel_nb.lock.clock import Clock, FakeClock
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.grants import Intent
from sahel_nb.lock.kaggle_view import Newest, Phase
from sahel_nb.lock.names import lock_ref
from sahel_nb.lock.record import Outcome, Record
from sahel_nb.lock.tip_memory import TipMemory
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Check, Level

KERNEL = "awa/fula-lid"
REF = lock_ref("refs/sahel/locks", KERNEL)


@dataclass(frozen=True)
class FolderKaggle:
    """A `KaggleView` with a `push` that the lock's holder calls."""

    folder: Path

    def push(self, stamp: str | None) -> int:
        """Make the next version, which runs until `end`. An overlap with one that runs is written down."""
        versions = self.folder / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        running = self.running()
        while True:
            version = self.current_version() + 1
            draft = versions / f".{os.getpid()}-{os.urandom(4).hex()}"
            draft.write_text(stamp or "")
            try:
                os.link(draft, versions / str(version))
            except FileExistsError:
                continue
            finally:
                draft.unlink()
            break
        if running:
            with open(self.folder / "overlaps", "a") as overlaps:
                overlaps.write(f"v{version} beside {running}\n")
        return version

    def end(self, version: int, phase: Phase = Phase.ENDED_COMPLETE) -> None:
        phases = self.folder / "phases"
        phases.mkdir(parents=True, exist_ok=True)
        draft = phases / f".{os.getpid()}-{os.urandom(4).hex()}"
        draft.write_text(phase.value)
        draft.rename(phases / str(version))

    def current_version(self) -> int:
        versions = self.folder / "versions"
        return max((int(p.name) for p in versions.glob("[0-9]*")), default=0) if versions.exists() else 0

    def newest(self) -> Newest:
        version = self.current_version()
        return Newest(version, self.kernel_id if version else 0)

    def gone(self) -> bool:
        return True

    @property
    def kernel_id(self) -> int:
        """A file beside the versions, where a test has made one: `remade` counts it up."""
        try:
            return int((self.folder / "id").read_text())
        except FileNotFoundError:
            return 0

    def remade(self, *stamps: str | None) -> None:
        """The kernel is deleted, with what runs of it, and made anew with these versions, which run."""
        made = (self.kernel_id or 1) + 1
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder / "id").write_text(str(made))
        for stamp in stamps:
            self.push(stamp)

    def phase(self, version: int) -> Phase:
        try:
            return Phase((self.folder / "phases" / str(version)).read_text())
        except FileNotFoundError:
            return Phase.RUNNING if (self.folder / "versions" / str(version)).exists() else Phase.UNKNOWN

    def stamp(self, version: int) -> str | None:
        try:
            return (self.folder / "versions" / str(version)).read_text() or None
        except FileNotFoundError:
            return None

    def running(self) -> list[int]:
        return [v for v in range(1, self.current_version() + 1) if not self.phase(v).ended]

    def overlaps(self) -> list[str]:
        path = self.folder / "overlaps"
        return path.read_text().splitlines() if path.exists() else []


@dataclass
class Notes:
    """A Reporter that remembers."""

    said: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    def say(self, text: str, level: Level = Level.INFO) -> None:
        self.said.append(text)

    def check(self, check: Check) -> None: ...

    def log(self, stream: str, text: str) -> None: ...

    def status(self, text: str) -> None:
        self.statuses.append(text)


@dataclass
class Person:
    """Somebody at a clone: their lock client, and what they do with it. `backend` is a `Backend`, `kaggle` a view of
    Kaggle that can also push and end."""

    name: str
    backend: Any
    kaggle: Any
    clock: Clock = field(default_factory=FakeClock)
    ttl: float = 600.0
    settle: float = 0.0
    dead: bool = False
    """Every record is taken for one of a dead process of this clone."""
    abandoned: set[str] = field(default_factory=set)
    """Stamps of grants that this clone knows to be dead."""
    notes: Notes = field(default_factory=Notes)
    memory: TipMemory | None = None
    """What this clone remembers beyond one client."""

    @property
    def client(self) -> LockClient:
        return LockClient(
            self.backend,
            self.kaggle,
            self.clock,
            self.notes,
            kernel=KERNEL,
            lock_remote_id="example.org/team/nb",
            ttl=self.ttl,
            is_dead=lambda record: self.dead or record.stamp in self.abandoned,
            actor=f"{self.name} <{self.name.lower()}@example.org>",
            host=f"{self.name.lower()}-laptop",
            url_of=lambda version: f"https://kaggle.example/{KERNEL}/{version}",
            settle=self.settle,
            memory=self.memory,
        )

    def intent(self, nonce: str = "") -> Intent:
        return Intent(
            run_id=f"run-of-{self.name}",
            nonce=nonce or os.urandom(8).hex(),
            actor=f"{self.name} <{self.name.lower()}@example.org>",
            host=f"{self.name.lower()}-laptop",
            git_commit="c" * 40,
            src_digest="sha256:" + "5" * 64,
        )

    def outcome(self, record: Record, status: str = "COMPLETE") -> Outcome:
        return Outcome(
            run_id=record.run_id,
            version=record.kaggle_version or 0,
            status=status,
            commit=record.git_commit,
            actor=record.actor,
            started=record.since,
            ended="2026-01-01T00:00:00Z",
            outputs_digest="sha256:" + "0" * 64,
            url=record.url,
        )

    def attach(self) -> None:
        """Recover with patience; a run that is found ends and is recorded."""
        found = self.client.recover(wait=True)
        if found.held is not None:
            record = found.held.record
            self.kaggle.end(record.kaggle_version or 0)
            self.client.finish(found.held, self.outcome(record))

    def run(self, nonce: str = "") -> Record:
        """A whole run, from acquire to release."""
        client = self.client
        held = client.confirm(client.acquire(self.intent(nonce)))
        version = self.kaggle.push(held.record.stamp)
        held = client.started(held, version, f"https://kaggle.example/{KERNEL}/{version}")
        self.kaggle.end(version)
        return client.finish(held, self.outcome(held.record))


def over_git(root: Path, remote: str = "origin") -> GitRefs:
    """The lock's chain as the clone at `root` sees it."""
    return GitRefs(RemoteRefs(Worktree.discover(root), remote), REF)
