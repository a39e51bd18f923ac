"""What is read of the objects that a remote sends."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from sahel_nb.repo.scratch import LARGEST, RawCommit, Scratch, loose, make_commit, scratch


def lay(store: Scratch, kind: str, oid: str, body: bytes) -> Path:
    folder = store.git_dir / "objects" / oid[:2]
    folder.mkdir(exist_ok=True)
    path = folder / oid[2:]
    path.write_bytes(loose(kind, body))
    return path


def test_a_huge_commit_in_a_small_file_is_not_unpacked(tmp_path: Path) -> None:
    """Whoever may push to a lock's ref may have a message of gigabytes, which are a few megabytes on the way."""
    commit = make_commit(b"{}" + b" " * (64 << 20), parent=None, name="n", email="e@x", when=1)
    with scratch(tmp_path, "sha1") as store:
        lay(store, "commit", commit.oid, commit.body)
        tracemalloc.start()
        try:
            found = store.commit(commit.oid)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert found == RawCommit(commit.oid, b"")
    assert peak < 8 * LARGEST


@pytest.mark.parametrize("spare", [0, 1, 200_000])
def test_a_commit_is_read_as_it_is_up_to_the_bound(tmp_path: Path, spare: int) -> None:
    header = make_commit(b"", parent=None, name="n", email="e@x", when=1)
    size = LARGEST - len(f"commit {LARGEST}\0") - len(header.body) - spare
    commit = make_commit(b"x" * size, parent=None, name="n", email="e@x", when=1)
    with scratch(tmp_path, "sha1") as store:
        path = lay(store, "commit", commit.oid, commit.body)
        assert store.commit(commit.oid) == commit
        lay(store, "blob", "ab" * 20, commit.body)
        assert store.commit("ab" * 20) is None
        assert store.commit("cd" * 20) is None
        path.write_bytes(path.read_bytes()[:-20])
        assert store.commit(commit.oid) is None
