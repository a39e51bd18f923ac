"""Objects one after another: in their order, of any size, read or passed over, and those that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.repo.batch import objects
from sahel_nb.repo.cmd import GitFailed
from support.git import Git


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Git, dict[bytes, bytes]]:
    repo = Git.init(tmp_path_factory.mktemp("batch") / "ŋ")
    contents = [b"", b"\n", b"missing\n", b"x" * 100_000, b"\0\xff" * 3_000_000, *(b"%d" % n for n in range(40))]
    return repo, {repo("hash-object", "-w", str(repo.write("f", one))).encode(): one for one in contents}


@given(st.data())
def test_any_of_them_in_any_order(stored: tuple[Git, dict[bytes, bytes]], data: st.DataObject) -> None:
    repo, blobs = stored
    names = data.draw(st.lists(st.sampled_from([*blobs, b"0" * 40, b"HEAD:no such file", b"a b"]), max_size=12))
    got = []
    for name, found in zip(names, objects(names, repo.root), strict=True):
        how = data.draw(st.sampled_from(["read", "pieces", "one piece", "pass"]))
        assert found.kind == ("blob" if name in blobs else "missing")
        if how == "read":
            got.append((name, found.read()))
        elif how == "pieces":
            got.append((name, b"".join(found.pieces(data.draw(st.integers(1, 5)) * 100_000))))
        elif how == "one piece":
            next(found.pieces(10), b"")
    assert got == [(name, blobs.get(name, b"")) for name, _ in got]


def test_more_names_than_a_pipe_holds(stored: tuple[Git, dict[bytes, bytes]]) -> None:
    repo, blobs = stored
    small = [name for name, content in blobs.items() if len(content) < 200] * 200
    assert [found.read() for found in objects(small, repo.root)] == [blobs[name] for name in small]
    assert list(objects([], Path("/no/such/folder"))) == []


def test_a_git_that_gives_up_is_said(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(GitFailed, match="cat-file"):
        list(objects([b"0" * 40], tmp_path / "none"))
