"""No name that passes leaves its folder, and nothing but `v<N>` is a version's label."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.localkaggle import names
from sahel_nb.localkaggle.names import Ref

SEGMENTS = st.sampled_from(["..", ".", "", "a", "ŋ", "a b", "\\", "\x00", "\n", "\udcff", "x" * 256, "C:", "~"])


@given(st.lists(SEGMENTS, min_size=1, max_size=5).map("/".join) | st.text())
def test_a_path_that_passes_stays_inside(name: str) -> None:
    if names.file_path(name) is None:
        return
    path = PurePosixPath("/top") / name
    assert str(path) == f"/top/{name}"
    assert ".." not in path.parts
    assert name.encode("utf-8")
    assert "\x00" not in name


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "", "a\\b", "a\x7f", "\udc80"])
def test_paths_that_do_not_pass(name: str) -> None:
    assert names.file_path(name) is None


@pytest.mark.parametrize("name", ["a", "a/b.txt", "ŋ ɓ/ɗ.txt", "..a", "a..", "-rf", "a" * 255])
def test_paths_that_pass(name: str) -> None:
    assert names.file_path(name) == name


@given(st.text(max_size=12))
def test_only_v_and_a_number_is_a_label(text: str) -> None:
    number = names.label(text)
    assert (number is not None) == (text[:1] == "v" and text == f"v{number}")


@given(st.integers(1, 10**9 - 1))
def test_every_number_has_its_label(number: int) -> None:
    assert names.label(f"v{number}") == number
    assert names.label(str(number)) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_references_are_harmless_components(owner: str, slug: str) -> None:
    ref = names.ref(owner, slug)
    if ref is not None:
        for part in (ref.owner, ref.slug):
            assert names.file_name(part) == part
            assert part == part.lower()
            assert part.isascii()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("awa/fula-text", (Ref("awa", "fula-text"), None)),
        ("Awa/Fula-Text/3", (Ref("awa", "fula-text"), 3)),
        ("awa/fula-text/versions/3", (Ref("awa", "fula-text"), 3)),
        ("awa/fula-text/v3", None),
        ("awa/fula-text/0", None),
        ("awa", None),
        ("awa/../x", None),
        ("a/b/c/d/e", None),
    ],
)
def test_pinned_sources(text: str, expected: object) -> None:
    assert names.pinned(text) == expected


def test_titles_resolve_as_the_client_thinks() -> None:
    assert names.slug_of("Ŋana & Ɓiɗɗo: été 2026!") == "ngana-biddo-ete-2026"
