"""Which half of a pair must follow in a commit, and how to let it without touching work that is not staged.

A pair lives in three places: HEAD, the index, and the disk. HEAD and the index decide the direction. The half that
follows is put into the index; on disk it is replaced only where the disk has nothing that the index does not have.
A pair that was renamed or removed by one of its halves is so by both.
"""

from __future__ import annotations

from sahel_nb.errors import UsageError
from sahel_nb.hooks.halves import Halves
from sahel_nb.hooks.paths import shown, typed
from sahel_nb.hooks.staged_pairs import Pair, staged_pairs
from sahel_nb.notebook.document import NotebookError
from sahel_nb.notebook.finding import Finding, Severity
from sahel_nb.notebook.merge_mirror import resolved_half
from sahel_nb.notebook.pair import Direction, decide, in_step, looks_like_mirror, mirror_of, notebook_from
from sahel_nb.notebook.strip import strip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sahel_nb.hooks.staged import Repository

__all__ = ["Pair", "Put", "Step", "plan", "staged_pairs"]


class Put:
    """What the index gets at a path, None to have it removed. `disk` is what the file becomes; None leaves it alone."""

    __slots__ = ("disk", "mode", "path", "staged")

    def __init__(self, path: bytes, mode: str, staged: bytes | None, disk: bytes | None = None) -> None:
        self.path = path
        self.mode = mode
        self.staged = staged
        self.disk = disk


class Step:
    """What one pair needs, and how to say it; nothing at all where it is empty. With a finding it is refused.

    `moves` come first, on disk. `gone` is a file that the disk has no need of any more.
    """

    __slots__ = ("finding", "gone", "moves", "paths", "puts", "said")

    def __init__(
        self,
        *puts: Put,
        paths: tuple[bytes, ...] = (),
        said: str = "",
        moves: tuple[tuple[bytes, bytes], ...] = (),
        gone: bytes | None = None,
        finding: Finding | None = None,
    ) -> None:
        self.puts = puts
        self.paths = paths
        self.said = said
        self.moves = moves
        self.gone = gone
        self.finding = finding


def plan(repository: Repository, pair: Pair) -> Step:
    """What the pair needs to be in step in the commit. The disk is read only where something has to follow."""
    files = Halves(repository.root)
    try:
        if pair.index[0] is None:
            return _without_notebook(files, pair)
        if pair.index[1] is None and not pair.renamed and _was_mirror(pair):
            return _without_mirror(pair)
        direction = resolved_half(*pair.index) or decide(*pair.head, *pair.index, pair.form)
        if direction is Direction.NOTHING and not pair.moves:
            return Step()
        older = pair.form.called_python(pair.mirror) if pair.index[1] is None else None
        if older is not None and looks_like_mirror(files.read(older) or b"", pair.form):
            from sahel_nb.hooks.pair import not_python, rename_script

            return Step(finding=_finding(pair, not_python(older), rename_script(pair.notebook, older, pair.mirror)))
        pair.disk = (_on_disk(files, pair, pair.notebook), _on_disk(files, pair, pair.mirror))
        if any(files.is_there(old) and files.is_there(new) for old, new in pair.moves):
            return _refuse(pair, "was renamed by half, and there is a file already where the other half would go")
        follow = {Direction.TO_MIRROR: _to_mirror, Direction.TO_NOTEBOOK: _to_notebook, Direction.CONFLICT: _merge}
        step = follow[direction](pair) if direction in follow else Step()
        return step if step.finding or not pair.moves else _moved(files, pair, step)
    except (NotebookError, UsageError) as exc:
        from sahel_nb.hooks.pair import hints_for

        return Step(finding=_finding(pair, exc.message, "; ".join(hints_for(pair.notebook, exc))))


def _was_mirror(pair: Pair) -> bool:
    return pair.head[1] is not None and looks_like_mirror(pair.head[1], pair.form)


def _on_disk(files: Halves, pair: Pair, path: bytes) -> bytes | None:
    """Under its old name, or, where a commit was stopped after it had been renamed, under the new one."""
    found = files.read(pair.now(path))
    return files.read(path) if found is None else found


def _moved(files: Halves, pair: Pair, step: Step) -> Step:
    """The step after the half that was left behind has come after the other one, on disk with all that it holds."""
    written = {put.path for put in step.puts}
    puts = list(step.puts)
    for old, new in pair.moves:
        puts.append(Put(old, "", None))
        if new not in written:
            at = 0 if new == pair.notebook else 1
            puts.append(Put(new, pair.modes[at], pair.index[at]))
    (old, new), *_ = pair.moves
    other = pair.mirror if new == pair.notebook else pair.notebook
    moves = tuple((old, new) for old, new in pair.moves if files.is_there(old))
    paths = (other, *(path for move in pair.moves for path in move))
    said = f"{shown(old)} became {shown(new)}, after {shown(other)}"
    return Step(*puts, paths=paths, said=said, moves=moves)


def _without_notebook(files: Halves, pair: Pair) -> Step:
    """It was removed: its mirror is removed with it, unless the notebook goes on without git."""
    before, mirror = pair.head[1], pair.index[1]
    assert mirror is not None
    if pair.head[0] is None or not looks_like_mirror(mirror, pair.form) or files.is_there(pair.notebook):
        return Step()
    if mirror != before:
        name, other = typed(pair.notebook), typed(pair.mirror)
        mend = f"git rm -f {other}, or bring the notebook back: git checkout HEAD -- {name}"
        return Step(finding=_finding(pair, f"was removed, and its mirror {shown(pair.mirror)} was changed", mend))
    disk = files.read(pair.mirror)
    gone = pair.mirror if disk is not None and _same_text(disk, mirror) else None
    said = f"{shown(pair.mirror)} was removed, as {shown(pair.notebook)} was"
    if disk is not None and gone is None:
        said += "; on disk it stays: it has changes that were not staged"
    return Step(Put(pair.mirror, "", None), paths=(pair.notebook, pair.mirror), said=said, gone=gone)


