"""Outputs that a person computed, put into another version of their notebook: what stripping takes away, carried over.

A pull or a rebase brings a notebook of which this clone has older versions with outputs. The cells that nobody touched
keep theirs: outputs, execution counts, and the metadata that stripping removes. What that is, is not listed here: it is
what stripping the older version takes away from it.

It runs in git's filter process: nothing is imported before there is something to carry.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Json = dict[str, Any]
    Key = tuple[str, str]
    Donor = tuple[list[tuple[int, int]], Json, Json]

# Said by nbformat about the file that it was read from, never written by Jupyter.
_TRANSIENT = frozenset(("orig_nbformat", "orig_nbformat_minor", "signature", "trusted"))
# A cell's id is stripped too, and handled by itself: it must stay unique. The others are never stripped.
_APART = frozenset(("cell_type", "id", "metadata", "source"))
_ABSENT = object()
_MOST_PAIRS = 200_000


def transplant(
    stripped: bytes, known: Iterable[bytes], clean: Callable[[bytes], bytes] | None = None, akin: float = 0.0
) -> bytes | None:
    """`stripped`, as git has it, with what cells of the same kind and source have in `known`, the newest first.

    A cell is taken from the first of `known` that has it, also where it was cleared there. With `akin`, those that have
    a smaller share of its cells are passed over, and those that have most of them come first. Laid out as Jupyter
    writes. The promise is that `clean` (stripping with its defaults, if not given) makes exactly `stripped` of the
    result again: git must not show it as modified. None where that cannot be, where nothing would be carried over, or
    where a notebook is not one of nbformat 4. Raises nothing: whatever goes wrong, the blob itself can be checked out.
    """
    try:
        return _transplant(stripped, known, clean or _strip, akin)
    except Exception:  # noqa: BLE001  see the promise; NotebookError, RecursionError, MemoryError or one nobody thought of
        return None


def _transplant(stripped: bytes, known: Iterable[bytes], clean: Callable[[bytes], bytes], akin: float) -> bytes | None:
    import json

    notebook = _parse(stripped)
    cells: list[Json] = notebook["cells"]
    keys = [_key(cell) for cell in cells]
    settled: dict[int, Json] = {}
    carried = False
    for pairs, donor, base in _donors(keys, known, clean, akin, settled):
        gave = False
        for mine, theirs in pairs:
            if mine not in settled:
                settled[mine] = donor["cells"][theirs]
                gave |= _carry(cells[mine], donor["cells"][theirs], base["cells"][theirs])
        if gave:
            _carry_metadata(notebook, donor, base)
            carried = True
    if not carried:
        return None
    _name(cells, settled)
    text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    # Half of a surrogate pair has no UTF-8, and this is how JSON spells it: an output may well hold one.
    result = text.encode("utf-8", "backslashreplace")
    return result if clean(result) == stripped else None


def _donors(
    keys: list[Key], known: Iterable[bytes], clean: Callable[[bytes], bytes], akin: float, settled: dict[int, Json]
) -> Iterable[Donor]:
    """Each of `known` that can give something to a cell that is not settled yet."""
    if akin:
        found = [donor for donor in _donors(keys, known, clean, 0.0, {}) if len(donor[0]) >= akin * len(keys)]
        yield from sorted(found, key=lambda donor: -len(donor[0]))
        return
    for raw in known:
        if any(index not in settled and _may_have(raw, key) for index, key in enumerate(keys)):
            donor, base = _read(raw, clean)
            yield _pairs(keys, [_key(cell) for cell in base["cells"]]), donor, base


def _may_have(raw: bytes, key: Key) -> bool:
    """False only where no cell of this source can be in `raw`: that is seen in the bytes, without parsing them."""
    for line in key[1].splitlines():
        # A line that JSON can spell in one way only, or very nearly so.
        if line.isascii() and line.isprintable() and not any(sign in line for sign in '"\\/<>&'):
            return line.encode() in raw
    return True


def _strip(data: bytes) -> bytes:
    from sahel_nb.notebook.strip_fast import strip_ordinary

    fast = strip_ordinary(data)
    if fast is not None:
        return fast
    from sahel_nb.notebook.strip import strip

    return strip(data)


def _parse(data: bytes) -> Json:
    import json

    notebook: Json = json.loads(data.decode("utf-8"))
    if notebook["nbformat"] != 4:
        raise ValueError(notebook["nbformat"])
    return notebook


def _read(raw: bytes, clean: Callable[[bytes], bytes]) -> tuple[Json, Json]:
    """A notebook with outputs, and what stripping leaves of it; with no cells where it is of no use."""
    try:
        donor, base = _parse(raw), _parse(clean(raw))
    except Exception:  # noqa: BLE001  one old notebook that cannot be read must not keep the others from giving
        return _NOTHING, _NOTHING
    return (donor, base) if len(donor["cells"]) == len(base["cells"]) else (_NOTHING, _NOTHING)


_NOTHING: Json = {"cells": [], "metadata": {}}


def _key(cell: Json) -> Key:
    source = cell["source"]
    return cell["cell_type"], source if isinstance(source, str) else "".join(source)


def _carry(cell: Json, donor: Json, base: Json) -> bool:
    """Give a cell what stripping took from `donor` to make `base`, unless git has something else in that place."""
    took = False
    for key, value in donor.items():
        if key in _APART or value == base.get(key, _ABSENT):
            continue
        if cell.get(key, _ABSENT) == base.get(key, _ABSENT):
            cell[key] = value
            took = True
    return _carry_metadata(cell, donor, base) or took


def _carry_metadata(holder: Json, donor: Json, base: Json) -> bool:
    own, took = holder["metadata"], False
    for key, value in donor["metadata"].items():
        if key not in base["metadata"] and key not in own and key not in _TRANSIENT:
            own[key] = value
            took = True
    return took


def _name(cells: list[Json], settled: dict[int, Json]) -> None:
    """Cells keep the ids that their editor knows them by; stripping numbers them anew."""
    taken: set[str] = set()
    unnamed = []
    for index, cell in enumerate(cells):
        if "id" not in cell:
            continue
        name = settled.get(index, cell).get("id")
        if index in settled and isinstance(name, str) and name and name not in taken:
            cell["id"] = name
            taken.add(name)
        else:
            unnamed.append(cell)
    for cell in unnamed:
        name = cell["id"]
        while name in taken:
            name += "-"
        cell["id"] = name
        taken.add(name)


def _pairs(ours: list[Key], theirs: list[Key]) -> list[tuple[int, int]]:
    """Which cell is which: the longest common subsequence, then what was moved, in order."""
    start, end = 0, min(len(ours), len(theirs))
    while start < end and ours[start] == theirs[start]:
        start += 1
    tail = 0
    while tail < end - start and ours[-1 - tail] == theirs[-1 - tail]:
        tail += 1
    same = [(index, index) for index in range(start)]
    same += [(len(ours) - index, len(theirs) - index) for index in range(tail, 0, -1)]
    places: dict[Key, list[int]] = {}
    for index in range(start, len(theirs) - tail):
        places.setdefault(theirs[index], []).append(index)
    middle = range(start, len(ours) - tail)
    if sum([len(places.get(ours[index], ())) for index in middle]) <= _MOST_PAIRS:
        same += _in_order(middle, ours, places)
    matched, given = {pair[0] for pair in same}, {pair[1] for pair in same}
    left = {key: [place for place in reversed(found) if place not in given] for key, found in places.items()}
    return same + [
        (index, left[ours[index]].pop()) for index in middle if index not in matched and left.get(ours[index])
    ]


def _in_order(middle: range, ours: list[Key], places: dict[Key, list[int]]) -> list[tuple[int, int]]:
    """The longest common subsequence, by the method of Hunt and Szymanski (CACM 20:5, 1977).

    ends[k] is the smallest place at which a common subsequence of k+1 cells can end, chains[k] that subsequence.
    """
    from bisect import bisect_left

    ends: list[int] = []
    chains: list[Any] = []
    for index in middle:
        # Backwards, so that no cell of ours is used twice in one chain.
        for place in reversed(places.get(ours[index], ())):
            length = bisect_left(ends, place)
            chain: Any = (index, place, chains[length - 1] if length else None)
            if length == len(ends):
                ends.append(place)
                chains.append(chain)
            else:
                ends[length], chains[length] = place, chain
    found = []
    rest = chains[-1] if chains else None
    while rest is not None:
        index, place, rest = rest
        found.append((index, place))
    return found
