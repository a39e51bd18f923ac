"""Names become refs only when they are names; one remote has one id, however people reach it; silence is measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.errors import UsageError
from sahel_nb.lock.clock import SystemClock
from sahel_nb.lock.expiry import Observation
from sahel_nb.lock.names import archive_ref, check_prefix, kernel_of, lock_of_archive, lock_ref, remote_id


def test_a_kernel_has_one_ref() -> None:
    assert lock_ref("refs/sahel/locks", "Awa/Fula-LID_2") == "refs/sahel/locks/awa/fula-lid_2"
    assert kernel_of("refs/sahel/locks", "refs/sahel/locks/awa/fula") == "awa/fula"
    for other in ("refs/sahel/locks/awa", "refs/sahel/locks/a/b/c", "refs/heads/a/b"):
        assert kernel_of("refs/sahel/locks", other) is None


@pytest.mark.parametrize(
    "kernel", ["", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a/b.lock", "a/b c", "a/b\n", "ŋ/b", "a/-b", "a/*", "a:/b"]
)
def test_what_is_no_kernel_never_becomes_a_ref(kernel: str) -> None:
    with pytest.raises(UsageError):
        lock_ref("refs/sahel/locks", kernel)


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "refs",
        "refs/heads",
        "heads/x",
        "refs/../x",
        "refs/a b",
        "refs/x/",
        "refs/x/y.lock",
        "refs/sahel/locks-archive",
    ],
)
def test_a_prefix_is_a_place_of_its_own(prefix: str) -> None:
    with pytest.raises(UsageError):
        lock_ref(prefix, "a/b")


@given(
    st.sampled_from(["refs/sahel/locks", "refs/heads/sahel-locks", "refs/sahel/signed", "refs/heads/a/locks"]),
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}(-archive)?/[a-z0-9][a-z0-9_-]{0,8}(-archive)?", fullmatch=True),
    st.sampled_from([40, 64]).flatmap(lambda size: st.from_regex(rf"[0-9a-f]{{{size}}}", fullmatch=True)),
)
def test_an_archive_is_never_a_lock(prefix: str, kernel: str, oid: str) -> None:
    lock = lock_ref(check_prefix(prefix), kernel)
    place = archive_ref(lock, oid)
    assert lock_of_archive(place) == (lock, oid)
    assert lock_of_archive(lock) is None
    assert kernel_of(prefix, place) is None
    assert not place.startswith(f"{prefix}/")
    assert not lock.startswith(f"{place.rsplit('/', 1)[0]}/")


@pytest.mark.parametrize(
    "ref",
    ["refs/sahel/locks-archive/a/b", "refs/sahel/locks-archive/a/b/main", f"refs/sahel/locks/a/b/{'a' * 40}",
     f"refs/sahel/locks-archive/a/b/c/{'a' * 40}", f"heads/locks-archive/a/b/{'a' * 40}"],
)  # fmt: skip
def test_what_is_no_archive(ref: str) -> None:
    assert lock_of_archive(ref) is None


@pytest.mark.parametrize(
    "urls",
    [
        ("git@Example.org:team/nb.git", "https://example.org/team/nb", "https://u:p@example.org:443/team/nb.git",
         "ssh://git@example.org:2222/team/nb.git/", "git://example.org/team/nb"),
        ("/srv/git/nb.git", "file:///srv/git/nb.git", "/srv/git/nb"),
    ],
)  # fmt: skip
def test_a_remote_has_one_id(urls: tuple[str, ...]) -> None:
    assert len({remote_id(url) for url in urls}) == 1
    assert "p@" not in remote_id(urls[0])
    assert remote_id(urls[0]) != remote_id("https://example.org/fork/nb")


def test_silence_is_measured_over_three_reads_without_a_gap() -> None:
    watch = Observation(ttl=100, patience=60)
    assert not watch.see((1, 0), 0)
    assert not watch.see((1, 0), 50)
    assert watch.remaining == 50
    assert watch.see((1, 0), 100)


def test_a_sign_of_life_or_a_sleep_starts_it_again() -> None:
    watch = Observation(ttl=100, patience=60)
    for now in (0, 50):
        watch.see((1, 0), now)
    assert not watch.see((1, 1), 100)
    assert not watch.see((1, 1), 150)
    assert not watch.see((1, 1), 300)  # the observer slept
    assert not watch.see((1, 1), 350)
    assert watch.see((1, 1), 400)


def test_two_reads_are_never_enough() -> None:
    watch = Observation(ttl=1, patience=1000)
    assert not watch.see((1, 0), 0)
    assert not watch.see((1, 0), 500)
    assert watch.see((1, 0), 501)


def test_the_systems_clock_goes_on() -> None:
    clock = SystemClock()
    before = clock.boottime()
    clock.sleep(0.001)
    assert clock.boottime() > before
    assert clock.wall() > 1_600_000_000
