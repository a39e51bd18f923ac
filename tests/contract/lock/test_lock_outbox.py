"""The repository that pushes go out from stays, and nothing that happened in it can be in the way of the next push."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from sahel_nb.repo.cmd import git
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.scratch import RawCommit, as_environment, make_commit
from sahel_nb.repo.swap_answer import Swap
from sahel_nb.repo.worktree import Worktree
from support.git import Git, Origin, run_git

REF = "refs/sahel/locks/o/s"


@pytest.fixture
def clone(tmp_path: Path) -> Git:
    return Origin.create(tmp_path / "origin.git").clone("awa")


def refs_of(clone: Git) -> RemoteRefs:
    return RemoteRefs(Worktree.discover(clone.root), "origin")


def outboxes(clone: Git) -> list[Path]:
    return sorted((clone.root / ".git/sahel-nb/scratch").glob("outbox-*"))


def commit(text: str, parent: RawCommit | None = None) -> RawCommit:
    return make_commit(text.encode(), parent=parent.oid if parent else None, name="n", email="e@x", when=1)


def test_torn_objects_are_written_again(clone: Git) -> None:
    refs = refs_of(clone)
    one = commit("one")
    two = commit("two", one)
    three = commit("three", two)
    assert refs.swap(REF, None, one).swap is refs.swap(REF, one, two).swap is Swap.WON
    (box,) = outboxes(clone)
    objects = [path for path in box.rglob("*") if path.is_file() and path.parent.parent == box / "objects"]
    assert len(objects) == 2
    for path in objects:
        path.chmod(0o600)
        path.write_bytes(b"")
    (box / "objects" / "draft-1-dead").write_bytes(b"half")
    (box / "cut-dead").write_bytes(b"half")
    assert refs.swap(REF, one, two).swap is Swap.ALREADY_MINE
    assert refs.swap(REF, two, three).swap is Swap.WON


def test_many_at_once_do_not_meet(clone: Git) -> None:
    """Threads of one clone, the first of which make the repository; each moves a ref of its own, from a cut history."""
    answers: list[Swap] = []
    gate = threading.Barrier(6)

    def work(number: int) -> None:
        refs = refs_of(clone)
        ref, old = f"{REF}-{number}", None
        gate.wait()
        for step in range(3):
            new = commit(f"{number} {step}", old)
            answers.append(refs.swap(ref, old, new).swap)
            old = new

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [Swap.WON] * 18
    assert len(outboxes(clone)) == 1


def files_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_no_token_of_the_configuration_goes_to_the_disk(clone: Git) -> None:
    """git has it for the conversation, and what an earlier version left of it goes with the first one."""
    scratch = clone.root / ".git/sahel-nb/scratch"
    for name in ("outbox-7-cafe", f"outbox-{int(time.time()) // (7 * 24 * 3600)}-0123456789abcdef", "git-killed"):
        (scratch / name).mkdir(parents=True)
        (scratch / name / "config").write_text('[http]\n\textraheader = "X-Key: secret"\n[core]\n\tbare = "true"\n')
    token = 'X-Key: it\'s !secret = \\"1"'
    clone("config", "http.extraHeader", token)
    clone("config", "--add", "url.https://awa:secret@host.example/.insteadOf", "team:")
    one, two = commit("one"), commit("two", commit("one"))
    assert refs_of(clone).swap(REF, None, one).swap is refs_of(clone).swap(REF, one, two).swap is Swap.WON
    assert refs_of(clone).read(REF) == two
    assert b"secret" not in files_below(scratch)
    (box,) = outboxes(clone)
    assert list(scratch.iterdir()) == [box]
    assert box.stat().st_mode & 0o77 == 0
    with refs_of(clone)._scratch() as store:
        assert b"secret" not in files_below(store.git_dir)


@pytest.mark.parametrize("given", [{}, {"GIT_CONFIG_COUNT": "1"}, {"GIT_CONFIG_PARAMETERS": "'core.sshcommand=given'"}])
def test_git_reads_the_clones_settings_as_they_are(
    clone: Git, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    """Any text, each in its order, and what this process was given beats them as it beats .git/config."""
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.sshCommand")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "given")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    headers = ["A: it's", "B: !x = \\ 'y'", 'C: "q"\tŋ\nnext', ""]
    for header in headers:
        clone("config", "--add", "http.https://host.example/?a=b.extraHeader", header)
        clone("config", "--add", "http.extraHeader", header)
    clone("config", "core.sshCommand", "own")
    settings = refs_of(clone).local_settings(r"http\.|core\.sshcommand$")
    git_dir = clone.root.parent / "bare"
    run_git("init", "-q", "--bare", str(git_dir), cwd=clone.root)

    def read(key: str) -> list[str]:
        answer = git("--git-dir=.", "config", "-z", "--get-all", key, cwd=git_dir, env=as_environment(settings))
        return os.fsdecode(answer.stdout).split("\0")[:-1]

    assert read("http.extraHeader") == headers
    assert read("http.https://host.example/?a=b.extraHeader") == headers
    assert read("core.sshCommand")[-1] == ("given" if given else "own")
