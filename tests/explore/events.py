"""What becomes of the world when a record lands on the ref, and when Kaggle makes a version."""

from __future__ import annotations

from .chain import Chain
from .world import Shared, Version


def land(chain: Chain, shared: Shared, new: int) -> Shared:
    """The ref points to `new` now."""
    before, after = chain.records[shared.tip], chain.records[new]
    assert after is not None
    stands = before is not None and before.observed == after.observed and before.state is after.state
    named = shared.named | chain.versions_named(new)
    return shared._replace(
        tip=new, age=shared.age if stands else 0, named=named, overlaps=unreported(shared.overlaps, named)
    )


def push(shared: Shared, stamp: str) -> Shared:
    """Kaggle makes the next version. It stops none of those before it."""
    number = len(shared.versions) + 1
    beside = [n for n, version in enumerate(shared.versions, 1) if version.runs]
    pairs = tuple((n, number) for n in beside if stamp or shared.versions[n - 1].stamp)
    overlaps = unreported(tuple(sorted({*shared.overlaps, *pairs})), shared.named)
    return shared._replace(versions=(*shared.versions, Version(stamp, True)), overlaps=overlaps)


def unreported(pairs: tuple[tuple[int, int], ...], named: frozenset[int]) -> tuple[tuple[int, int], ...]:
    return tuple(pair for pair in pairs if not named.intersection(pair))
