"""`lock compact` on real remotes: what is archived, what is left, who downloads it, and what a crash leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sahel_nb.config import LockConfig
from sahel_nb.errors import Refused
from sahel_nb.lock.backend import Backend, SwapResult, Tip
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.doctor import examine
from sahel_nb.lock.home import Home, home_of, remotes
from sahel_nb.lock.listing import list_locks
from sahel_nb.lock.record import Op, Record
from sahel_nb.lock.refusals import ArchiveMissing
from sahel_nb.lock.transition import step
from sahel_nb.lock.verify import replayed
from sahel_nb.repo.scratch import RawCommit
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Verdict as Checked
from support.git import Git, Origin
from support.lock_records import AWA, arm, on, writer
from support.lock_server import commit_of, lay
from support.locks import KERNEL, REF, FolderKaggle, Person, over_git

ARCHIVES = f"refs/sahel/locks-archive/{KERNEL}"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin.git")


@pytest.fixture
def kaggle(tmp_path: Path) -> FolderKaggle:
    return FolderKaggle(tmp_path / "kaggle")


def home(root: Path, **config: str) -> Home:
    return home_of(Worktree.discover(root), LockConfig(**config))


def everything(backend: Backend) -> list[Op]:
    """All that was ever recorded, oldest first, each commit on the one before it."""
    tips = backend.history(2**31 - 1)
    assert list(replayed(tips, lambda tip: RawCommit(tip.oid, tip.raw).parents)) == []
    return [tip.record.op for tip in reversed(tips)]


RUN = [Op.ARM, Op.START, Op.FINISH]


def refs_of(origin: Origin) -> list[str]:
    return origin("for-each-ref", "--format=%(refname)").splitlines()


def test_the_chain_is_kept_and_begins_anew(origin: Origin, kaggle: FolderKaggle) -> None:
    awa, bob = (Person(name.title(), over_git(origin.clone(name).root), kaggle) for name in ("awa", "bob"))
    awa.run()
    old = origin("rev-parse", REF)
    assert bob.client.compact() is not None
    assert refs_of(origin) == [f"{ARCHIVES}/{old}", REF]
    assert origin("rev-parse", f"{ARCHIVES}/{old}") == old
    assert origin("rev-list", "--count", REF) == "1"
    record = awa.run()
    assert (record.fence, record.archive) == (2, old)
    assert bob.client.compact() is not None
    assert everything(awa.backend) == [*RUN, Op.COMPACT] * 2
    origin("fsck", "--strict")


def test_a_chain_of_some_hundred_runs(origin: Origin, kaggle: FolderKaggle) -> None:
    record, commit = None, None
    for number in range(1, 201):
        for name in ("arm", "start", "finish"):
            command = arm(AWA, f"s{number}") if record is None or name == "arm" else on(record)[name]
            record = step(record, command, writer(AWA, f"{name} {number}"))
            commit = commit_of(record, commit)
            lay(origin.path, commit)
    assert commit is not None
    origin("update-ref", REF, commit.oid)
    person = Person("Awa", over_git(origin.clone("awa").root), kaggle)
    tip = person.client.compact()
    assert tip is not None
    assert (tip.record.fence, tip.record.archive) == (200, commit.oid)
    assert everything(person.backend) == [*RUN * 200, Op.COMPACT]
    assert person.backend.history(1) == (person.backend.read(),)
    assert len(person.backend.history(500)) == 500


def test_nobody_who_fetches_downloads_an_archive(origin: Origin, kaggle: FolderKaggle) -> None:
    awa = Person("Awa", over_git(origin.clone("awa").root), kaggle)
    awa.run()
    old = origin("rev-parse", REF)
    awa.client.compact()
    clone = origin.clone("bob", f"file://{origin.path}")
    clone("fetch", "-q", "--all", "--tags", "--prune")
    assert "missing" in subprocess.run(
        ("git", "cat-file", "--batch-check"), cwd=clone.root, input=old, capture_output=True, text=True
    ).stdout  # fmt: skip
    place = home(clone.root)
    (listed,) = list_locks(place.refs, place.prefix)
    assert (listed.kernel, listed.trouble) == (KERNEL, "")
    rows = {row.name: row for row in examine(place, FakeClock(), remotes=remotes(place.refs.worktree)).rows}
    assert all(rows[name].verdict is Checked.OK for name in ("prefix", "records", "probes")), rows
    assert "1 lock," in rows["records"].found


def test_branches_have_their_archives_beside_them(origin: Origin, kaggle: FolderKaggle) -> None:
    place = home(origin.clone("awa").root, prefix="refs/heads/sahel-locks")
    awa = Person("Awa", place.chain(KERNEL), kaggle)
    awa.run()
    old = origin("rev-parse", f"refs/heads/sahel-locks/{KERNEL}")
    awa.client.compact()
    assert refs_of(origin) == [f"refs/heads/sahel-locks-archive/{KERNEL}/{old}", f"refs/heads/sahel-locks/{KERNEL}"]
    assert everything(awa.backend) == [*RUN, Op.COMPACT]
    rows = {row.name: row for row in examine(place, FakeClock()).rows}
    assert rows["prefix"].verdict is Checked.OK
    origin("config", "receive.denyNonFastForwards", "true")
    awa.run()
    with pytest.raises(Refused, match="lets no chain be replaced"):
        awa.client.compact()
    assert awa.run().fence == 3
    assert everything(awa.backend) == [*RUN, Op.COMPACT, *RUN, *RUN]


def test_the_clones_own_lock_too(tmp_path: Path, kaggle: FolderKaggle) -> None:
    place = home(Git.init(tmp_path / "nb").root)
    awa = Person("Awa", place.chain(KERNEL), kaggle)
    awa.run()
    assert awa.client.compact() is not None
    assert awa.run().fence == 2
    assert everything(awa.backend) == [*RUN, Op.COMPACT, *RUN]


@dataclass
class Doomed:
    """A backend in a process that kills itself before or after one of the two steps."""

    inner: Backend
    point: str

    def read(self, since: Tip | None = None) -> Tip | None:
        return self.inner.read(since)

    def descends(self, tip: Tip, known: Tip) -> bool:
        return self.inner.descends(tip, known)

    def history(self, limit: int) -> tuple[Tip, ...]:
        return self.inner.history(limit)

    def archive(self, tip: Tip) -> SwapResult:
        return self.die("archive", lambda: self.inner.archive(tip))

    def swap(self, old: Tip | None, record: Record) -> SwapResult:
        return self.die("swap", lambda: self.inner.swap(old, record))

    def die(self, step: str, do: Callable[[], SwapResult]) -> SwapResult:
        if self.point == f"before {step}":
            os.kill(os.getpid(), signal.SIGKILL)
        result = do()
        if self.point == f"after {step}":
            os.kill(os.getpid(), signal.SIGKILL)
        return result


@pytest.mark.parametrize("point", ["before archive", "after archive", "before swap", "after swap"])
def test_killed_at_any_step_nothing_is_lost_and_it_is_done_again(
    origin: Origin, kaggle: FolderKaggle, point: str
) -> None:
    clone = origin.clone("awa")
    Person("Awa", over_git(clone.root), kaggle).run()
    pid = os.fork()
    if pid == 0:
        try:
            Person("Awa", Doomed(over_git(clone.root), point), kaggle).client.compact()
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    bob = Person("Bob", over_git(origin.clone("bob").root), kaggle)
    assert everything(bob.backend) == ([*RUN, Op.COMPACT] if point == "after swap" else RUN)
    bob.client.compact()
    assert everything(bob.backend) == [*RUN, Op.COMPACT]
    assert len(refs_of(origin)) == 2
    assert (bob.run().fence, bob.notes.said) == (2, [])


@pytest.mark.parametrize(("hook", "applied"), [("pre-receive", False), ("post-receive", True)])
@pytest.mark.parametrize("push", [1, 2])
def test_a_server_that_dies_in_the_middle(
    origin: Origin, kaggle: FolderKaggle, tmp_path: Path, hook: str, applied: bool, push: int
) -> None:
    awa = Person("Awa", over_git(origin.clone("awa").root), kaggle)
    awa.run()
    count = tmp_path / "count"
    origin.hook(hook, f"echo x >> {count}\ntest $(wc -l < {count}) = {push} && kill -9 $PPID\nexit 0")
    assert awa.client.compact() is not None
    assert everything(awa.backend) == [*RUN, Op.COMPACT]
    assert len(count.read_text().split()) == (2 if applied else 3)


def test_two_at_once(origin: Origin, kaggle: FolderKaggle) -> None:
    """Bob compacts between Awa's archive and her swap; what he wrote is what she finds."""
    awa, bob = (Person(name.title(), over_git(origin.clone(name).root), kaggle) for name in ("awa", "bob"))
    awa.run()

    @dataclass
    class Slow(Doomed):
        def archive(self, tip: Tip) -> SwapResult:
            result = self.inner.archive(tip)
            bob.client.compact()
            return result

    mine = awa.backend
    awa.backend = Slow(mine, "")
    tip = awa.client.compact()
    assert tip is not None
    assert tip == bob.backend.read()
    assert everything(mine) == [*RUN, Op.COMPACT]


