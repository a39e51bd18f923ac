"""Proves the last gate before the remote: history is looked at, not only its tip, and the worktree not at all."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import pytest

from sahel_nb.hooks.history import parse_commits
from sahel_nb.hooks.pre_push import parse_updates
from tests.integration.commit.pushing import TOKEN, clone_to_push_from, commit, pushed
from tests.integration.commit.story import Clone, executed, kernel
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return clone_to_push_from(tmp_path)


def asked_of_git(clone: Clone, tmp_path: Path, *refs: str, **env: str) -> str:
    """Which git commands a push takes that must go through."""
    log, wrapper = tmp_path / "log", tmp_path / "bin" / "git"
    wrapper.parent.mkdir(exist_ok=True)
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(log))}\nexec {shutil.which("git")} "$@"\n')
    wrapper.chmod(0o755)
    log.write_text("")
    said = pushed(clone, *refs, PATH=f"{wrapper.parent}:{os.environ['PATH']}", **env)
    assert said.code == 0, said
    return log.read_text()


def test_clean_commits_go_out(clone: Clone) -> None:
    kernel(clone)
    clone.must("push", "-q", "-u", "origin", "main")
    clone.must("push", "-q", "origin", "main")
    clone.must("push", "-q", "origin", "main:refs/heads/other")
    clone.must("push", "-q", "origin", ":refs/heads/other")
    assert clone.git("rev-parse", "origin/main") == clone.git.head()


def test_outputs_deep_in_history_are_refused(clone: Clone) -> None:
    clone.commit_raw("a.ipynb", simple("x = 1"))
    raw = clone.git("rev-parse", "--short=9", "HEAD")
    clone.must("add", "--renormalize", ".")
    clone.must("commit", "-qm", "Stripped and paired")
    said = clone.run("push", "-q", "origin", "main")
    assert said.code != 0
    assert f"{raw}:a.ipynb: SNB103" in said.err
    assert f"{raw}:a.ipynb: SNB304" in said.err
    assert clone.run("push", "-q", "--no-verify", "origin", "main").code == 0
    # What the remote has already is not asked again.
    clone.git.write("README.md")
    clone.must("add", ".")
    clone.must("commit", "-qm", "More")
    clone.must("push", "-q", "origin", "main")


def test_secrets_mirrors_and_metadata_are_refused(clone: Clone) -> None:
    name = kernel(clone)
    clone.must("push", "-q", "-u", "origin", "main")
    clone.git.write("s.txt", TOKEN + "\n")
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="alone = 1"))
    clone.git.write("notebooks/fula-model/kernel-metadata.json", '{"id": "awa/other"}')
    clone.must("add", ".")
    clone.must("commit", "-qm", "All of it", "--no-verify")
    said = clone.run("push", "-q")
    assert said.code != 0
    for code in ("SNB301", "SNB302", "SNB303", "SNB401"):
        assert code in said.err
    assert "hf_aB3" not in said.err
    clone.must("rm", "-q", "s.txt")
    clone.must("commit", "-qm", "Too late", "--no-verify")
    assert "s.txt: line 1" in pushed(clone, "HEAD", base=clone.git("rev-parse", "origin/main")).err


def test_a_dirty_kernel_folder_is_refused(clone: Clone) -> None:
    name = kernel(clone)
    clone.git.write("elsewhere.txt")
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb")))
    clone.must("push", "-q", "-u", "origin", "main")
    clone.git.write("notebooks/fula-model/helper.py")
    clone.git.write("README.md")
    clone.must("add", "README.md")
    clone.must("commit", "-qm", "More")
    said = clone.run("push", "-q")
    assert said.code != 0
    assert "?? notebooks/fula-model/helper.py" in said.err
    assert clone.run("push", "-q", SAHEL_NB_ALLOW_DIRTY="1").code == 0


def test_what_was_found_clean_is_not_read_again(clone: Clone, tmp_path: Path) -> None:
    name = kernel(clone)
    commit(clone, "More", {"readme": "more\n"})
    first = asked_of_git(clone, tmp_path, "HEAD")
    assert "diff-tree" in first
    assert "cat-file" in first
    again = asked_of_git(clone, tmp_path, "HEAD")
    assert "rev-list" in again
    assert "diff-tree" not in again
    assert "cat-file" not in again
    # Under another name, and after a rebase: the blobs are known, and need not even be there.
    commit(clone, "Secret", {"s.txt": TOKEN})
    assert pushed(clone, "HEAD:refs/heads/x").code == 3
    assert pushed(clone, "HEAD:refs/heads/x").code == 3
    clone.must("reset", "-q", "--hard", "HEAD~1")
    oid = clone.git("rev-parse", "HEAD:readme")
    clone.must("commit", "-q", "--no-verify", "--amend", "-m", "Other words")
    (clone.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    assert "diff-tree" in asked_of_git(clone, tmp_path, "HEAD")
    # Other rules know nothing of it.
    said = pushed(clone, "HEAD", SAHEL_NB_PAIR_FORMAT="md:markdown")
    assert f"{name}.ipynb: SNB304 has no mirror" in said.err
    clone.must("config", "sahel-nb.pair.format", "md:markdown")
    assert pushed(clone, "HEAD").code == 3


def test_a_damaged_memory_is_forgotten(clone: Clone, tmp_path: Path) -> None:
    assert pushed(clone, "HEAD").code == 0
    (memory,) = (clone.root / ".git" / "sahel-nb" / "clean").iterdir()
    bad = commit(clone, "Secret", {"s.txt": TOKEN})
    memory.write_bytes(b"c" + bad.encode() + b"\n")  # without the first line it is not ours
    assert pushed(clone, "HEAD").code == 3
    memory.write_bytes(memory.read_bytes() + b"\nc" + bad.encode()[:20])
    assert pushed(clone, "HEAD").code == 3
    assert "diff-tree" not in asked_of_git(clone, tmp_path, "HEAD~1")


def test_what_git_says_is_parsed() -> None:
    zero, one = "0" * 40, "1" * 40
    (gone, made) = parse_updates(f"(delete) {zero} refs/heads/x {one}\nHEAD@{{1 day ago}} {one} refs/heads/m {zero}\n")
    assert gone.deletes
    assert not made.deletes
    assert (made.ref, made.local, made.remote) == ("refs/heads/m", one, zero)
    raw = f":100644 100644 {one} {'2' * 40} M".encode()
    assert parse_commits([one.encode(), raw, b"a b", raw, b"c", b"3" * 40, b""]) == [
        (one, [parse_commits([b"x", raw, b"a b"])[0][1][0], parse_commits([b"x", raw, b"c"])[0][1][0]]),
        ("3" * 40, []),
    ]