def _without_mirror(pair: Pair) -> Step:
    """It was removed: whether the notebook was meant, or is to be removed too, only a person knows."""
    name, other = typed(pair.notebook), typed(pair.mirror)
    mend = f"git rm {name}, or bring the mirror back: sahel-nb pair {name} && git add {other}"
    return Step(finding=_finding(pair, f"stays, and its mirror {shown(pair.mirror)} was removed", mend))


def _to_mirror(pair: Pair) -> Step:
    notebook, old = pair.index
    assert notebook is not None
    if old is not None and not looks_like_mirror(old, pair.form):
        return _not_a_mirror(pair)
    made = mirror_of(notebook, pair.form)
    if made == old:
        return Step()
    disk_notebook, disk = pair.disk
    if disk is None or _same_text(disk, old) or disk == made:
        return _follow(pair, pair.mirror, made, made)
    if old is None and not looks_like_mirror(disk, pair.form):
        return _not_a_mirror(pair)
    if in_step(notebook, disk, pair.form):
        return _follow(pair, pair.mirror, disk.replace(b"\r\n", b"\n"))
    if disk_notebook is not None and strip(disk_notebook) != notebook and in_step(disk_notebook, disk, pair.form):
        # Both halves have gone on together on disk: the index gets the mirror of what it holds.
        return _follow(pair, pair.mirror, made)
    return _refuse(pair, "is staged, and its mirror has other changes that are not")


def _to_notebook(pair: Pair) -> Step:
    old, mirror = pair.index
    assert old is not None
    assert mirror is not None
    if not looks_like_mirror(mirror, pair.form):
        return Step()  # an ordinary module that bears the notebook's name
    made = strip(notebook_from(mirror, old, pair.form))
    if made == old:
        return Step()
    disk, disk_mirror = pair.disk
    if disk is None:
        return _follow(pair, pair.notebook, made, made)
    on_disk = strip(disk)
    if on_disk == strip(old):
        return _follow(pair, pair.notebook, made, notebook_from(mirror, disk, pair.form))  # with its outputs
    if in_step(on_disk, mirror, pair.form):
        return _follow(pair, pair.notebook, on_disk)
    if disk_mirror is not None and not _same_text(disk_mirror, mirror) and in_step(on_disk, disk_mirror, pair.form):
        return _follow(pair, pair.notebook, made)
    return _refuse(pair, "has changes that are not staged, and its mirror is staged")


def _merge(pair: Pair) -> Step:
    """Both, merged. On disk too, where it has what is staged; work that is not staged is not merged unasked."""
    from sahel_nb.notebook.merge_pair import merge_pair

    notebook, mirror = pair.index
    assert notebook is not None
    assert mirror is not None
    if not looks_like_mirror(mirror, pair.form):
        return _not_a_mirror(pair)
    on_disk, text = pair.disk
    if on_disk is None or text is None:
        return _refuse(pair, "and its mirror are both changed, and one of them is not on disk to be merged there too")
    same = strip(on_disk) == notebook
    merged = merge_pair(pair.head, on_disk if same else notebook, mirror, pair.form)
    if merged.problem:
        return _refuse(pair, f"and its mirror say different things: {merged.problem}")
    made = strip(merged.notebook)
    if not (same or strip(on_disk) == made) or not (_same_text(text, mirror) or text == merged.mirror):
        return _refuse(pair, "and its mirror are both changed, and have changes that are not staged")
    whole = merged.notebook if same else None  # else a merge that was interrupted has written it
    return Step(
        Put(pair.notebook, pair.modes[0], made, whole),
        Put(pair.mirror, pair.modes[1], merged.mirror, merged.mirror),
        paths=(pair.notebook, pair.mirror),
        said=f"{shown(pair.notebook)} and {shown(pair.mirror)} were merged by cell",
    )


def _follow(pair: Pair, path: bytes, staged: bytes, disk: bytes | None = None) -> Step:
    source = pair.mirror if path == pair.notebook else pair.notebook
    mode = pair.modes[path == pair.mirror]
    return Step(Put(path, mode, staged, disk), paths=(source, path), said=f"{shown(path)} follows {shown(source)}")


def _same_text(disk: bytes, blob: bytes | None) -> bool:
    """git may have written the file with CRLF."""
    return blob is not None and (disk == blob or disk.replace(b"\r\n", b"\n") == blob.replace(b"\r\n", b"\n"))


def _refuse(pair: Pair, why: str) -> Step:
    name = typed(pair.notebook)
    mend = f"see what differs, then: sahel-nb pair --from notebook {name}   (or --from mirror), and git add both"
    return Step(finding=_finding(pair, f"{why} ({shown(pair.mirror)})", mend))


def _not_a_mirror(pair: Pair) -> Step:
    why = f"would get {shown(pair.mirror)} as its mirror, and that is another file (no jupytext header, no # %%)"
    return Step(finding=_finding(pair, why, "give one of them another name"))


def _finding(pair: Pair, why: str, mend: str) -> Finding:
    return Finding("SNB303", Severity.ERROR, shown(pair.notebook), "", why, mend)
