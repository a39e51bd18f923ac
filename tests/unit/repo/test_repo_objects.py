"""A commit's content is read from git and not from the worktree, byte for byte, whatever its paths are called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sahel_nb.errors import Refused
from sahel_nb.hooks.check import check_range
from sahel_nb.hooks.history import tree_version
from sahel_nb.hooks.staged import Repository
from sahel_nb.repo.cmd import GitFailed
from sahel_nb.repo.objects import LINK, ObjectKind, blobs, commit_info, is_link, list_tree, read_blob
from sahel_nb.repo.worktree import Worktree
from support.git import Git

CONTENT = "ŋ ɓ ɗ ɲ\r\n".encode() + bytes(range(256))
NAMES = ["a.ipynb", "nb/ŋana ɓiɗɗo.py", "nb/line\nend.txt", "nb/:(glob)*", "nb/-x", "nb/a b\t.txt"]


@pytest.fixture
def repo(tmp_path: Path) -> Git:
    repo = Git.init(tmp_path / "nb")
    for name in NAMES:
        repo.write(name, CONTENT + name.encode())
    (repo.root / "nb/link").symlink_to("a")
    repo.write("nb/latin-\udce9".encode("utf-8", "surrogateescape"), CONTENT)
    repo("add", ".")
    repo.commit(message="Ɓuri ŋana")
    return repo


def test_files_are_read_from_the_commit(repo: Git) -> None:
    worktree = Worktree.discover(repo.root)
    commit = repo.head()
    for name in NAMES:
        repo.write(name, "changed since\n")
        assert read_blob(worktree, commit, name) == CONTENT + name.encode()
    assert read_blob(worktree, commit, "nb/latin-\udce9") == CONTENT
    assert read_blob(worktree, commit, "nb/link") is None
    assert is_link(worktree, commit, "nb/link")
    assert not is_link(worktree, commit, "a.ipynb")
    for missing in ("nothing", "nb", "nb/*", "NB/-x", "", "../x"):
        assert read_blob(worktree, commit, missing) is None


def test_trees_are_listed_with_paths_from_the_root(repo: Git) -> None:
    worktree = Worktree.discover(repo.root)
    everything = {entry.path for entry in list_tree(worktree, "HEAD")}
    assert everything == {os.fsencode(name) for name in [*NAMES, "nb/link", "nb/latin-\udce9"]}
    below = list_tree(worktree, "HEAD", "nb")
    assert {entry.path for entry in below} == everything - {b"a.ipynb"}
    assert {entry.mode for entry in below if entry.path == b"nb/link"} == {"120000"}
    top = list_tree(worktree, "HEAD", recursive=False)
    assert [(entry.path, entry.kind) for entry in top] == [(b"a.ipynb", ObjectKind.BLOB), (b"nb", ObjectKind.TREE)]
    assert list_tree(worktree, "HEAD", "nb/nothing") == ()
    with pytest.raises(GitFailed):
        list_tree(worktree, "nothing")


def test_a_commit_introduces_itself(repo: Git) -> None:
    info = commit_info(Worktree.discover(repo.root), "HEAD")
    assert info.sha == repo.head()
    assert repo.head().startswith(info.short)
    assert (info.author_name, info.author_email) == ("Awa Diop", "awa@example.org")
    assert (info.when_iso, info.subject) == ("2024-01-02T03:04:05+00:00", "Ɓuri ŋana")


def test_many_objects_come_through_one_process(repo: Git) -> None:
    worktree = Worktree.discover(repo.root)
    entries = list_tree(worktree, "HEAD")
    found = blobs(worktree, [entry.oid for entry in entries])
    for entry in entries:
        content = b"a" if entry.mode == LINK else read_blob(worktree, "HEAD", os.fsdecode(entry.path))
        assert found[entry.oid] == content
    assert blobs(worktree, []) == {}
    with pytest.raises(GitFailed, match="cat-file"):
        blobs(worktree, ["0" * 40])


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT", "git~1", ".git ", ".git.", ".g\u200cit", "a\\..\\b"])
@pytest.mark.parametrize("below", ["", "nb/deep"])
def test_a_tree_that_git_would_not_check_out_is_refused(repo: Git, name: str, below: str) -> None:
    commit = hand_made(repo, name, below)
    worktree = Worktree.discover(repo.root)
    with pytest.raises(Refused, match=f"commit {commit[:12]} has ") as refused:
        list_tree(worktree, commit, below)
    assert refused.value.exit_code == 3
    with pytest.raises(Refused, match="git would not check it out"):
        tree_version(Repository(worktree), commit)
    with pytest.raises(Refused, match="git would not check it out"):
        check_range(worktree, f"HEAD..{commit}")


def hand_made(repo: Git, name: str, below: str = "") -> str:
    """A commit with a file of this name, which git would not put into its index, in the folder `below`."""
    oid = repo("hash-object", "-w", "--", str(repo.write("any", "x\n")))
    tree = _tree(repo, "100644", name, oid)
    for folder in reversed(below.split("/") if below else []):
        tree = _tree(repo, "40000", folder, tree)
    return repo("commit-tree", tree, "-m", "By hand")


def _tree(repo: Git, mode: str, name: str, oid: str) -> str:
    entry = f"{mode} {name}\0".encode() + bytes.fromhex(oid)
    asked = ["git", "hash-object", "-w", "-t", "tree", "--literally", "--stdin"]
    return subprocess.run(asked, cwd=repo.root, input=entry, check=True, capture_output=True).stdout.decode().strip()
