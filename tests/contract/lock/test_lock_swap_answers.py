"""What real servers answer to a compare-and-swap over a path, ssh, git:// and HTTP, and what we take it to mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.repo.cmd import GitResult, git
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, make_commit
from sahel_nb.repo.swap_answer import Swap, classify
from sahel_nb.repo.worktree import Worktree
from support.git import Git
from support.swap_scene import REF, Scene


def test_won_already_mine_and_lost(scene: Scene) -> None:
    one = scene.commit("one")
    two, other = scene.commit("two", one), scene.commit("other", one)
    assert scene.swap(None, one) is Swap.WON
    assert scene.swap(None, one) is Swap.ALREADY_MINE
    assert scene.swap(None, scene.commit("another beginning")) is Swap.LOST
    assert scene.swap(one, two) is Swap.WON
    assert scene.swap(one, two) is Swap.ALREADY_MINE
    assert scene.swap(one, other) is Swap.LOST
    assert scene.there() == two.oid
    three = scene.commit("three", two)
    assert scene.swap(two, three) is Swap.WON  # `two` has parents that were never here
    assert [commit.message for commit in scene.refs.history(REF, 9)] == [b"three", b"two", b"one"]


def test_lost_inside_the_server(scene: Scene) -> None:
    """The ref moves after the server has told us where it is: its own transaction notices."""
    one = scene.commit("one")
    two, other = scene.commit("two", one), scene.commit("other", one)
    scene.swap(None, one)
    scene.refs.swap("refs/sahel/other", None, one)
    scene.refs.swap("refs/sahel/other", one, other)
    move = "cd {0} && env -u GIT_QUARANTINE_PATH git update-ref {1}"
    scene.origin.hook("pre-receive", move.format(scene.origin.path, f"{REF} {other.oid}"))
    answer = scene.refs.swap(REF, one, two)
    assert answer.swap is Swap.LOST
    assert any("but expected" in line for line in answer.evidence)
    scene.origin("update-ref", "-d", REF)
    assert scene.swap(None, one) is Swap.LOST  # reference already exists
    scene.origin("update-ref", REF, one.oid)
    scene.origin.hook("pre-receive", move.format(scene.origin.path, f"-d {REF}"))
    assert scene.swap(one, two) is Swap.LOST  # unable to resolve reference
    assert scene.there() == ""


def test_a_stale_lock_file_on_the_server_is_named(scene: Scene) -> None:
    one = scene.commit("one")
    scene.swap(None, one)
    (scene.origin.path / f"{REF}.lock").touch()
    answer = scene.refs.swap(REF, one, scene.commit("two", one))
    assert answer.swap is Swap.BUSY
    assert any(f"{REF}.lock': File exists" in line for line in answer.evidence)


@pytest.mark.parametrize("hook", ["pre-receive", "update"])
def test_a_hook_that_says_no(scene: Scene, hook: str) -> None:
    scene.origin.hook(hook, "echo not you >&2; exit 1")
    answer = scene.refs.swap(REF, None, scene.commit("one"))
    assert answer.swap is Swap.REFUSED
    assert any("not you" in line for line in answer.evidence)
    assert scene.there() == ""


def test_hidden_refs(scene: Scene) -> None:
    one = scene.commit("one")
    scene.swap(None, one)
    scene.origin("config", "transfer.hideRefs", "refs/sahel")
    assert scene.refs.read(REF) is None
    assert scene.swap(None, scene.commit("x")) is Swap.REFUSED
    assert scene.swap(one, scene.commit("two", one)) is Swap.LOST  # stale info; the next reading finds nothing


def test_a_server_that_dies_is_ambiguous_both_ways(scene: Scene) -> None:
    one = scene.commit("one")
    two = scene.commit("two", one)
    scene.swap(None, one)
    scene.origin.hook("pre-receive", "kill -9 $PPID")
    assert scene.swap(one, two) is Swap.AMBIGUOUS
    assert scene.there() == one.oid
    scene.origin.hook("pre-receive", "exit 0")
    scene.origin.hook("post-receive", "kill -9 $PPID")
    assert scene.swap(one, two) is Swap.AMBIGUOUS
    assert scene.there() == two.oid
    scene.origin.hook("post-receive", "exit 0")
    assert scene.swap(one, two) is Swap.ALREADY_MINE


def test_a_server_that_is_slow_is_ambiguous(scene: Scene) -> None:
    one = scene.commit("one")
    scene.origin.hook("post-receive", "touch waiting; while test -e waiting; do sleep 0.05; done")
    try:
        assert scene.swap(None, one, timeout=1.5) is Swap.AMBIGUOUS
        assert scene.there() == one.oid
    finally:
        (scene.origin.path / "waiting").unlink(missing_ok=True)


def test_a_push_without_a_lease_is_lost_too(scene: Scene) -> None:
    """It must not happen; git's words for it are known all the same."""
    one = scene.commit("one")
    scene.swap(None, one)
    scene.clone.commit()
    for text in ("fetch first", "non-fast-forward"):
        answer = git("push", "--porcelain", "origin", f"HEAD:{REF}", cwd=scene.clone.root, check=False)
        assert text in answer.text
        assert classify(answer, REF) is Swap.LOST
        scene.clone("fetch", "-q", "origin", f"{REF}:refs/heads/one")
    assert scene.there() == one.oid


