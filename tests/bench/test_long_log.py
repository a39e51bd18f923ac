"""The command that measures a long log works, and what it compares is the same."""

from __future__ import annotations

import pytest

from bench.long_log import MOST, measure
from bench.world import isolated


@pytest.mark.slow
def test_a_log_comes_whole_by_every_way_and_is_never_held() -> None:
    """100 times as long, it takes as much: that is for `python -m tests.bench.long_log`."""
    with isolated(quick=True) as world:
        rows = measure(world, size=3_000_000, line=300)

    assert [row.what for row in rows if not row.whole] == []
    assert max(row.peak for row in rows) < MOST
    assert len(rows) == 5
