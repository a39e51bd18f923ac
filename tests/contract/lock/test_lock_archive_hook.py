"""hooks/update and archives: a chain begins anew by exactly one move, and what was archived stays where it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.lock.commands import Compact
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.names import archive_ref
from sahel_nb.lock.record import Op, Record
from sahel_nb.lock.transition import step
from sahel_nb.repo.kept_commits import ref_of
from sahel_nb.repo.scratch import RawCommit
from sahel_nb.repo.swap_answer import Swap
from support.git import Git
from support.lock_records import AWA, BOB, arm, on, states, writer
from support.lock_server import Server, by_ssh, commit_of, guarded, lay
from support.locks import REF, FolderKaggle, Person


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(guarded(tmp_path, "GL_USER"), by_ssh(tmp_path), first=0)


FREE = states()["FREE"]


def anew(free: Record, old: RawCommit, who: str = AWA) -> Record:
    return step(free, Compact(old.oid), writer(who, f"compact {who}"))


def keep(server: Server, who: str, commit: RawCommit, ref: str = "") -> tuple[Swap, str]:
    answer = server.refs(who).keep(ref or archive_ref(REF, commit.oid), commit)
    return answer.swap, " ".join(answer.evidence)


def test_honest_people_notice_nothing(server: Server, tmp_path: Path) -> None:
    kaggle = FolderKaggle(tmp_path / "kaggle")
    awa, bob = (Person(name.title(), GitRefs(server.refs(name), REF), kaggle) for name in ("awa", "bob"))
    awa.run()
    assert bob.client.compact() is not None
    assert awa.client.acquire(awa.intent()).record.fence == 2
    assert [tip.record.op for tip in bob.backend.history(9)] == [Op.ARM, Op.COMPACT, Op.FINISH, Op.START, Op.ARM]


def test_an_archive_is_made_of_what_the_lock_ends_with_by_somebody_known(server: Server) -> None:
    old = server.put(FREE)
    other = server.put(replace(FREE, nonce="other"), ref="refs/sahel/locks/awa/other")
    for who, commit, ref, text in (
        ("eve", old, "", "no address of eve"),
        ("awa", other, "", "does not end with"),
        ("awa", old, archive_ref(REF, other.oid), "has the name of what it keeps"),
        ("awa", old, "refs/heads/sahel-locks-archive/awa/fula-lid", "is no lock's archive"),
    ):
        swap, said = keep(server, who, commit, ref)
        assert (swap, text in said) == (Swap.REFUSED, True), (ref, said)
    assert keep(server, "bob", old)[0] is Swap.WON
    assert keep(server, "awa", old)[0] is Swap.ALREADY_MINE
    ref = "refs/sahel/locks/awa/armed"
    held = server.put(replace(states()["ARMED"], kernel="awa/armed"), ref=ref)
    assert "only while it is free" in keep(server, "awa", held, archive_ref(ref, held.oid))[1]


def test_a_commit_that_ran_is_kept_under_its_own_name_and_stays(server: Server) -> None:
    one, other = server.put(FREE), server.put(replace(FREE, nonce="other"), ref="refs/sahel/locks/awa/other")
    for who, ref, text in (
        ("eve", ref_of(one.oid), "no address of eve"),
        ("awa", ref_of(other.oid), "under its own name"),
        ("awa", "refs/sahel/commits/awa/fula-lid", "under its own name"),
    ):
        swap, said = keep(server, who, one, ref)
        assert (swap, text in said) == (Swap.REFUSED, True), (ref, said)
    place = ref_of(one.oid)
    assert keep(server, "awa", one, place)[0] is Swap.WON
    assert keep(server, "bob", one, place)[0] is Swap.ALREADY_MINE
    clone = Git(server.refs("awa").worktree.root)
    lay(clone.root / ".git", other)
    clone("push", "-q", "origin", f"+{other.oid}:{place}", check=False)
    assert server.origin("rev-parse", place) == one.oid
    server.origin("config", "--replace-all", "sahel.lead", "bob@example.org")
    assert server.refs("awa").delete(place, one).swap is Swap.REFUSED
    assert server.refs("bob").delete(place, one).swap is Swap.WON


def test_an_archive_never_moves_and_never_goes(server: Server) -> None:
    old = server.put(FREE)
    place = archive_ref(REF, old.oid)
    keep(server, "awa", old)
    armed = commit_of(step(FREE, arm(AWA, "s9"), writer(AWA, "x")), old)
    assert server.push("awa", old, armed)[0] is Swap.WON
    clone = Git(server.refs("awa").worktree.root)
    lay(clone.root / ".git", old)
    lay(clone.root / ".git", armed)
    for spec in (f"+{armed.oid}:{place}", f":{place}"):
        clone("push", "-q", "origin", spec, check=False)
        assert server.origin("rev-parse", place) == old.oid
    assert server.refs("awa").delete(place, old).swap is Swap.REFUSED


def test_a_chain_begins_anew_only_with_its_archive_in_place(server: Server) -> None:
    old = server.put(FREE)
    good = commit_of(anew(FREE, old), None)
    swap, said = server.push("awa", old, good)
    assert (swap, "only when it is archived" in said) == (Swap.REFUSED, True)
    keep(server, "awa", old)
    record = anew(FREE, old)
    attempts = {
        "another fence": replace(record, fence=record.fence + 1),
        "another archive": replace(record, archive="a" * 40),
        "in somebody else's name": replace(record, by=f"{BOB} on laptop"),
        "a grant without what came before": step(None, arm(AWA, "s9"), writer(AWA, "z")),
    }
    for text, forged in attempts.items():
        assert server.push("awa", old, commit_of(forged, None))[0] is Swap.REFUSED, text
    assert server.push("awa", old, commit_of(record, old))[0] is Swap.REFUSED, "with a parent it is no new beginning"
    assert server.push("awa", old, good)[0] is Swap.WON
    clone = Git(server.refs("awa").worktree.root)
    lay(clone.root / ".git", old)
    clone("push", "-q", "origin", f"+{old.oid}:{REF}", check=False)
    assert server.origin("rev-parse", REF) == good.oid, "and there is no way back"


def test_no_other_state_begins_anew(server: Server) -> None:
    clone, wanted = Git(server.refs("awa").worktree.root), {}
    for number, (name, tip) in enumerate(states().items()):
        if name == "FREE":
            continue
        kernel = f"awa/state-{number}"
        ref = f"refs/sahel/locks/{kernel}"
        tip = replace(tip, kernel=kernel)
        old = server.put(tip, ref=ref)
        server.origin("update-ref", archive_ref(ref, old.oid), old.oid)
        free = anew(replace(FREE, kernel=kernel, fence=tip.fence, stamp=tip.stamp), old)
        new = commit_of(free, None)
        lay(clone.root / ".git", new)
        wanted[f"+{new.oid}:{ref}"] = ref, old.oid
    clone("push", "-q", "origin", *wanted, check=False)
    shown = server.refs("awa").advertised("refs/sahel/locks")
    for ref, oid in wanted.values():
        assert shown[ref] == oid, ref


def test_a_lock_that_never_was_does_not_begin_anew(server: Server) -> None:
    record = anew(FREE, RawCommit("a" * 40, b""))
    assert server.push("awa", None, commit_of(record, None))[0] is Swap.REFUSED


def test_what_looks_like_a_probe_is_guarded_as_the_lock_that_it_is(server: Server) -> None:
    ref = "refs/sahel/locks/probe-1/slug"
    tip = replace(states()["RUNNING"], kernel="probe-1/slug")
    old = server.put(tip, ref=ref)
    stolen = replace(step(tip, on(tip)["finish"], writer(BOB, "x")))
    assert server.push("bob", old, commit_of(stolen, old), ref)[0] is Swap.REFUSED