def test_an_archive_that_was_removed_is_missed(origin: Origin, kaggle: FolderKaggle) -> None:
    awa = Person("Awa", over_git(origin.clone("awa").root), kaggle)
    awa.run()
    old = origin("rev-parse", REF)
    awa.client.compact()
    origin("update-ref", "-d", f"{ARCHIVES}/{old}")
    with pytest.raises(ArchiveMissing) as caught:
        awa.backend.history(2)
    assert f"{ARCHIVES}/{old}" in caught.value.message
    assert caught.value.hints[0] == f"git ls-remote origin {ARCHIVES}/{old}"
    assert awa.run().fence == 2, "nobody is kept from running"


def test_by_hand(origin: Origin, kaggle: FolderKaggle) -> None:
    def sahel(*args: str) -> subprocess.CompletedProcess[str]:
        command = (str(Path(sys.executable).with_name("sahel-nb")), "lock", *args)
        return subprocess.run(command, cwd=clone.root, capture_output=True, text=True, timeout=60)

    clone = origin.clone("awa")
    Person("Awa", over_git(clone.root), kaggle).run()
    old = origin("rev-parse", REF)
    done = sahel("compact", KERNEL)
    assert (done.returncode, f"{ARCHIVES}/{old}" in done.stdout) == (0, True), done.stderr
    log = sahel("log", KERNEL, "--all").stdout
    assert [line.split()[4] for line in log.splitlines() if line[:1] != " "] == ["compact", "finish", "start", "arm"]
    assert f"archive   {old}" in sahel("show", KERNEL).stdout
    done = sahel("log", KERNEL, "--verify")
    assert done.stdout.startswith(f"{KERNEL}: 4 records, each follows legally on the one before it; enforcement is off")
