"""What a commit holds, read from git's object store and never from the worktree."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from sahel_nb.git_names import safe
from sahel_nb.repo.cmd import GitFailed, GitResult, git
from sahel_nb.repo.worktree import Worktree

LINK = "120000"
"""The mode of a symbolic link."""


class ObjectKind(Enum):
    BLOB = "blob"
    TREE = "tree"
    COMMIT = "commit"
    """A submodule."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class TreeEntry:
    """One path of a commit; `mode` as git writes it ("100644", "120000" for a symbolic link)."""

    mode: str
    oid: str
    path: bytes
    kind: ObjectKind


@dataclass(frozen=True)
class CommitInfo:
    """A commit for showing: `when_iso` is when it was committed, in its author's zone."""

    sha: str
    short: str
    author_name: str
    author_email: str
    when_iso: str
    subject: str


def read_blob(worktree: Worktree, commit: str, path: str) -> bytes | None:
    """The file at `path` (from the root, with slashes) in `commit`; None where that commit has no file there.

    A link is none: git has only the name of what it leads to. Raise `Refused` as `list_tree`.
    """
    name = path.strip("/")
    if ".." in name.split("/"):  # git would refuse to look outside, and a commit holds no such path
        return None
    for entry in _ls_tree(worktree, commit, name, recursive=False):
        if entry.path == os.fsencode(name) and entry.kind is ObjectKind.BLOB and entry.mode != LINK:
            return git("cat-file", "blob", entry.oid, cwd=worktree.root).stdout
    return None


def is_link(worktree: Worktree, commit: str, path: str) -> bool:
    """Whether `commit` has a symbolic link at `path`."""
    name = path.strip("/")
    return any(
        entry.path == os.fsencode(name) and entry.mode == LINK
        for entry in _ls_tree(worktree, commit, name, recursive=False)
    )


def list_tree(worktree: Worktree, commit: str, folder: str = "", recursive: bool = True) -> tuple[TreeEntry, ...]:
    """What `commit` holds below `folder`, with paths from the root; empty where there is no such folder.

    Recursive: files and submodules, without the folders themselves. Otherwise: the folder's own entries. Raise
    `Refused` for a tree with a path that git would not check out (`git_names.safe`).
    """
    name = folder.strip("/")
    return _ls_tree(worktree, commit, f"{name}/" if name else "", recursive=recursive)


def commit_info(worktree: Worktree, commit: str) -> CommitInfo:
    """Who made `commit`, when, and what they call it."""
    answer = git(
        *("log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%H%x00%h%x00%an%x00%ae%x00%cI%x00%s"),
        *("--end-of-options", commit, "--"),
        cwd=worktree.root,
    )
    return CommitInfo(*answer.text.split("\0"))


def blobs(worktree: Worktree, oids: Iterable[str]) -> dict[str, bytes]:
    """Many objects through one process. Raises `GitFailed` when one of them is missing."""
    wanted = list(dict.fromkeys(oids))
    if not wanted:
        return {}
    asked = "".join(f"{oid}\n" for oid in wanted).encode("ascii")
    answer = git("cat-file", "--batch", cwd=worktree.root, stdin=asked)
    found: dict[str, bytes] = {}
    at = 0
    for oid in wanted:
        # <oid> SP <type> SP <size> LF <contents> LF, or <oid> SP missing LF
        end = answer.stdout.index(b"\n", at)
        words = answer.stdout[at:end].split()
        if len(words) != 3:
            evidence = GitResult(1, b"", answer.stdout[at:end])
            raise GitFailed(("cat-file", "--batch", oid), evidence)
        size = int(words[2])
        found[oid] = answer.stdout[end + 1 : end + 1 + size]
        at = end + size + 2
    return found


def _ls_tree(worktree: Worktree, commit: str, name: str, *, recursive: bool) -> tuple[TreeEntry, ...]:
    # --literal-pathspecs: a folder may be called ":(glob)*" for all git cares.
    flags = ("-r",) if recursive else ()
    paths = (os.fsencode(name),) if name else ()
    answer = git("--literal-pathspecs", "ls-tree", "-z", "--full-tree", *flags, "--", commit, *paths, cwd=worktree.root)
    return tuple(_tree_entry(line, commit) for line in answer.stdout.split(b"\0") if line)


def _tree_entry(line: bytes, commit: str) -> TreeEntry:
    # <mode> SP <type> SP <oid> TAB <path>
    head, _, path = line.partition(b"\t")
    mode, kind, oid = head.decode("ascii").split(" ")
    known = kind in ("blob", "tree", "commit")
    return TreeEntry(mode, oid, safe(path, commit), ObjectKind(kind) if known else ObjectKind.UNKNOWN)
