"""From where to where a compare-and-swap goes: this clone's settings count, and its repository is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.errors import UsageError
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.swap_answer import Swap
from support.swap_scene import REF, Scene


def test_the_persons_repository_is_left_as_it_was(scene: Scene) -> None:
    scene.clone.commit("a.txt")
    before = sorted(path for path in scene.clone.root.rglob("*") if "sahel-nb" not in path.parts)
    one = scene.commit("one")
    scene.swap(None, one)
    scene.refs.read(REF)
    scene.refs.read_all("refs/sahel/locks")
    assert sorted(path for path in scene.clone.root.rglob("*") if "sahel-nb" not in path.parts) == before
    (outbox,) = (scene.clone.root / ".git/sahel-nb/scratch").iterdir()
    assert sorted(path.name for path in outbox.iterdir()) == ["HEAD", "config", "objects", "refs"]
    assert outbox.stat().st_mode & 0o77 == 0
    scene.clone("fetch", "-q", "origin")
    assert scene.clone("for-each-ref", "refs/sahel") == ""
    assert scene.clone("cat-file", "-t", one.oid, check=False) == ""
    assert scene.clone("rev-parse", "--is-shallow-repository") == "false"
    scene.origin("fsck", "--strict")


def test_settings_of_this_clone_reach_the_server(scene: Scene, tmp_path: Path) -> None:
    """url.insteadOf and credentials of .git/config count, though the conversation is not held in that repository."""
    scene.clone("config", f"url.{scene.base}/.insteadOf", "team:")
    scene.clone("config", "remote.locks.url", "team:origin.git")
    scene.clone("config", "http.extraHeader", 'X-Odd: "quoted" \\ value')
    refs = RemoteRefs(scene.refs.worktree, "locks")
    assert refs.url == "team:origin.git"
    assert refs.swap(REF, None, scene.commit("one")).swap is Swap.WON
    assert RemoteRefs(scene.refs.worktree, f"{scene.base}/origin.git").read(REF) is not None
    with pytest.raises(UsageError, match="no remote called") as caught:
        RemoteRefs(scene.refs.worktree, "upstream").read(REF)
    assert caught.value.hints == ("git remote add upstream URL",)


def test_pushes_and_reads_go_to_one_place(scene: Scene, tmp_path: Path) -> None:
    scene.clone("config", "remote.origin.pushurl", f"{scene.base}/origin.git")
    scene.clone("config", "remote.origin.url", f"{scene.base}/mirror.git")
    refs = RemoteRefs(scene.refs.worktree, "origin")
    one = scene.commit("one")
    assert refs.swap(REF, None, one).swap is Swap.WON
    assert refs.read(REF) == one


def test_all_refs_below_a_prefix(scene: Scene) -> None:
    assert scene.refs.read_all("refs/sahel/locks") == {}
    one, two = scene.commit("one"), scene.commit("two")
    scene.refs.swap(REF, None, one)
    scene.refs.swap("refs/sahel/locks/o/ɓ", None, two)
    scene.refs.swap("refs/sahel/elsewhere", None, two)
    assert scene.refs.read_all("refs/sahel/locks") == {REF: one, "refs/sahel/locks/o/ɓ": two}
