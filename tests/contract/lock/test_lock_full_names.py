"""A lock is read and written under its full name, as it is: no ref that git would take for it counts, and no ref that
puts another object in its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.config import LockConfig
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.doctor import examine
from sahel_nb.lock.home import home_of
from sahel_nb.lock.names import archive_ref
from sahel_nb.lock.record import Op
from sahel_nb.lock.transition import step
from sahel_nb.repo.swap_answer import Swap
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Check, Verdict
from support.git import Git, Origin
from support.lock_records import AWA, BOB, arm, on, states, writer
from support.lock_server import Server, by_ssh, commit_of, guarded, lay
from support.locks import REF as LOCK
from support.swap_scene import REF, Scene

ALIKE = (f"refs/tags/{REF}", f"refs/heads/{REF}", f"refs/{REF}")


def test_what_git_would_take_for_the_lock_is_none(scene: Scene) -> None:
    forged, one = scene.commit("forged"), scene.commit("one")
    for ref in (*ALIKE, "refs/tags/refs/heads/sahel-signers"):
        lay(scene.origin.path, forged)
        scene.origin("update-ref", ref, forged.oid)
    assert scene.refs.read(REF) is None
    assert scene.refs.file_at("refs/heads/sahel-signers", "allowed_signers") is None
    assert scene.refs.where(REF) is None
    if scene.base.startswith("http"):  # git's own helper completes the name: refused until they are removed
        assert scene.swap(None, one) is Swap.REFUSED
        home = home_of(scene.refs.worktree, LockConfig())
        (row,) = (row for row in examine(home, FakeClock()).rows if row.name == "names")
        assert row.verdict is Verdict.FAILED
        scene.clone(*row.mend.split()[1:])
        assert scene.swap(None, one) is Swap.WON
        return
    assert scene.swap(None, one) is Swap.WON
    assert scene.refs.read(REF) == one
    two = scene.commit("two", one)
    assert scene.swap(one, two) is Swap.WON
    assert scene.refs.keep(archive_ref(REF, two.oid), two).swap is Swap.WON
    assert scene.refs.history(REF, 9) == (two, one)
    assert {scene.origin("rev-parse", ref) for ref in ALIKE} == {forged.oid}


def test_a_replaced_record_is_read_as_it_is(scene: Scene) -> None:
    one, forged = scene.commit("one"), scene.commit("forged")
    scene.swap(None, one)
    lay(scene.origin.path, forged)
    scene.origin("update-ref", f"refs/replace/{one.oid}", forged.oid)
    assert scene.origin("log", "-1", "--format=%s", REF) == "forged", "git itself is taken in"
    assert scene.refs.read(REF) == one
    two = scene.commit("two", one)
    assert scene.swap(one, two) is Swap.WON


def test_the_hook_reads_the_record_and_not_what_was_put_in_its_place(tmp_path: Path) -> None:
    server = Server(guarded(tmp_path, "GL_USER"), by_ssh(tmp_path), first=0)
    armed = states()["ARMED"]
    old = server.put(armed)
    free = commit_of(replace(states()["FREE"], nonce="forged"), None)
    clone = Git(server.refs("bob").worktree.root)
    lay(clone.root / ".git", free)
    clone("push", "-q", "origin", f"{free.oid}:refs/replace/{old.oid}")
    stolen = commit_of(step(states()["FREE"], arm(BOB, "s7"), writer(BOB, "x")), old)
    swap, said = server.push("bob", old, stolen)
    assert (swap, "arm does not lead" in said or "the lock is ARMED" in said) == (Swap.REFUSED, True), said
    (server.origin.path / "info").mkdir(exist_ok=True)
    (server.origin.path / "info" / "grafts").write_text(f"{old.oid}\n")
    swap, said = server.push("bob", old, stolen)
    assert (swap, "deprecated" in said) == (Swap.REFUSED, False), said


def test_the_hook_takes_no_tag_for_an_archive(tmp_path: Path) -> None:
    server = Server(guarded(tmp_path, "GL_USER"), by_ssh(tmp_path), first=0)
    free = states()["FREE"]
    old = server.put(free)
    server.origin("update-ref", f"refs/tags/{archive_ref(LOCK, old.oid)}", old.oid)
    anew = replace(step(free, on(free)["compact"], writer(AWA, "c")), archive=old.oid)
    assert anew.op is Op.COMPACT
    swap, said = server.push("awa", old, commit_of(anew, None))
    assert (swap, "only when it is archived" in said) == (Swap.REFUSED, True), said


@pytest.mark.parametrize(
    ("prefix", "ref", "verdict"),
    [
        ("refs/sahel/locks", f"refs/tags/{REF}", Verdict.WARNING),
        ("refs/sahel/locks", f"refs/heads/{REF}", Verdict.WARNING),
        ("refs/sahel/locks", "refs/replace/{tip}", Verdict.WARNING),
        ("refs/sahel/locks", f"{LOCK}/deeper", Verdict.FAILED),
        ("refs/sahel/locks", "refs/sahel/locks/bob", Verdict.FAILED),
        ("refs/sahel/locks", "refs/sahel/locks-archive/awa/x", Verdict.FAILED),
        ("refs/heads/sahel-locks", "refs/heads/sahel-locks", Verdict.FAILED),
        ("refs/heads/sahel-locks", "refs/heads/main", Verdict.OK),
        ("refs/sahel/locks", "refs/sahel/locks/probe-12", Verdict.OK),
    ],
)
def test_doctor_names_what_is_in_the_way(tmp_path: Path, prefix: str, ref: str, verdict: Verdict) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    clone = origin.clone("awa")
    home = home_of(Worktree.discover(clone.root), LockConfig(prefix=prefix))
    tip = commit_of(states()["FREE"], None)
    lay(origin.path, tip)
    origin("update-ref", "refs/sahel/locks/awa/beside", tip.oid)
    ref = ref.format(tip=tip.oid)
    other = commit_of(states()["HELD"], None)
    lay(origin.path, other)
    origin("update-ref", ref, other.oid)

    def row() -> Check:
        return next(one for one in examine(home, FakeClock()).rows if one.name == "names")

    found = row()
    assert (found.verdict, ref in found.found) == (verdict, verdict is not Verdict.OK), found
    if verdict is not Verdict.OK:
        assert found.mend == f"git push origin :{ref}"
        clone(*found.mend.split()[1:])
        assert row().verdict is Verdict.OK
