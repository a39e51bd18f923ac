"""Was a kernel edited on Kaggle? Its current version against what git last pushed, and the edit as a change for git.

What git pushed is named by the stamp in Kaggle's copy: the commit. A copy without one (the stamp's cell was deleted, or
the version never came from here) is compared with the newest version below it that has one, else with HEAD.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sahel_nb.errors import UsageError
from sahel_nb.kernels.metadata import RETIRED_SHAPES, Metadata
from sahel_nb.kernels.metadata_merge import merge_metadata
from sahel_nb.kernels.model import KernelRef
from sahel_nb.kernels.settings import Settings
from sahel_nb.kernels.stamp import Stamp
from sahel_nb.notebook.cell_diff import cell_diff, line_diff
from sahel_nb.notebook.merge import merge
from sahel_nb.notebook.merge_lines import Labels, merge_lines
from sahel_nb.notebook.round_trip import notebook_home, script_home, sources
from sahel_nb.run.plan import Source

LOOK_BACK = 10
"""Versions without a stamp that are looked behind for one with."""
_FLAGS = ("is_private", "enable_gpu", "enable_tpu", "enable_internet")
_LISTS = ("dataset_sources", "competition_sources", "kernel_sources", "model_sources")
LABELS = Labels(ours="git", theirs="Kaggle")


@dataclass(frozen=True)
class Setting:
    """A setting that Kaggle has otherwise than git pushed it. `brought`: a rescue takes it home.

    A source that Kaggle does not list any more may have been dropped by Kaggle itself: that is shown, and not brought.
    """

    key: str
    git: Any
    kaggle: Any
    brought: bool


@dataclass(frozen=True)
class Drift:
    """`theirs` is Kaggle's copy as git would have it. `stamped`: Kaggle's version names the commit itself."""

    ref: KernelRef
    version: int
    base: Source
    stamped: bool
    theirs: bytes
    diff: tuple[str, ...]
    settings: tuple[Setting, ...]

    @property
    def drifted(self) -> bool:
        return bool(self.diff or self.settings)


@dataclass(frozen=True)
class Rescued:
    """What the worktree's files become: the code, and the metadata. With conflicts both sides changed the same."""

    code: bytes
    metadata: bytes
    conflicts: tuple[str, ...]


def find_drift(
    ref: KernelRef,
    version: int,
    read: Callable[[int], Settings | None],
    commit: Callable[[str], Source | None],
    head: Source,
) -> Drift:
    """Compare. `read` gives what Kaggle has of a version, `commit` the kernel at a commit; None: not there.

    Raises `UsageError` where there is no such version, `NotebookError` where Kaggle's copy is no notebook.
    """
    found = read(version)
    if found is None:
        raise UsageError(f"Kaggle has no {ref} v{version} that this account may see")
    base, stamped = None, True
    for number in range(version, max(0, version - LOOK_BACK), -1):
        settings = found if number == version else read(number)
        stamp = Stamp.find(settings.source) if settings else None
        base = commit(stamp.commit) if stamp else None
        if base is not None:
            break
        stamped = False
    base = base or head
    theirs, diff = _compare(found.source.encode("utf-8"), base)
    return Drift(ref, version, base, stamped, theirs, diff, _settings(base.metadata, found))


def rescue(drift: Drift, code: bytes, metadata: bytes, base_metadata: bytes) -> Rescued:
    """Kaggle's edit on top of what the worktree has; what both changed differently stands between markers."""
    conflicts: tuple[str, ...]
    if drift.base.is_notebook:
        merged = merge(drift.base.code, code, drift.theirs, LABELS)
        content, conflicts = merged.content, tuple(map(str, merged.conflicts))
    else:
        base, ours, theirs = (one.decode("utf-8").split("\n") for one in (drift.base.code, code, drift.theirs))
        lines = merge_lines(base, ours, theirs, LABELS)
        content = "\n".join(lines.lines).encode("utf-8")
        conflicts = (f"{lines.conflicts} places of the script",) if lines.conflicts else ()
    changed = [setting for setting in drift.settings if setting.brought]
    if not changed:
        return Rescued(content, metadata, conflicts)
    value = json.loads(base_metadata) | {setting.key: setting.kaggle for setting in changed}
    edited = (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8")
    settled = merge_metadata(base_metadata, metadata, edited, LABELS)
    return Rescued(content, settled.content, (*conflicts, *settled.conflicts))


def _compare(kaggle: bytes, base: Source) -> tuple[bytes, tuple[str, ...]]:
    if base.is_notebook:
        theirs = notebook_home(kaggle, base.code)
        return theirs, cell_diff(sources(base.code), sources(theirs))
    theirs = script_home(kaggle)
    ours = base.code if base.code.endswith(b"\n") or not base.code else base.code + b"\n"  # the stamp wants one
    if theirs == ours:
        return base.code, ()
    return theirs, line_diff(ours.decode("utf-8", "replace"), theirs.decode("utf-8"))


def _settings(git: Metadata, kaggle: Settings) -> tuple[Setting, ...]:
    asked = json.loads(git.to_json())
    found = [Setting(key, asked[key], kaggle.raw[key], brought=True) for key in _FLAGS if asked[key] != kaggle.raw[key]]
    for key in _LISTS:
        ours, theirs = [str(name) for name in asked[key]], [str(name) for name in kaggle.raw[key]]
        new = [name for name in theirs if name.lower() not in map(str.lower, ours)]
        lost = [name for name in ours if name.lower() not in map(str.lower, theirs)]
        if new:
            found.append(Setting(key, ours, [*ours, *new], brought=True))
        if lost:
            found.append(Setting(key, ours, theirs, brought=False))
    shape = str(asked.get("machine_shape") or "")
    if kaggle.shape and kaggle.shape not in (shape, RETIRED_SHAPES.get(shape)) and shape:
        found.append(Setting("machine_shape", shape, kaggle.shape, brought=True))
    return tuple(found)
