"""Three-way merge of JSON values, by key: metadata of a notebook and of its cells, and kernel-metadata.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()
"""A key that is not there: unlike None, which JSON can say."""

Path = tuple[str, ...]
Clash = Callable[[Path, Any, Any, Any], Any]
"""What becomes of a value that both sides changed differently: (where, base, ours, theirs) → the value."""


def merge_values(base: Any, ours: Any, theirs: Any, clash: Clash, path: Path = ()) -> Any:
    """What one side changed is changed; objects are merged key by key; `clash` decides the rest."""
    if same(ours, theirs) or same(theirs, base):
        return ours
    if same(ours, base):
        return theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        before = base if isinstance(base, dict) else {}
        merged = {}
        for key in _keys(ours, theirs):
            old, mine, other = (one.get(key, MISSING) for one in (before, ours, theirs))
            value = merge_values(old, mine, other, clash, (*path, key))
            if value is not MISSING:
                merged[key] = value
        return merged
    return clash(path, base, ours, theirs)


def merge_sets(base: Any, ours: Any, theirs: Any) -> list[Any]:
    """Lists that are sets: what either side added, without what either side took away, in the order of ours."""
    before, mine, others = (one if isinstance(one, list) else [] for one in (base, ours, theirs))
    gone = [item for item in before if not _among(item, mine) or not _among(item, others)]
    merged: list[Any] = []
    for item in (*mine, *others):
        if not _among(item, gone) and not _among(item, merged):
            merged.append(item)
    return merged


def same(a: Any, b: Any) -> bool:
    """Equal as JSON: true is not 1, and the order of keys says nothing."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float):
        return repr(a) == repr(b)  # NaN is itself here
    return bool(a == b)


def _keys(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys((*ours, *theirs)))


def _among(item: Any, items: Sequence[Any]) -> bool:
    return any(same(item, other) for other in items)
