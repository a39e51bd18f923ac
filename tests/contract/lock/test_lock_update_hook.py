"""hooks/update on real servers: smart HTTP with its REMOTE_USER, and ssh with what a login sets."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sahel_nb.errors import Refused
from sahel_nb.lock.commands import Pass
from sahel_nb.lock.git_refs import GitRefs
from sahel_nb.lock.record import State
from sahel_nb.lock.transition import step
from sahel_nb.repo.scratch import make_commit
from sahel_nb.repo.swap_answer import Swap
from support.git import Git, git_http
from support.lock_records import AWA, BOB, LEAD, arm, forged, on, states, writer
from support.lock_server import Server, by_http, by_ssh, commit_of, guarded, lay
from support.locks import REF, FolderKaggle, Person


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
    test_lock_replay.py; in one push, each to a kernel of its own."""
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
    wanted[f"{legal.oid}:refs/sahel/locks/awa/legal"] = ("what is legal, in the same push", legal.oid)
    clone("push", "-q", "--force", "origin", *wanted, check=False)
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
        "of example.org/elsewhere": commit_of(replace(after, lock_remote_id="example.org/elsewhere"), old),
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
    assert (swap, "sahel.ttl" in said) == (Swap.REFUSED, True)
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
def test_where_nobody_is_asked_only_transitions_count(server: Server) -> None:
    server.origin("config", "--unset", "sahel.identity")
    first = step(None, arm(), writer(AWA, "n"))
    assert server.push("", None, commit_of(first, None))[0] is Swap.WON
    server.origin("config", "sahel.remoteId", "example.org/elsewhere")
    again = step(first, on(first)["start"], writer(AWA, "x"))
    assert server.push("", commit_of(first, None), commit_of(again, commit_of(first, None)))[0] is Swap.REFUSED


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
    server.origin.hook("update.before-sahel-nb", 'test "$1" != refs/heads/main')
    clone = Git(server.refs("awa").worktree.root)
    clone.commit("README.md")
    clone("push", "-q", "origin", "HEAD:refs/heads/main", "HEAD:refs/heads/two", check=False)
    assert server.origin("for-each-ref", "--format=%(refname)") == "refs/heads/two"


@pytest.mark.parametrize("server", ["ssh"], indirect=True)
def test_the_tool_tells_its_user_what_the_server_said(server: Server) -> None:
    backend = GitRefs(server.refs("eve"), REF)
    with pytest.raises(Refused) as caught:
        backend.swap(None, step(None, arm(), writer(AWA, "n")))
    assert any("no address of eve is known here" in line for line in caught.value.details)
