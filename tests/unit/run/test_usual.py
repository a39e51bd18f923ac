"""How long runs took, and whether the hours that are left are enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.lock.record import FORMAT, Op, Outcome, Record, State
from sahel_nb.run.usual import LONGEST, RUNS, Fit, Usual, durations, fit, usual

SECONDS = st.floats(1, LONGEST)


def finished(run_id: str, seconds: float, status: str = "COMPLETE") -> Record:
    start = datetime(2026, 11, 20, 8, tzinfo=UTC)
    began, ended = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (start, start + timedelta(seconds=seconds)))
    outcome = Outcome(run_id, 1, status, "c" * 40, "Awa", began, ended, "", "")
    return Record(
        kernel="awa/words", lock_remote_id="x", op=next(iter(Op)), state=State.FREE, fence=1, actor="Awa", host="h",
        by="Awa", nonce="n", hb=0, since=began, at=ended, base_version=0, run_id=run_id, stamp="", src_digest="",
        git_commit="", kaggle_version=1, url="", last_done=1, queue=(), reason="", alarms=(), outcome=outcome, v=FORMAT,
    )  # fmt: skip


def test_complete_runs_count_once_and_late_attaches_not_at_all() -> None:
    late, failed = finished("c", 90_000), finished("b", 60, "ERROR")
    records = [finished("a", 3600), finished("a", 3600), failed, late, finished("d", 7200)]
    assert durations(records) == (3600, 7200)
    assert str(usual(durations(records))) == "1.0 to 2.0 h, mostly 1.5 h, by 2 complete runs"
    assert usual(()) is None


def test_the_newest_runs_count() -> None:
    known = usual((60.0,) * RUNS + (9000.0,))
    assert known is not None
    assert (known.runs, known.longest) == (RUNS, 60.0)


def test_a_limit_within_the_hours_is_a_way_on() -> None:
    known = Usual(3, 7200, 8000, 9000)
    assert fit(known, timedelta(hours=1)) is Fit.CANNOT
    assert fit(known, timedelta(hours=1), 1800) is Fit.FITS
    assert fit(known, timedelta(seconds=7500)) is Fit.TIGHT
    assert fit(None, timedelta(0)) is Fit.FITS


@given(st.lists(SECONDS, min_size=1, max_size=20), SECONDS, st.one_of(st.none(), SECONDS))
def test_it_is_refused_only_where_no_run_would_have_ended(took: list[float], left: float, limit: float | None) -> None:
    found = fit(usual(tuple(took)), timedelta(seconds=left), limit)
    have = timedelta(seconds=left).total_seconds()
    ends = [min(seconds, limit or seconds) <= have for seconds in took[:RUNS]]
    assert found is (Fit.FITS if all(ends) else Fit.TIGHT if any(ends) else Fit.CANNOT)
