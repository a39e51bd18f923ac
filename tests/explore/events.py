"""What becomes of the world when a record lands on the ref, and when Kaggle makes a version."""

from __future__ import annotations

from .chain import Chain
from .world import LONG, Shared, Version


def land(chain: Chain, shared: Shared, new: int) -> Shared:
    """The ref points to `new` now."""
    before, after = chain.records[shared.tip], chain.records[new]
    assert after is not None
    stands = before is not None and before.observed == after.observed and before.state is after.state
    named = shared.named | chain.versions_named(new)
    return shared._replace(
        tip=new, age=shared.age if stands else 0, named=named, overlaps=unreported(shared.overlaps, named),
        path=(*shared.path, new) if shared.path else (),
    )  # fmt: skip


def remake(shared: Shared, *versions: Version) -> Shared:
    """The kernel is deleted, with all that ran of it, and made anew with these versions. What overlapped in the old one
    nobody can find out any more."""
    return shared._replace(
        versions=versions, kernel=shared.kernel + 1, overlaps=(), named=frozenset(), forced=frozenset()
    )


def go_back(shared: Shared, records: int) -> Shared:
    """The remote has lost its newest records. An intent or an offer that comes back has stood for its time already."""
    return shared._replace(path=shared.path[:-records], tip=shared.path[-1 - records], age=LONG)


def push(shared: Shared, stamp: str) -> Shared:
    """Kaggle makes the next version. It stops none of those before it."""
    number = len(shared.versions) + 1
    beside = [n for n, version in enumerate(shared.versions, 1) if version.runs]
    pairs = tuple((n, number) for n in beside if stamp or shared.versions[n - 1].stamp)
    overlaps = unreported(tuple(sorted({*shared.overlaps, *pairs})), shared.named)
    return shared._replace(versions=(*shared.versions, Version(stamp, True)), overlaps=overlaps)


def unreported(pairs: tuple[tuple[int, int], ...], named: frozenset[int]) -> tuple[tuple[int, int], ...]:
    return tuple(pair for pair in pairs if not named.intersection(pair))
