"""Waiting: longer each time, spread by chance, at least as long as asked for; only for what may be done twice."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.errors import AuthError, NetworkError
from sahel_nb.kernels import backoff
from sahel_nb.kernels.backoff import Busy

NOW = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 100))
def test_a_pause_is_bounded_and_never_shorter_than_asked(failures: int, chance: float, asked: float) -> None:
    pause = backoff.pause(failures, asked, chance=lambda: chance)
    assert asked + backoff.FIRST / 2 <= pause <= asked + backoff.LONGEST


def test_pauses_grow_and_differ_from_one_member_to_the_next() -> None:
    assert [backoff.pause(n, chance=lambda: 1.0) for n in range(1, 7)] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]
    assert backoff.pause(3, chance=lambda: 0.0) == 0.5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        (format_datetime(NOW.replace(minute=16), usegmt=True), 60.0),
        (format_datetime(NOW.replace(minute=14), usegmt=True), 0.0),
        (None, 0.0),
        ("soon", 0.0),
        ("-3", 0.0),
        ("٣", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float) -> None:
    assert backoff.asked(header, now=NOW.timestamp) == seconds


@given(st.text(max_size=40))
def test_no_header_breaks_the_reader(header: str) -> None:
    assert backoff.asked(header) >= 0.0


class Line:
    """Fails as told, one after the other, and then answers."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self._failures:
            raise self._failures.pop(0)
        return "ŋ"


def test_a_call_is_made_again_after_what_the_service_asks_for() -> None:
    slept: list[float] = []
    line = Line(Busy("429", after=9.0), NetworkError("cut"))
    assert backoff.again(line, sleep=slept.append) == "ŋ"
    assert slept[0] >= 9.0
    assert 0.0 < slept[1] < 1.0


def test_what_lasts_is_raised_in_the_end_and_what_is_no_matter_of_the_line_at_once() -> None:
    lasting = Line(*[NetworkError(str(n)) for n in range(9)])
    with pytest.raises(NetworkError, match="3"):
        backoff.again(lasting, sleep=lambda _: None)
    for failure in (AuthError("401"), Busy("come back tomorrow", after=86400.0)):
        line = Line(failure)
        with pytest.raises(type(failure)):
            backoff.again(line, sleep=lambda _: None)
        assert line.calls == 1
