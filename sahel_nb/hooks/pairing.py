"""Which half of a pair must follow in a commit, and how to let it without touching work that is not staged.

A pair lives in three places: HEAD, the index, and the disk. HEAD and the index decide the direction. The half that
follows is put into the index; on disk it is replaced only where the disk has nothing that the index does not have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from sahel_nb.hooks.inplace import read_if_there
from sahel_nb.hooks.staged import Change, Repository
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.finding import Finding, Severity
from sahel_nb.notebook.merge_mirror import resolved_half
from sahel_nb.notebook.merge_pair import merge_pair
from sahel_nb.notebook.pair import Direction, decide, extension, in_step, looks_like_mirror, mirror_of, notebook_from
from sahel_nb.notebook.strip import strip

NOTEBOOK = b".ipynb"
_PLAIN = "100644"


class Action(Enum):
    NOTHING = "nothing"
    STAGE = "stage"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Step:
    """What one pair needs. `disk` is what the file on disk becomes; None leaves it as it is.

    Where both halves were merged, `also` is the step of the mirror, and both come from each other.
    """

    action: Action
    path: bytes = b""
    source: bytes = b""
    mode: str = _PLAIN
    staged: bytes = b""
    disk: bytes | None = None
    finding: Finding | None = None
    also: Step | None = None


@dataclass(frozen=True)
class Pair:
    """One notebook and its mirror: contents in HEAD, in the index and on disk; None where it is not there."""

    notebook: bytes
    mirror: bytes
    head: tuple[bytes | None, bytes | None]
    index: tuple[bytes | None, bytes | None]
    modes: tuple[str, str]
    disk: tuple[bytes | None, bytes | None] = (None, None)


def mirror_path(notebook: bytes, fmt: str) -> bytes:
    return notebook[: -len(NOTEBOOK)] + extension(fmt).encode("ascii")


def is_notebook(path: bytes) -> bool:
    return path.endswith(NOTEBOOK) and b".ipynb_checkpoints/" not in path


def staged_pairs(repository: Repository, changes: Iterable[Change], fmt: str) -> list[Pair]:
    """Every pair of which the commit touches a half, and of which the notebook is there."""
    changed = {change.path: change for change in changes}
    suffix = extension(fmt).encode("ascii")
    names = {path for path in changed if is_notebook(path)}
    names |= {path[: -len(suffix)] + NOTEBOOK for path in changed if path.endswith(suffix)}
    both = {name: mirror_path(name, fmt) for name in names}
    index = repository.index([*both, *both.values()])
    names = {name for name in names if name in index}
    names -= repository.opted_out(names)

    def before(path: bytes) -> str | None:
        return changed[path].before if path in changed else index.get(path, ("", None))[1]

    def after(path: bytes) -> str | None:
        return index.get(path, ("", None))[1]

    wanted = [one(path) for name in names for path in (name, both[name]) for one in (before, after)]
    contents = repository.read(wanted)

    def content(oid: str | None) -> bytes | None:
        return contents.get(oid) if oid else None

    return [
        Pair(
            notebook=name,
            mirror=both[name],
            head=(content(before(name)), content(before(both[name]))),
            index=(content(after(name)), content(after(both[name]))),
            modes=(index[name][0], index.get(both[name], (_PLAIN, ""))[0]),
        )
        for name in sorted(names)
    ]


def plan(repository: Repository, pair: Pair, fmt: str) -> Step:
    """What the pair needs to be in step in the commit. The disk is read only where something has to follow."""
    try:
        direction = resolved_half(*pair.index) or decide(*pair.head, *pair.index, fmt)
        if direction is Direction.NOTHING:
            return Step(Action.NOTHING)
        disk = tuple(read_if_there(repository.disk(path)) for path in (pair.notebook, pair.mirror))
        pair = replace(pair, disk=(disk[0], disk[1]))
        follow = {Direction.TO_MIRROR: _to_mirror, Direction.TO_NOTEBOOK: _to_notebook, Direction.CONFLICT: _merge}
        return follow[direction](pair, fmt)
    except NotebookError as exc:
        return Step(Action.REFUSE, finding=_finding(pair, exc.message, ""))


def _to_mirror(pair: Pair, fmt: str) -> Step:
    notebook, old = pair.index
    assert notebook is not None
    if old is not None and not looks_like_mirror(old):
        return _not_a_mirror(pair)
    made = mirror_of(notebook, fmt)
    if made == old:
        return Step(Action.NOTHING)
    step = Step(Action.STAGE, pair.mirror, pair.notebook, pair.modes[1], made)
    disk_notebook, disk = pair.disk
    if disk is None or _same_text(disk, old) or disk == made:
        return replace(step, disk=made)
    if old is None and not looks_like_mirror(disk):
        return _not_a_mirror(pair)
    if in_step(notebook, disk, fmt):
        return replace(step, staged=disk.replace(b"\r\n", b"\n"))
    if disk_notebook is not None and strip(disk_notebook) != notebook and in_step(disk_notebook, disk, fmt):
        return step  # both halves have gone on together on disk: the index gets the mirror of what it holds
    return _refuse(pair, "is staged, and its mirror has other changes that are not")


def _to_notebook(pair: Pair, fmt: str) -> Step:
    old, mirror = pair.index
    assert old is not None
    assert mirror is not None
    if not looks_like_mirror(mirror):
        return Step(Action.NOTHING)  # an ordinary module that bears the notebook's name
    made = strip(notebook_from(mirror, old, fmt))
    if made == old:
        return Step(Action.NOTHING)
    step = Step(Action.STAGE, pair.notebook, pair.mirror, pair.modes[0], made)
    disk, disk_mirror = pair.disk
    if disk is None:
        return replace(step, disk=made)
    on_disk = strip(disk)
    if on_disk == strip(old):
        return replace(step, disk=notebook_from(mirror, disk, fmt))  # with its outputs
    if in_step(on_disk, mirror, fmt):
        return replace(step, staged=on_disk)
    if disk_mirror is not None and not _same_text(disk_mirror, mirror) and in_step(on_disk, disk_mirror, fmt):
        return step
    return _refuse(pair, "has changes that are not staged, and its mirror is staged")


def _merge(pair: Pair, fmt: str) -> Step:
    """Both, merged. On disk too, where it has what is staged; work that is not staged is not merged unasked."""
    notebook, mirror = pair.index
    assert notebook is not None
    assert mirror is not None
    if not looks_like_mirror(mirror):
        return _not_a_mirror(pair)
    on_disk, text = pair.disk
    if on_disk is None or text is None:
        return _refuse(pair, "and its mirror are both changed, and one of them is not on disk to be merged there too")
    same = strip(on_disk) == notebook
    merged = merge_pair(pair.head, on_disk if same else notebook, mirror, fmt)
    if merged.problem:
        return _refuse(pair, f"and its mirror say different things: {merged.problem}")
    made = strip(merged.notebook)
    if not (same or strip(on_disk) == made) or not (_same_text(text, mirror) or text == merged.mirror):
        return _refuse(pair, "and its mirror are both changed, and have changes that are not staged")
    also = Step(Action.STAGE, pair.mirror, pair.notebook, pair.modes[1], merged.mirror, merged.mirror)
    whole = merged.notebook if same else None  # else a merge that was interrupted has written it
    return Step(Action.STAGE, pair.notebook, pair.mirror, pair.modes[0], made, whole, also=also)


def _same_text(disk: bytes, blob: bytes | None) -> bool:
    """git may have written the file with CRLF."""
    return blob is not None and (disk == blob or disk.replace(b"\r\n", b"\n") == blob.replace(b"\r\n", b"\n"))


def _refuse(pair: Pair, why: str) -> Step:
    name = _shown(pair.notebook)
    mend = f"see what differs, then: sahel-nb pair --from notebook {name}   (or --from mirror), and git add both"
    return Step(Action.REFUSE, finding=_finding(pair, f"{why} ({_shown(pair.mirror)})", mend))


def _not_a_mirror(pair: Pair) -> Step:
    why = f"would get {_shown(pair.mirror)} as its mirror, and that is another file (no jupytext header, no # %%)"
    return Step(Action.REFUSE, finding=_finding(pair, why, "give one of them another name"))


def _finding(pair: Pair, why: str, mend: str) -> Finding:
    return Finding("SNB303", Severity.ERROR, _shown(pair.notebook), "", why, mend)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
