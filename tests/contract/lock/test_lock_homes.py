"""Where the locks are: one committed place for all forks, branches, the clone itself; and what happens offline."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sahel_nb.config import LockConfig
from sahel_nb.errors import NetworkError, UsageError
from sahel_nb.lock.backend import Verdict
from sahel_nb.lock.home import SINGLE_USER, Home, home_of
from sahel_nb.lock.record import Op, State
from sahel_nb.repo.scratch import make_commit
from sahel_nb.repo.swap_answer import Swap
from sahel_nb.repo.worktree import Worktree
from support.git import Git, Origin
from support.locks import KERNEL, FolderKaggle, Person
from support.ssh import ssh_log, ssh_to_here


def home(root: Path, **config: str) -> Home:
    return home_of(Worktree.discover(root), LockConfig(**config))


def person(name: str, place: Home, kaggle: FolderKaggle) -> Person:
    return Person(name, place.chain(KERNEL), kaggle)


def sahel(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = (str(Path(sys.executable).with_name("sahel-nb")), *args)
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)


def test_without_a_remote_the_lock_is_the_clones_own_and_says_so(tmp_path: Path) -> None:
    repo = Git.init(tmp_path / "nb")
    repo.commit("README.md")
    repo("worktree", "add", "-q", str(tmp_path / "linked"))
    here, linked = home(repo.root), home(tmp_path / "linked")
    assert here.label == SINGLE_USER
    assert here.remote_id == "local"
    kaggle = FolderKaggle(tmp_path / "kaggle")
    assert person("Awa", here, kaggle).run().fence == 1
    assert person("Awa", linked, kaggle).run().fence == 2
    assert [tip.record.op for tip in here.chain(KERNEL).history(9)] == [Op.FINISH, Op.START, Op.ARM] * 2
    for command in (("lock", "list"), ("lock", "show", KERNEL), ("lock", "log", KERNEL), ("lock", "list", "--json")):
        done = sahel(repo.root, *command)
        assert done.returncode == 0, done.stderr
        assert SINGLE_USER in done.stderr
        assert "fsync" not in done.stderr, "git has nothing to say of the settings"
    assert sorted(p.name for p in (repo.root / ".git/sahel-nb").iterdir()) == ["locks.git", "scratch"]
    answer = here.refs.swap(here.chain(KERNEL).ref, None, make_commit(b"x", parent=None, name="n", email="e", when=1))
    assert (answer.swap, "warning" in " ".join(answer.evidence)) == (Swap.LOST, False)


def test_many_begin_the_clones_own_lock_at_once(tmp_path: Path) -> None:
    repo = Git.init(tmp_path / "nb")
    gate = threading.Barrier(6)
    homes: list[Home] = []

    def begin() -> None:
        gate.wait()
        homes.append(home(repo.root))

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(homes) == 6
    kaggle = FolderKaggle(tmp_path / "kaggle")
    assert [person("Awa", one, kaggle).run().fence for one in homes] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("text", ['[lock]\nremote = "origin"\n', '[lock]\nremote="origin" # ours\n'])
def test_a_team_that_named_its_remote_never_falls_back(tmp_path: Path, text: str) -> None:
    repo = Git.init(tmp_path / "nb")
    repo.write("sahel-nb.toml", text)
    place = home(repo.root)
    assert place.label == ""
    with pytest.raises(UsageError, match="no remote called 'origin'"):
        place.chain(KERNEL).read()


def test_nor_does_a_clone_that_has_another_remote(tmp_path: Path) -> None:
    repo = Git.init(tmp_path / "nb")
    repo("remote", "add", "upstream", str(tmp_path / "x.git"))
    with pytest.raises(UsageError, match="no remote called 'origin'"):
        home(repo.root).chain(KERNEL).read()


def test_forks_share_the_committed_place(tmp_path: Path) -> None:
    team = Origin.create(tmp_path / "team.git")
    kaggle = FolderKaggle(tmp_path / "kaggle")
    for fence, name in enumerate(("awa", "bob"), start=1):
        fork = Origin.create(tmp_path / f"fork-of-{name}.git").clone(name, folder=tmp_path / name)
        place = home(fork.root, remote=str(team.path))
        assert person(name.title(), place, kaggle).run().fence == fence
        assert place.remote_id == str(team.path).removesuffix(".git")


def test_branches_where_a_host_refuses_anything_else(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    origin.hook("update", 'case "$1" in refs/heads/*) ;; *) exit 1;; esac')
    place = home(origin.clone("awa").root, prefix="refs/heads/sahel-locks")
    record = person("Awa", place, FolderKaggle(tmp_path / "kaggle")).run()
    assert record.state is State.FREE
    assert origin("for-each-ref", "--format=%(refname)") == f"refs/heads/sahel-locks/{KERNEL}"


def test_offline_nothing_is_taken_and_the_command_to_try_again_is_named(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    clone = origin.clone("awa")
    kaggle = FolderKaggle(tmp_path / "kaggle")
    awa = person("Awa", home(clone.root), kaggle)
    awa.run()
    origin.path.rename(tmp_path / "away.git")
    with pytest.raises(NetworkError) as caught:
        awa.run()
    assert caught.value.hints == ("git ls-remote origin", "sahel-nb lock doctor")
    assert kaggle.current_version() == 1
    done = sahel(clone.root, "lock", "show", KERNEL)
    assert done.returncode == 9
    assert "$ git ls-remote origin" in done.stderr
    (tmp_path / "away.git").rename(origin.path)
    assert awa.run().fence == 2, "and then it goes on"


def test_a_whole_run_over_ssh(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin-ŋ.git")
    clone = origin.clone("awa")
    clone("config", "core.sshCommand", ssh_to_here(tmp_path))
    clone("remote", "set-url", "origin", f"ssh://git@host.example:2222{origin.path}")
    place = home(clone.root)
    assert place.remote_id == f"host.example/{str(origin.path).strip('/')}".removesuffix(".git")
    kaggle = FolderKaggle(tmp_path / "kaggle")
    assert [person("Awa", place, kaggle).run().fence for _ in range(2)] == [1, 2]
    assert place.chain(KERNEL).swap(None, place.chain(KERNEL).history(9)[-1].record).verdict is Verdict.LOST
    log = ssh_log(tmp_path)
    assert {line.split("'")[0].split()[-1] for line in log} == {"git-upload-pack", "git-receive-pack"}
    assert all("git@host.example" in line for line in log)
    assert all(os.fsencode(origin.path) in line.encode() for line in log)


def test_an_ssh_that_lets_nobody_in(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    clone = origin.clone("awa")
    clone("remote", "set-url", "origin", f"git@host.example:{origin.path}")
    for said in ("git@host.example: Permission denied (publickey).", "Host key verification failed."):
        clone("config", "core.sshCommand", f"echo '{said}' >&2; exit 255;")
        with pytest.raises(NetworkError) as caught:
            home(clone.root).chain(KERNEL).read()
        assert said in caught.value.details