REFUSALS = (
    ({"receive.denyDeletes": "true"}, "refs/heads/x/y", Swap.WON),
    ({"transfer.hideRefs": "refs/sahel"}, REF, Swap.REFUSED),
    ({"receive.maxInputSize": "10"}, REF, Swap.REFUSED),
    ({"receive.unpackLimit": "1", "receive.fsckObjects": "true"}, REF, Swap.WON),
    ({}, "refs/heads/main", Swap.REFUSED),
)


@pytest.mark.parametrize(("settings", "ref", "wanted"), REFUSALS)
def test_settings_of_the_server(tmp_path: Path, settings: dict[str, str], ref: str, wanted: Swap) -> None:
    server = Git.init(tmp_path / "origin.git")  # with a worktree: its checked-out branch cannot be moved
    server.commit("README.md")
    for key, value in settings.items():
        server("config", key, value)
    refs = RemoteRefs(Worktree.discover(Git.init(tmp_path / "awa").root), str(server.root))
    one = make_commit(b"one", parent=None, name="n", email="e@x", when=1)
    old = RawCommit(server.head(), b"") if ref == "refs/heads/main" else None
    if old is not None:
        old = RawCommit(old.oid, server("cat-file", "commit", old.oid).encode() + b"\n")
        one = make_commit(b"one", parent=old.oid, name="n", email="e@x", when=1)
    answer = refs.swap(ref, old, one)
    assert answer.swap is wanted, answer
    assert server("rev-parse", "-q", "--verify", ref, check=False) == (
        one.oid if wanted is Swap.WON else (old and old.oid) or ""
    )


def test_unknown_texts_are_ambiguous() -> None:
    def answer(returncode: int, line: str, stderr: str = "") -> Swap:
        stdout = f"To somewhere\n{line}\nDone\n" if line else ""
        return classify(GitResult(returncode, stdout.encode(), stderr.encode()), REF)

    to = f"\t{'a' * 40}:{REF}\t"
    assert answer(0, f"*{to}[new reference]") is Swap.WON
    assert answer(1, f"*{to}[new reference]") is Swap.AMBIGUOUS
    assert answer(0, "") is Swap.AMBIGUOUS
    assert answer(0, f"!{to}[rejected] (stale info)") is Swap.AMBIGUOUS
    assert answer(1, f"!{to}[rejected] (fetch first)") is Swap.LOST
    assert answer(1, f"!{to}[rejected] (non-fast-forward)") is Swap.LOST
    assert answer(1, f"!{to}[remote rejected] (something new)") is Swap.AMBIGUOUS
    assert answer(1, f"!{to}[remote failure] (remote failed to report status)") is Swap.AMBIGUOUS
    assert answer(1, f"!{to}[remote rejected] (failed to update ref)") is Swap.AMBIGUOUS
    no_space = "remote: error: cannot lock ref 'x': Unable to create '/x.lock': No space left on device"
    assert answer(1, f"!{to}[remote rejected] (failed to update ref)", no_space) is Swap.REFUSED
    assert answer(1, f"!\t{'a' * 40}:refs/another\t[rejected] (stale info)") is Swap.AMBIGUOUS
    assert answer(128, "", "fatal: the remote end hung up unexpectedly") is Swap.AMBIGUOUS
    assert answer(128, "", "fatal: unable to access 'u': The requested URL returned error: 403") is Swap.REFUSED
    assert (
        answer(128, "", "error: RPC failed; HTTP 403 curl 22 The requested URL returned error: 403") is Swap.AMBIGUOUS
    )
    assert answer(128, "", "git@h: Permission denied (publickey).") is Swap.REFUSED
    assert answer(-9, "", "") is Swap.AMBIGUOUS
