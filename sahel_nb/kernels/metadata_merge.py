"""Three-way merge of kernel-metadata.json, by key; its lists of sources are sets.

The permanent id is merged three ways like any key; where both sides changed it, ours stays, and that is a conflict. Any
other key that both sides changed differently stands in the file twice, between git's markers, so that no run can start
from it; and so do the keys of the machine where one side chose a GPU and the other a TPU.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sahel_nb.errors import UsageError
from sahel_nb.kernels.metadata import FILE_NAME, is_true
from sahel_nb.notebook.merge_lines import Labels, merge_lines, merge_without_base
from sahel_nb.notebook.merge_values import MISSING, Path, merge_values, same

# What names one source, without its version: owner/slug, and owner/model/framework/variation.
_NAMED_BY = {"dataset_sources": 2, "kernel_sources": 2, "model_sources": 4, "competition_sources": 9, "keywords": 9}
_PERMANENT = ("id", "id_no")
_MACHINE = ("enable_gpu", "enable_tpu", "machine_shape")
_INDENT = re.compile(r'^\{\r?\n( *|\t*)"')

Json = dict[str, Any]


@dataclass(frozen=True)
class MergedMetadata:
    content: bytes
    conflicts: tuple[str, ...]


def merge_metadata(
    base: bytes | None,
    ours: bytes,
    theirs: bytes,
    labels: Labels = Labels(),  # noqa: B008  frozen
) -> MergedMetadata:
    """Bring the changes of both sides together, written as ours is. Raise `UsageError` for what is no JSON object."""
    if ours == theirs or theirs == base:
        return MergedMetadata(ours, ())
    before, mine, others = ({} if one is None else _read(one) for one in (base, ours, theirs))
    conflicts = _keep_ids(before, mine, others)
    apart = _MACHINE if _machines_differ(before, mine, others) else ()
    before = {key: value for key, value in before.items() if key not in apart}
    merged = _merge(before, mine, others, lambda mine, _: mine, conflicts)
    merged = {key: value for key, value in merged.items() if key not in apart or key in mine}
    if not any(key not in _PERMANENT for key in conflicts):
        return MergedMetadata(_as_lines(base, ours, theirs, merged) or _write(merged, ours), tuple(conflicts.values()))
    other = _merge(before, mine, others, lambda _, theirs: theirs, {})
    other = {key: value for key, value in other.items() if key not in apart or key in others}
    sides = [_write(one, ours).decode("utf-8").split("\n") for one in (merged, other)]
    text = "\n".join(merge_without_base(sides[0], sides[1], labels).lines)
    return MergedMetadata(text.encode("utf-8"), tuple(conflicts.values()))


def _keep_ids(base: Json, ours: Json, theirs: Json) -> dict[str, str]:
    """Give all sides our id where both changed it. What is said then."""
    said = {}
    for key in _PERMANENT:
        if key not in ours or key not in theirs:
            continue
        changed = not any(same(base.get(key, MISSING), side[key]) for side in (ours, theirs))
        if changed and not same(ours[key], theirs[key]):
            said[key] = f"{key} is permanent: it stays {_short(ours[key])}, theirs was {_short(theirs[key])}"
            base[key] = theirs[key] = ours[key]
    return said


def _machines_differ(base: Json, ours: Json, theirs: Json) -> bool:
    """Whether one side chose a GPU and the other a TPU: key by key that would merge into a machine with both."""
    if any(all(same(base.get(key), side.get(key)) for key in _MACHINE) for side in (ours, theirs)):
        return False
    chosen = {(_wants(side, "gpu", "Nvidia"), _wants(side, "tpu", "Tpu")) for side in (ours, theirs)}
    return chosen == {(True, False), (False, True)}


def _wants(side: Json, name: str, shape: str) -> bool:
    return is_true(side.get(f"enable_{name}")) or str(side.get("machine_shape", "")).startswith(shape)


def _merge(base: Json, ours: Json, theirs: Json, choose: Callable[[Any, Any], Any], conflicts: dict[str, str]) -> Json:
    def clash(path: Path, _: Any, mine: Any, others: Any) -> Any:
        name = path[0]
        said = f"{_short(mine)} in ours, {_short(others)} in theirs"
        conflicts[name] = f"{conflicts[name]}; {said}" if name in conflicts else f"{name}: {said}"
        return choose(mine, others)

    lists = [key for key in _NAMED_BY if all(isinstance(one.get(key, []), list) for one in (base, ours, theirs))]
    sides = [
        one | {key: _named(one[key], _NAMED_BY[key]) for key in lists if key in one} for one in (base, ours, theirs)
    ]
    merged: Json = merge_values(sides[0], sides[1], sides[2], clash)
    return merged | {key: list(merged[key].values()) for key in lists if key in merged}


def _named(items: list[Any], parts: int) -> Json:
    """The list by what its items name; an item that is there in two versions stands for itself."""
    names = ["/".join(item.split("/")[:parts]) if isinstance(item, str) else json.dumps(item) for item in items]
    return {name if names.count(name) == 1 else f"{name} {item}": item for name, item in zip(names, items, strict=True)}


def _as_lines(base: bytes | None, ours: bytes, theirs: bytes, merged: Json) -> bytes | None:
    """The same merge done on lines, which keeps the file as people laid it out; None where it says something else."""
    if base is None:
        return None
    lines = [one.decode("utf-8").split("\n") for one in (base, ours, theirs)]
    done = merge_lines(lines[0], lines[1], lines[2], Labels())
    content = "\n".join(done.lines).encode("utf-8")
    try:
        return content if not done.conflicts and same(_read(content), merged) else None
    except UsageError:
        return None


def _read(data: bytes) -> Json:
    try:
        found = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as exc:
        raise UsageError(f"{FILE_NAME} is not valid JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise UsageError(f"{FILE_NAME} must hold one JSON object")
    return found


def _write(value: Json, like: bytes) -> bytes:
    text = like.decode("utf-8")
    head = _INDENT.match(text)
    written = json.dumps(value, ensure_ascii=text.isascii() and "\\u" in text, indent=head[1] if head else None)
    if text.endswith("\n"):
        written += "\n"
    return (written.replace("\n", "\r\n") if "\r\n" in text else written).encode("utf-8", "backslashreplace")


def _short(value: Any) -> str:
    return "nothing" if value is MISSING else json.dumps(value, ensure_ascii=False)
