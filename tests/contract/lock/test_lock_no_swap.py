"""Servers that cannot hold a lock are found out before the first grant, on a ref of their own, and refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sahel_nb.config import LockConfig
from sahel_nb.errors import Refused, SahelError
from sahel_nb.lock.clock import SystemClock
from sahel_nb.lock.doctor import examine
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.home import home_of
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Check, Verdict
from support.git import Git, Origin, git_http
from support.locks import KERNEL, REF, FolderKaggle, Person, over_git
from support.no_swap import dulwich_http


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin.git")


@pytest.fixture
def no_swap(origin: Origin) -> Iterator[str]:
    with dulwich_http(origin.path) as url:
        yield url


def joined(origin: Origin, name: str, url: str = "") -> Git:
    clone = origin.clone(name)
    if url:
        clone("remote", "set-url", "origin", url)
    return clone


def chain(clone: Git) -> GitRefs:
    return home_of(Worktree.discover(clone.root), LockConfig()).chain(KERNEL)


def looked(clone: Git) -> dict[str, Check]:
    home = home_of(Worktree.discover(clone.root), LockConfig())
    return {row.name: row for row in examine(home, SystemClock()).rows}


def test_a_race_for_the_lock_ends_in_refusals_and_not_in_two_grants(
    origin: Origin, no_swap: str, tmp_path: Path
) -> None:
    kaggle = FolderKaggle(tmp_path / "kaggle")
    people = [
        Person(name, chain(joined(origin, name, no_swap)), kaggle, SystemClock()) for name in ("awa", "bob", "cem")
    ]
    granted: list[int] = []
    refused: list[str] = []

    def want(person: Person) -> None:
        for _ in range(2):
            try:
                granted.append(person.client.acquire(person.intent()).record.fence)
            except SahelError as exc:
                refused.append(exc.message)

    threads = [threading.Thread(target=want, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert granted == []
    assert len(refused) == 6
    assert {"cannot hold a lock: the server says yes to both of two who write at once" in text for text in refused} == {
        True
    }
    assert origin("for-each-ref", "refs/sahel") == ""


def test_doctor_says_so_and_touches_no_lock(origin: Origin, no_swap: str, tmp_path: Path) -> None:
    there = joined(origin, "awa")
    Person("Awa", over_git(there.root), FolderKaggle(tmp_path / "kaggle")).run()
    before = origin("for-each-ref")
    rows = looked(joined(origin, "bob", no_swap))
    assert rows["race"].verdict is Verdict.FAILED
    assert "two would hold one lock" in rows["race"].found
    assert "lock.remote: another one" in rows["race"].mend
    assert origin("for-each-ref") == before


def test_no_push_of_the_doctors_names_a_lock(origin: Origin, tmp_path: Path) -> None:
    Person("Awa", over_git(joined(origin, "awa").root), FolderKaggle(tmp_path / "kaggle")).run()
    origin.hook("pre-receive", f"cat >>{tmp_path}/asked")
    with git_http(tmp_path) as base:
        looked(joined(origin, "bob", f"{base}/origin.git"))
    asked = [line.split()[2] for line in (tmp_path / "asked").read_text().splitlines()]
    assert len(asked) > 5
    assert REF not in asked
    assert {name.rpartition("/probe-")[0] for name in asked} == {"refs/sahel/locks"}


def test_a_remote_is_tried_once_for_each_clone(origin: Origin, tmp_path: Path) -> None:
    origin.hook("pre-receive", f"cat >>{tmp_path}/asked")
    with git_http(tmp_path) as base:
        awa = Person("Awa", chain(joined(origin, "awa", f"{base}/origin.git")), FolderKaggle(tmp_path / "kaggle"))
        awa.run()
        probed = (tmp_path / "asked").read_text().count("/probe-")
        awa.run()
    assert probed > 0
    assert (tmp_path / "asked").read_text().count("/probe-") == probed
    assert origin("for-each-ref", "--format=%(refname)", "refs/sahel") == REF


@pytest.mark.parametrize("hidden", ["refs/sahel", REF])
@pytest.mark.parametrize("way", ["path", "http"])
def test_a_lock_that_nobody_could_read_is_given_to_nobody(
    origin: Origin, tmp_path: Path, hidden: str, way: str
) -> None:
    origin("config", "uploadpack.hideRefs", hidden)
    with git_http(tmp_path) as base:
        clone = joined(origin, "awa", f"{base}/origin.git" if way == "http" else "")
        awa = Person("Awa", chain(clone), FolderKaggle(tmp_path / "kaggle"))
        with pytest.raises(Refused, match=r"origin cannot hold a lock: .*uploadpack\.hideRefs"):
            awa.client.acquire(awa.intent())
        assert origin("for-each-ref", "refs/sahel") == "", "nothing is left that would block everybody"
        origin("config", "--unset-all", "uploadpack.hideRefs")
        assert awa.run().fence == 1


def test_doctor_shows_the_servers_own_reason(origin: Origin) -> None:
    clone = joined(origin, "awa")
    origin("config", "uploadpack.hideRefs", "refs/sahel")
    assert "uploadpack.hideRefs" in looked(clone)["read"].found
    origin("config", "--unset-all", "uploadpack.hideRefs")
    origin("config", "receive.hideRefs", "refs/sahel")
    assert "deny updating a hidden ref" in looked(clone)["create"].found
    origin("config", "--unset-all", "receive.hideRefs")
    origin.hook("pre-receive", "echo 'only Mondays, says the lead' >&2; exit 1")
    assert "only Mondays, says the lead" in looked(clone)["create"].found
