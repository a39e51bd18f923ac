"""kill -9 of a real process at every step: any clone brings the lock to FREE and loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.lock.clock import SystemClock
from sahel_nb.lock.record import Op, State
from support import lock_child
from support.git import Git, Origin, git_http
from support.locks import REF, FolderKaggle, Person, over_git


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin.git")


def start(clone: Git, kaggle: FolderKaggle, point: str, acknowledged: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, lock_child.__file__, str(clone.root), str(kaggle.folder), "Awa", point, acknowledged]
    tests = str(Path(lock_child.__file__).parents[1])
    return subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": tests})


def die(clone: Git, kaggle: FolderKaggle, point: str, acknowledged: Path) -> None:
    process = start(clone, kaggle, point, acknowledged)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == -9, stderr.decode()


def nothing_was_lost(origin: Origin, person: Person, acknowledged: Path) -> None:
    tip = person.client.show()
    chain = set(origin("rev-list", REF, check=False).split())
    told = acknowledged.read_text().split() if acknowledged.exists() else []
    assert set(told) <= chain
    assert tip is None or tip.record.state is State.FREE
    pushed = person.kaggle.current_version()
    outcomes = {r.outcome.version for r in person.client.log(50) if r.outcome is not None}
    assert outcomes == set(range(1, pushed + 1))
    assert person.kaggle.overlaps() == []
    assert [alarm for r in person.client.log(50) for alarm in r.alarms] == []
    origin("fsck", "--strict")


@pytest.mark.parametrize("point", lock_child.POINTS)
def test_another_clone_brings_it_to_an_end(origin: Origin, tmp_path: Path, point: str) -> None:
    kaggle = FolderKaggle(tmp_path / "kaggle")
    die(origin.clone("awa"), kaggle, point, tmp_path / "told")
    bob = Person("Bob", over_git(origin.clone("bob").root), kaggle, SystemClock(), ttl=0.4)
    bob.attach()
    nothing_was_lost(origin, bob, tmp_path / "told")
    assert kaggle.current_version() == (0 if point in ("before-arm", "after-arm", "before-push") else 1)
    bob.ttl = 600
    assert bob.run().state is State.FREE


@pytest.mark.parametrize("point", lock_child.POINTS)
def test_the_same_clone_need_not_wait(origin: Origin, tmp_path: Path, point: str) -> None:
    """An hour's TTL, and a journal that knows that the process is dead."""
    kaggle = FolderKaggle(tmp_path / "kaggle")
    clone = origin.clone("awa")
    die(clone, kaggle, point, tmp_path / "told")
    again = Person("Awa", over_git(clone.root), kaggle, SystemClock(), ttl=3600, dead=True)
    again.attach()
    nothing_was_lost(origin, again, tmp_path / "told")
    assert list((clone.root / ".git/sahel-nb/scratch").glob("git-*")) == [] or point.startswith("before")


@pytest.mark.parametrize("kind", ["path", "http"])
@pytest.mark.parametrize("push", [1, 2, 3])
def test_killed_while_the_server_is_at_work(origin: Origin, tmp_path: Path, push: int, kind: str) -> None:
    """The server kills the client in the middle of its first, second or third push, and goes on by itself."""
    kaggle = FolderKaggle(tmp_path / "kaggle")
    count, pid = tmp_path / "count", tmp_path / "pid"
    origin.hook(
        "pre-receive",
        f"echo x >> {count}\nif test $(wc -l < {count}) = {push}; then\n"
        f"  until test -s {pid}; do sleep 0.01; done\n  kill -9 $(cat {pid})\nfi",
    )
    with git_http(tmp_path) as url:
        clone = origin.clone("awa", f"{url}/origin.git" if kind == "http" else "")
        process = start(clone, kaggle, "never", tmp_path / "told")
        pid.write_text(str(process.pid))
        process.communicate(timeout=60)
        assert process.returncode == -9
        bob = Person("Bob", over_git(origin.clone("bob").root), kaggle, SystemClock(), ttl=1.0)
        # The server may still be about to apply what the dead client sent: whatever comes first, it ends FREE.
        for _ in range(3):
            bob.attach()
            bob.client.acquire(bob.intent())
            bob.dead = True
    bob.client.recover(wait=True)
    assert bob.client.log(1)[0].state is State.FREE
    assert kaggle.overlaps() == []
    assert kaggle.current_version() == (0 if push == 1 else 1)


def test_what_a_killed_client_leaves_is_swept(origin: Origin, tmp_path: Path) -> None:
    clone = origin.clone("awa")
    old = clone.root / ".git/sahel-nb/scratch/git-old"
    old.mkdir(parents=True)
    os.utime(old, (1, 1))
    over_git(clone.root).read()
    assert not old.exists()


def test_a_server_killed_after_the_update_is_found_out(origin: Origin, tmp_path: Path) -> None:
    """Each push is answered by a dying server: every one of them is read back, and the run goes on."""
    count = tmp_path / "count"
    for hook, parity in (("post-receive", 1), ("pre-receive", 0)):
        script = f"echo x >> {count}\ntest $(($(wc -l < {count}) % 3)) = {parity} && kill -9 $PPID\nexit 0"
        origin.hook(hook, script)
    awa = Person("Awa", over_git(origin.clone("awa").root), FolderKaggle(tmp_path / "kaggle"), SystemClock())
    for fence in (1, 2, 3):
        assert awa.run().fence == fence
    assert [record.op for record in awa.client.log(99)] == [Op.FINISH, Op.START, Op.ARM] * 3
