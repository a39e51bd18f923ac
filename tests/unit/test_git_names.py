"""Proves which names git would take for a repository's, on any file system."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.git_names import is_git_folder, is_head, unsafe_part

GIT = (
    *(b".git", b".GIT", b".Git", b"git~1", b"GIT~1", b".git ", b".git.", b".git . .", b"git~1."),
    *(b".git::$INDEX_ALLOCATION", b".git:stream"),
    *(".g\u200cit".encode(), "\ufeff.git".encode(), ".gi\u206at\u200f".encode(), ".GI\u202eT".encode()),
)
NOT_GIT = (b".gitignore", b".github", b"git", b"git~2", b"git~10", b".git_", b"x.git", b"..git", b".gitattributes")


@pytest.mark.parametrize("name", GIT)
def test_a_name_of_gits_folder(name: bytes) -> None:
    assert is_git_folder(name)
    assert unsafe_part(b"a/" + name + b"/config") == name


@pytest.mark.parametrize("name", [*NOT_GIT, "ŋ.git".encode(), "é".encode(), b"\xff"])
def test_a_name_that_is_only_alike(name: bytes) -> None:
    assert not is_git_folder(name)
    assert unsafe_part(b"a/" + name + b"/config") is None


BAD = (b"", b"/a", b"a//b", b"a/", b"./a", b"a/../b", b"..", b"..\\a", b"a\\.git\\x", b"a\0b")


@pytest.mark.parametrize("path", BAD)
def test_a_path_that_no_tree_may_have(path: bytes) -> None:
    assert unsafe_part(path) is not None


@given(st.lists(st.text("abgit.~1 ŋ", min_size=1), min_size=1).map(lambda parts: "/".join(parts)))
def test_a_path_is_refused_for_one_of_its_parts(path: str) -> None:
    bad = [part for part in path.encode().split(b"/") if part in (b".", b"..") or is_git_folder(part)]
    assert unsafe_part(path.encode()) == (bad[0] if bad else None)


@pytest.mark.parametrize(("name", "is_one"), [(b"HEAD", True), (b"head", True), (b"HEAD.", True), (b"HEADER", False)])
def test_head(name: bytes, is_one: bool) -> None:
    assert is_head(name) is is_one
