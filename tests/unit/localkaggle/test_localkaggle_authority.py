"""Absolute-form targets: which mean this service, and that no other does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.localkaggle.authority import LOOPBACK, Own, parse_absolute, split

OWN = Own("127.0.0.1", 8321, anywhere=False)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://localhost/api/v1/x", ("localhost", b"/api/v1/x")),
        (b"HTTP://LocalHost:80/", ("localhost:80", b"/")),
        (b"http://localhost", ("localhost", b"/")),
        (b"http://[::1]:8321/a%20b", ("[::1]:8321", b"/a%20b")),
        (b"http://user@localhost/", None),
        (b"https://localhost/", None),
        (b"http:///path", None),
        (b"localhost:443", None),
        (b"*", None),
        (b"/path", None),
        (b"http://local\xffhost/", None),
        (b"http://localhost#x/", None),
    ],
)
def test_parse(target: bytes, expected: object) -> None:
    assert parse_absolute(target) == expected


@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda t: f"http://{t}".encode()))
def test_whatever_comes_the_path_begins_with_a_slash(target: bytes) -> None:
    found = parse_absolute(target)
    if found is not None:
        authority, path = found
        assert path.startswith(b"/")
        assert "@" not in authority
        assert "/" not in authority


@given(st.from_regex(r"[a-z0-9.-]{1,20}(:[0-9]{1,5})?", fullmatch=True))
def test_through_the_proxy_only_we_are_meant(authority: str) -> None:
    if OWN.knows(authority, proxied=True):
        parts = split(authority)
        assert parts is not None
        assert parts[0] in LOOPBACK
        assert parts[1] in (80, 8321)


@pytest.mark.parametrize(
    ("authority", "proxied", "direct"),
    [
        ("localhost", True, True),
        ("localhost:8321", True, True),
        ("localhost:9999", False, True),
        ("127.0.0.1:8321", True, True),
        ("www.kaggle.com", False, False),
        ("localhost.evil.example", False, False),
        ("localhost:99999", False, False),
        ("", False, False),
    ],
)
def test_names(authority: str, proxied: bool, direct: bool) -> None:
    assert OWN.knows(authority, proxied=True) is proxied
    assert OWN.knows(authority, proxied=False) is direct


def test_bound_to_the_world_it_has_any_name_but_is_still_no_proxy() -> None:
    own = Own("0.0.0.0", 8321, anywhere=True)
    assert own.knows("gpu-box.example:8321", proxied=False)
    assert not own.knows("www.kaggle.com", proxied=True)
