"""The hook on real servers: smart HTTP with its REMOTE_USER, and ssh with what a login sets."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.config import Enforcement, LockConfig
from sahel_nb.errors import Refused
from sahel_nb.lock.backend import Verdict
from sahel_nb.lock.chain import Chain
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.commands import Enqueue, Pass
from sahel_nb.lock.doctor import examine
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.home import home_of
from sahel_nb.lock.probe import who_ref
from sahel_nb.lock.record import State
from sahel_nb.lock.reset import reset
from sahel_nb.lock.transition import step
from sahel_nb.repo.scratch import make_commit
from sahel_nb.repo.swap_answer import Swap
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Verdict as Found
from support.git import Git, git_http
from support.lock_records import AWA, BOB, LEAD, REMOTE, arm, forged, on, states, ticket, writer
from support.lock_server import Server, by_http, by_ssh, commit_of, guarded, lay
from support.locks import KERNEL, REF, FolderKaggle, Notes, Person
from support.ssh import ssh_to_here


@pytest.fixture(params=["http", "ssh"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    origin = guarded(tmp_path, "REMOTE_USER" if request.param == "http" else "GL_USER")
    with contextlib.ExitStack() as stack:
        http = request.param == "http"
        reach = by_http(stack.enter_context(git_http(tmp_path))) if http else by_ssh(tmp_path)
        yield Server(origin, reach, first=int(http))


def test_honest_people_notice_nothing(server: Server, tmp_path: Path) -> None:
    kaggle = FolderKaggle(tmp_path / "kaggle")
    for fence, name in enumerate(("awa", "bob"), start=1):
        person = Person(name.title(), GitRefs(server.refs(name), REF), kaggle)
        assert person.run().fence == fence
    clone = Git(server.refs("awa").worktree.root)
    clone.commit("README.md")
    clone.push("origin", "HEAD:refs/heads/main")
    probe = make_commit(b"probe", parent=None, name="n", email="e@x", when=1)
    assert server.push("bob", None, probe, "refs/sahel/locks/probe-1")[0] is Swap.WON
    assert server.refs("bob").delete("refs/sahel/locks/probe-1", probe).swap is Swap.WON


def test_no_illegal_transition_gets_through(server: Server) -> None:
    """Operations on states that they may not follow on, some over http and others over ssh, and all of them by
    test_lock_replay.py; each alone, and then together with what is legal, which is refused with them."""
    wanted = {}
    refs = server.refs("awa")
    clone = Git(refs.worktree.root)
    cases = list(forged())[server.first :: 6]
    for number, (state, name, tip, after) in enumerate(cases):
        kernel = f"awa/forged-{number}"
        ref = f"refs/sahel/locks/{kernel}"
        old = server.put(replace(tip, kernel=kernel), ref=ref)
        new = commit_of(replace(after, kernel=kernel), old)
        lay(clone.root / ".git", old)
        lay(clone.root / ".git", new)
        wanted[f"{new.oid}:{ref}"] = (f"{state} {name}", old.oid)
    assert len(wanted) >= 6
    free = replace(states()["FREE"], kernel="awa/legal")
    old = server.put(free, ref="refs/sahel/locks/awa/legal")
    legal = commit_of(step(free, arm(stamp="s9", kernel="awa/legal"), writer(AWA, "x")), old)
    lay(clone.root / ".git", old)
    lay(clone.root / ".git", legal)
    cases_alone = len(wanted)
    wanted[f"{legal.oid}:refs/sahel/locks/awa/legal"] = ("what is legal, alone", legal.oid)
    assert cases_alone < len(wanted)
    for spec in (*wanted, tuple(wanted)):
        clone("push", "-q", "--force", "origin", *(spec if isinstance(spec, tuple) else (spec,)), check=False)
    shown = refs.advertised("refs/sahel/locks")
    for spec, (what, oid) in wanted.items():
        assert shown[spec.partition(":")[2]] == oid, what


def test_what_is_no_transition_at_all(server: Server) -> None:
    tip = states()["ARMED"]
    old = server.put(tip)
    after = step(tip, on(tip)["disarm"], writer(AWA, "x"))
    good = commit_of(after, old)
    attempts = {
        "of another kernel": commit_of(replace(after, kernel="awa/another"), old),
        "lead to this lock_remote_id": commit_of(replace(after, lock_remote_id="example.org/elsewhere"), old),
        "one commit on the newest": commit_of(after, None),
        "is not JSON": make_commit(b"hello", parent=old.oid, name="n", email="e@x", when=1),
        "is no commit of": make_commit(b" " * (4 << 20), parent=old.oid, name="n", email="e@x", when=1),
    }
    for text, new in attempts.items():
        swap, said = server.push("awa", old, new)
        assert swap is Swap.REFUSED, text
        assert text.replace("of another kernel", "of awa/another") in said
    two = commit_of(step(after, arm(stamp="s7"), writer(AWA, "y")), good)
    clone = Git(server.refs("awa").worktree.root)
    for new in (good, two):
        lay(clone.root / ".git", new)
    lay(clone.root / ".git", old)
    clone("push", "-q", "origin", f"{two.oid}:{REF}", check=False)  # two transitions in one push
    clone("push", "-q", "origin", f":{REF}", check=False)
    clone("push", "-q", "origin", f"{old.oid}:refs/sahel/locks/a/b/c", f"{old.oid}:refs/sahel/locks/Awa/x", check=False)
    assert server.origin("for-each-ref", "--format=%(refname) %(objectname)") == f"{REF} {old.oid}"
    assert server.push("awa", old, good)[0] is Swap.WON
    clone("push", "-q", "--force", "origin", f"{old.oid}:{REF}", check=False)  # an older record again
    assert server.origin("rev-parse", REF) == good.oid


def test_people_are_who_the_server_says(server: Server) -> None:
    tips = states()
    old = server.put(tips["ARMED, Bob waits"])
    tip = tips["ARMED, Bob waits"]
    attempts = [
        ("bob", step(tip, on(tip)["disarm"], writer(AWA, "x")), "written by Awa"),
        ("bob", step(tip, on(tip)["start"], writer(BOB, "x")), "for Awa"),
        ("bob", step(tip, on(tip)["break"], writer(BOB, "x")), "for Awa"),
        ("awa", step(tip, on(tip)["leave"], writer(AWA, "x")), "for Bob"),
        ("lead", step(tip, on(tip)["break"], writer(AWA, "x")), "written by Awa"),
        ("eve", step(tip, on(tip)["alarm"], writer(AWA, "x")), "no address of eve"),
    ]
    for who, after, text in attempts:
        swap, said = server.push(who, old, commit_of(after, old))
        assert (swap, text in said) == (Swap.REFUSED, True), (who, text, said)
    broken = step(tip, on(tip)["break"], writer(LEAD, "x"))
    new = commit_of(broken, old)
    assert server.push("lead", old, new)[0] is Swap.WON
    assert broken.state is State.OFFERED
    stolen = commit_of(step(broken, arm(AWA, "t1"), writer(AWA, "y")), new)
    assert server.push("awa", new, stolen)[0] is Swap.REFUSED
    assert server.push("bob", new, commit_of(step(broken, arm(BOB, "t1"), writer(BOB, "y")), new))[0] is Swap.WON


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_a_grant_of_somebody_else_ends_when_it_has_stood_still_here(server: Server) -> None:
    first = step(None, arm(), writer(AWA, "n"))
    old = commit_of(first, None)
    assert server.push("awa", None, old)[0] is Swap.WON
    reaped = commit_of(step(first, on(first, BOB)["reap"], writer(BOB, "x")), old)
    swap, said = server.push("bob", old, reaped)
    assert (swap, "600 s after the lock last moved" in said) == (Swap.REFUSED, True)
    waits = step(first, on(first, BOB)["enqueue"], writer(BOB, "y"))
    queued = commit_of(waits, old)
    (note,) = (server.origin.path / "sahel-locks").iterdir()
    os.utime(note, (time.time() - 700, time.time() - 700))
    assert server.push("bob", old, queued)[0] is Swap.WON, "to wait does not make it younger"
    reap = on(waits, BOB)["reap"]
    offered = step(waits, reap, writer(BOB, "z"))
    offer = commit_of(offered, queued)
    assert server.push("bob", queued, offer)[0] is Swap.WON
    passed = commit_of(step(offered, Pass(offered.queue[0].nonce, "nobody there"), writer(AWA, "p")), offer)
    assert server.push("awa", offer, passed)[0] is Swap.REFUSED
    os.utime(note, (time.time() - 130, time.time() - 130))
    assert server.push("awa", offer, passed)[0] is Swap.WON, "an offer need not stand still for as long as a grant"


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
@pytest.mark.parametrize("variable", ["", "USER", "LOGNAME", "SSH_USER"])
def test_without_an_identity_that_only_the_server_sets_nothing_is_taken(server: Server, variable: str) -> None:
    server.origin("config", "sahel.identity", variable)
    first = commit_of(step(None, arm(), writer(AWA, "n")), None)
    swap, said = server.push("awa", None, first)
    assert (swap, "sahel.identity must be REMOTE_USER or GL_USER or SAHEL_USER" in said) == (Swap.REFUSED, True), said
    clone = Git(server.refs("awa").worktree.root)
    clone.commit("README.md")
    clone.push("origin", "HEAD:refs/heads/main")


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
@pytest.mark.parametrize("named", ["sahel.remoteId", "lock.id"])
def test_a_new_kernel_is_not_poisoned_by_a_foreign_name(server: Server, named: str) -> None:
    if named == "lock.id":
        admin = server.origin.clone("admin")
        admin.write("sahel-nb.toml", f'[lock]\nid = "{REMOTE}"\n')
        admin.commit("sahel-nb.toml")
        admin.push("origin", "HEAD:refs/heads/main")
    else:
        server.origin("config", "sahel.remoteId", REMOTE)
    foreign = step(None, arm(BOB, remote="example.org/elsewhere"), writer(BOB, "n"))
    swap, said = server.push("bob", None, commit_of(foreign, None))
    assert (swap, f"and this is {REMOTE}" in said) == (Swap.REFUSED, True), said
    assert server.push("awa", None, commit_of(step(None, arm(), writer(AWA, "n")), None))[0] is Swap.WON


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_who_may_run_a_kernel_is_committed(server: Server) -> None:
    """The hook refuses others, and a client that knows of it does not try."""
    admin = server.origin.clone("admin")
    admin.write("sahel-nb.toml", '[lock]\nrunners = ["awa/* awa@example.org *@lab.example"]\n')
    admin.commit("sahel-nb.toml")
    admin.push("origin", "HEAD:refs/heads/main")
    bobs = step(None, arm(BOB), writer(BOB, "n"))
    swap, said = server.push("bob", None, commit_of(bobs, None))
    assert (swap, "awa/fula-lid is run by awa@example.org, *@lab.example" in said) == (Swap.REFUSED, True), said
    other = "refs/sahel/locks/bob/his"
    assert server.push("bob", None, commit_of(replace(bobs, kernel="bob/his"), None), other)[0] is Swap.WON
    first = step(None, arm(), writer(AWA, "n"))
    old = commit_of(first, None)
    assert server.push("awa", None, old)[0] is Swap.WON
    waits = step(first, on(first, BOB)["enqueue"], writer(BOB, "q"))
    assert server.push("bob", old, commit_of(waits, old))[0] is Swap.REFUSED
    alarm = step(first, on(first, BOB)["alarm"], writer(BOB, "a"))
    tip = commit_of(alarm, old)
    assert server.push("bob", old, tip)[0] is Swap.WON
    admin.write("sahel-nb.toml", "[lock]\nrunners = 7\n")
    admin.commit("sahel-nb.toml")
    admin.push("origin", "HEAD:refs/heads/main")
    swap, said = server.push("awa", tip, commit_of(step(alarm, on(alarm)["disarm"], writer(AWA, "d")), tip))
    assert (swap, "lock.runners" in said) == (Swap.REFUSED, True), "what cannot be understood lets nobody through"
    config = LockConfig(runners=("awa/* awa@example.org",))
    with pytest.raises(Refused, match=r"is run by awa@example\.org"):
        home_of(server.refs("bob").worktree, config).chain(KERNEL).swap(None, bobs)


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_the_signers_branch_is_for_leads(server: Server) -> None:
    """Also in the same push as a lock, against deletion, and against a mirror of a clone that has none."""
    branch = "refs/heads/sahel-signers"
    for who in ("awa", "lead"):
        clone = Git(server.refs(who).worktree.root)
        clone.write("allowed_signers", f"{who}@example.org ssh-ed25519 AAAA\n")
        clone.commit("allowed_signers")
        first = commit_of(step(None, arm(), writer(AWA, "n")), None)
        lay(clone.root / ".git", first)
        clone("push", "-q", "origin", f"HEAD:{branch}", f"{first.oid}:{REF}", check=False)
        assert (
            server.origin("for-each-ref", "--format=%(refname)") == ""
        )  # Awa may not, and the record is not the lead's
    lead = Git(server.refs("lead").worktree.root)
    lead.push("origin", f"HEAD:{branch}")
    tip = server.origin("rev-parse", branch)
    awa = Git(server.refs("awa").worktree.root)
    for words in (("-q", "origin", f"+HEAD:{branch}"), ("-q", "origin", f":{branch}"), ("-q", "--mirror", "origin")):
        awa("push", *words, check=False)
        assert server.origin("rev-parse", branch) == tip, words
    lead("push", "-q", "origin", f":{branch}", check=False)
    assert server.origin("rev-parse", branch) == tip, "nor by a lead"
    lead.commit("another")
    lead.push("origin", f"HEAD:{branch}")


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_nothing_that_looks_like_a_lock_is_made(server: Server) -> None:
    clone = Git(server.refs("awa").worktree.root)
    clone.commit("README.md")
    for odd in (f"refs/tags/{REF}", f"refs/heads/{REF}", f"refs/{REF}", "refs/heads/sahel-locks"):
        clone("push", "-q", "origin", f"HEAD:{odd}", check=False)
    clone.push("origin", "HEAD:refs/tags/v1")
    assert server.origin("for-each-ref", "--format=%(refname)") == "refs/tags/v1"


def test_the_server_says_whom_it_takes_somebody_for(server: Server) -> None:
    for who, said in (("awa", "known to it as awa: awa@example.org"), ("lead", "lead@example.org, a lead"), ("eve", "no address of eve")):  # fmt: skip  # noqa: E501
        probe = make_commit(b"who", parent=None, name="n", email="e@x", when=1)
        swap, text = server.push(who, None, probe, who_ref("refs/sahel/locks"))
        assert (swap, said in text) == (Swap.REFUSED, True), text


@pytest.mark.parametrize("way", ["http", "forced", "shell", "none", "stranger"])
def test_doctor_says_who_judges_and_whom_one_is_taken_for(tmp_path: Path, way: str) -> None:
    """Proved by pushing what a server that judges never takes, once as oneself and once as somebody else."""
    origin = guarded(tmp_path, "REMOTE_USER" if way == "http" else "GL_USER")
    if way == "none":
        (origin.path / "hooks" / "pre-receive").unlink()
    with contextlib.ExitStack() as stack:
        clone = origin.clone("awa")
        if way == "http":
            by_http(stack.enter_context(git_http(tmp_path)))(clone, "awa")
        else:
            clone("remote", "set-url", "origin", f"git@host.example:{origin.path}")
            who = "eve" if way == "stranger" else "awa"
            clone("config", "core.sshCommand", ssh_to_here(tmp_path, who, forced=way != "shell"))
        home = home_of(Worktree.discover(clone.root), LockConfig(enforce=Enforcement.SERVER))
        row = next(one for one in examine(home, FakeClock()).rows if one.name == "enforcement")
    wanted = {
        "http": (Found.OK, "the server judges, you are known to it as awa: awa@example.org"),
        "forced": (Found.OK, "the server judges, you are known to it as awa: awa@example.org"),
        "shell": (Found.FAILED, "whoever pushes can say who they are"),
        "none": (Found.FAILED, "nobody judges"),
        "stranger": (Found.FAILED, "no address of eve is known here"),
    }[way]
    assert (row.verdict, wanted[1] in row.found) == (wanted[0], True), row
    assert origin("for-each-ref", "refs/sahel") == ""


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_nobody_gets_a_lock_by_adopting_and_reaping(server: Server) -> None:
    """That a run began, and that it ended, is what they say: each is waited out here."""
    first = step(None, arm(), writer(AWA, "n"))
    old = commit_of(first, None)
    assert server.push("awa", None, old)[0] is Swap.WON
    adopted = step(first, on(first, BOB)["adopt"], writer(BOB, "a"))
    new = commit_of(adopted, old)
    swap, said = server.push("bob", old, new)
    assert (swap, "adopt is for 600 s after the lock last moved" in said) == (Swap.REFUSED, True), said
    (note,) = (server.origin.path / "sahel-locks").iterdir()
    os.utime(note, (time.time() - 700, time.time() - 700))
    assert server.push("bob", old, new)[0] is Swap.WON
    reaped = commit_of(step(adopted, on(adopted, BOB)["reap"], writer(BOB, "r")), new)
    swap, said = server.push("bob", new, reaped)
    assert (swap, "reap is for 600 s" in said) == (Swap.REFUSED, True), said
    finished = commit_of(step(adopted, on(adopted, AWA)["finish"], writer(AWA, "f")), new)
    assert server.push("awa", new, finished)[0] is Swap.WON, "the holder need not wait"


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_nobody_fills_the_queue(server: Server) -> None:
    record = step(None, arm(), writer(AWA, "n"))
    tip = commit_of(record, None)
    assert server.push("awa", None, tip)[0] is Swap.WON
    for number in range(4):
        record = step(record, Enqueue(KERNEL, ticket(BOB, f"t{number}")), writer(BOB, f"q{number}"))
        new = commit_of(record, tip)
        swap, said = server.push("bob", tip, new)
        assert (swap is Swap.WON, "tickets of one person" in said) == (number < 3, number == 3), said
        tip = new


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_a_push_that_fails_makes_nothing_older(server: Server) -> None:
    """What was noted for it is of a record that is not on the chain; what is not known is waited out from now on."""
    first = step(None, arm(), writer(AWA, "n"))
    old = server.put(first)
    note = server.origin.path / "sahel-locks" / hashlib.sha256(REF.encode()).hexdigest()[:40]
    note.parent.mkdir()
    reaped = commit_of(step(first, on(first, BOB)["reap"], writer(BOB, "x")), old)
    for text in (f"ARMED 1 0 {'0' * 40}", "", "ARMED 1 0"):
        note.write_text(text)
        os.utime(note, (time.time() - 700, time.time() - 700))
        assert server.push("bob", old, reaped)[0] is Swap.REFUSED, text
        assert note.read_text() == f"ARMED 1 0 {old.oid}"
    os.utime(note, (time.time() - 700, time.time() - 700))
    assert server.push("bob", old, reaped)[0] is Swap.WON


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_a_lead_resets_what_nobody_can_read(server: Server) -> None:
    free = server.put(states()["FREE"])
    bad = make_commit(b"not a record", parent=free.oid, name="n", email="e@x", when=1)
    lay(server.origin.path, bad)
    (server.origin.path / REF).write_text(f"{bad.oid}\n")
    for who, name, done in (("bob", BOB, False), ("lead", LEAD, True)):
        backend = GitRefs(server.refs(who), REF)
        chain = Chain(backend, FakeClock(), Notes(), kernel=KERNEL, by=f"{name} on laptop")
        told = {"remote_id": REMOTE, "actor": name, "host": "laptop", "reason": "it could not go on"}
        if not done:
            with pytest.raises(Refused) as caught:
                reset(chain, backend, **told)
            assert any("reset is for a lead: lead@example.org" in line for line in caught.value.details)
        else:
            record = reset(chain, backend, **told).record
            assert (record.fence, record.state, bad.oid[:9] in record.alarms[-1]) == (3, State.FREE, True)
    awa = GitRefs(server.refs("awa"), REF)
    tip = awa.read()
    assert tip is not None
    assert awa.swap(tip, step(tip.record, arm(stamp="s9"), writer(AWA, "again"))).verdict is Verdict.WON


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
@pytest.mark.parametrize(("shared", "mode"), [("umask", 0o700), ("group", 0o2770)])
def test_the_notes_are_for_whom_the_repository_is_for(server: Server, shared: str, mode: int) -> None:
    server.origin("config", "core.sharedRepository", shared)
    assert server.push("awa", None, commit_of(step(None, arm(), writer(AWA, "n")), None))[0] is Swap.WON
    folder = server.origin.path / "sahel-locks"
    (note,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o7777, note.stat().st_mode & 0o777) == (mode, 0o660 if mode & 0o70 else 0o600)


def test_sixty_locks_in_one_push_are_judged_by_one_process(server: Server) -> None:
    clone = Git(server.refs("awa").worktree.root)
    specs = []
    for number in range(60):
        kernel = f"awa/many-{number}"
        new = commit_of(step(None, arm(kernel=kernel), writer(AWA, f"n{number}")), None)
        lay(clone.root / ".git", new)
        specs.append(f"{new.oid}:refs/sahel/locks/{kernel}")
    server.origin("config", "sahel.python", str(_counting(server.origin.path)))
    clone.push("origin", *specs)
    assert len(server.origin("for-each-ref", "refs/sahel/locks").splitlines()) == 60
    assert (server.origin.path / "started").read_text().splitlines() == ["once"]


def _counting(folder: Path) -> Path:
    python = folder / "python"
    python.write_text(f'#!/bin/sh\necho once >> "{folder}/started"\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_locks_of_another_prefix_are_guarded_too(server: Server) -> None:
    ref = "refs/sahel/signed/awa/fula-lid"
    first = step(None, arm(), writer(AWA, "n"))
    old = commit_of(first, None)
    assert server.push("eve", None, old, ref)[0] is Swap.REFUSED, "who is not known"
    assert server.push("awa", None, old, ref)[0] is Swap.WON
    stolen = commit_of(step(first, on(first)["start"], writer(AWA, "x")), old)
    assert server.push("bob", old, stolen, ref)[0] is Swap.REFUSED
    for odd in ("refs/sahel/awa", "refs/sahel/deeper/signed/awa/fula-lid"):
        assert server.push("awa", None, old, odd)[0] is Swap.REFUSED, odd


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_a_check_that_breaks_refuses(server: Server) -> None:
    server.origin("config", "sahel.ttl", "soon")
    swap, said = server.push("awa", None, commit_of(step(None, arm(), writer(AWA, "n")), None))
    assert (swap, "the check broke" in said) == (Swap.REFUSED, True)
    server.origin("config", "sahel.python", "/nowhere/python3")
    assert server.push("awa", None, commit_of(step(None, arm(), writer(AWA, "n")), None))[0] is Swap.REFUSED


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_a_hook_that_was_there_before_has_its_say(server: Server) -> None:
    server.origin.hook("pre-receive.before-sahel-nb", "! grep -q refs/heads/main")
    clone = Git(server.refs("awa").worktree.root)
    clone.commit("README.md")
    clone("push", "-q", "origin", "HEAD:refs/heads/main", check=False)
    clone("push", "-q", "origin", "HEAD:refs/heads/two")
    assert server.origin("for-each-ref", "--format=%(refname)") == "refs/heads/two"


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_the_tool_tells_its_user_what_the_server_said(server: Server) -> None:
    backend = GitRefs(server.refs("eve"), REF)
    with pytest.raises(Refused) as caught:
        backend.swap(None, step(None, arm(), writer(AWA, "n")))
    assert any("no address of eve is known here" in line for line in caught.value.details)
