"""Pairs on disk: what `sahel-nb pair` and the hook `pair FILES` do.

The direction is decided against HEAD. Without a change nothing is read, and jupytext is not imported.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.errors import UsageError
from sahel_nb.hooks.inplace import read_if_there, replace
from sahel_nb.hooks.pairing import NOTEBOOK, is_notebook, mirror_path
from sahel_nb.hooks.staged import Repository, parse_raw
from sahel_nb.notebook.document import NotebookError, parse
from sahel_nb.notebook.merge_mirror import resolved_half
from sahel_nb.notebook.pair import Direction, decide, extension, in_step, looks_like_mirror, mirror_of, notebook_from


@dataclass(frozen=True)
class Outcome:
    """What became of one pair. `problem` is empty, or says why nothing was written."""

    notebook: bytes
    mirror: bytes
    direction: Direction
    problem: str = ""

    @property
    def written(self) -> tuple[bytes, ...]:
        """The halves that were written: both where they were merged."""
        if self.problem or self.direction is Direction.NOTHING:
            return ()
        merged = (self.notebook, self.mirror)
        return {Direction.TO_MIRROR: merged[1:], Direction.TO_NOTEBOOK: merged[:1]}.get(self.direction, merged)

    @property
    def said(self) -> str:
        """For people."""
        written = " and ".join(map(_shown, self.written))
        if len(self.written) > 1:
            return f"{written} were merged by cell"
        return self.problem or f"{written} was brought in step"


def pair(
    repository: Repository, fmt: str, files: Sequence[Path] = (), *, force: Direction | None = None, check: bool = False
) -> list[Outcome]:
    """Bring pairs in step; those of `files`, or all in the repository. Only what happened to a pair is returned.

    `check` writes nothing and compares every pair by content. `force` sets the direction, for a conflict.
    """
    names = _named(repository, files, fmt) if files else _all(repository)
    opted_out = repository.opted_out(names)
    names = [name for name in names if name not in opted_out]
    changed = None if check or force or files else _changed(repository)
    found = []
    for name in names:
        mirror = mirror_path(name, fmt)
        if changed is not None and name not in changed and mirror not in changed:
            continue
        try:
            outcome = _one(repository, name, mirror, fmt, force, check)
        except NotebookError as exc:
            outcome = Outcome(name, mirror, Direction.CONFLICT, exc.message)
        if outcome.direction is not Direction.NOTHING:
            found.append(outcome)
    return found


def _one(repository: Repository, name: bytes, mirror: bytes, fmt: str, force: Direction | None, check: bool) -> Outcome:
    now = (read_if_there(repository.disk(name)), read_if_there(repository.disk(mirror)))
    if check and now[0] is not None and now[1] is not None:
        agree = looks_like_mirror(now[1]) and in_step(now[0], now[1], fmt)
        return Outcome(name, mirror, Direction.NOTHING if agree else Direction.CONFLICT, "" if agree else "out of step")
    head = (_head(repository, name), _head(repository, mirror))
    direction = force or resolved_half(*now) or decide(*head, *now, fmt)
    if direction is Direction.CONFLICT:
        return Outcome(name, mirror, direction, _merge(repository, (name, mirror), head, now, fmt))
    if direction is Direction.NOTHING:
        return Outcome(name, mirror, direction)
    if now[1] is not None and not looks_like_mirror(now[1]):
        if direction is Direction.TO_NOTEBOOK and not force:
            return Outcome(name, mirror, Direction.NOTHING)  # an ordinary module that bears the notebook's name
        return Outcome(name, mirror, Direction.CONFLICT, _no_mirror(mirror))
    if direction is Direction.TO_MIRROR:
        target, old, made = mirror, now[1], mirror_of(_there(now[0], name), fmt)
    else:
        target, old = name, now[0]
        base = _readable(old) or _readable(head[0])
        made = notebook_from(_there(now[1], mirror), base, fmt)
    if made == old:
        return Outcome(name, mirror, Direction.NOTHING)
    if check:
        return Outcome(name, mirror, direction, "out of step")
    replace(repository.disk(target), made)
    return Outcome(name, mirror, direction)


def _merge(
    repository: Repository,
    paths: tuple[bytes, bytes],
    head: tuple[bytes | None, bytes | None],
    now: tuple[bytes | None, bytes | None],
    fmt: str,
) -> str:
    """Write both halves merged, or say why neither is."""
    from sahel_nb.notebook.merge_pair import merge_pair

    notebook, mirror = (_there(data, path) for data, path in zip(now, paths, strict=True))
    if not looks_like_mirror(mirror):
        return _no_mirror(paths[1])
    merged = merge_pair(head, notebook, mirror, fmt)
    if not merged.problem:
        # The notebook first: with the other half's edits in it, it merges with the old mirror to the same again.
        replace(repository.disk(paths[0]), merged.notebook)
        replace(repository.disk(paths[1]), merged.mirror)
    return merged.problem


def _no_mirror(path: bytes) -> str:
    return f"{_shown(path)} is no mirror (no jupytext header, no # %%): give one of them another name"


def _readable(notebook: bytes | None) -> bytes | None:
    """A notebook to take outputs and metadata from; one with conflict markers has none to give."""
    if notebook is None:
        return None
    try:
        parse(notebook)
    except NotebookError:
        return None
    return notebook


def _there(data: bytes | None, path: bytes) -> bytes:
    if data is None:
        raise UsageError(f"{_shown(path)} is not there")
    return data


def _head(repository: Repository, path: bytes) -> bytes | None:
    answer = repository.git("cat-file", "blob", b"HEAD:" + path, check=False)
    return answer.stdout if answer.returncode == 0 else None


def _all(repository: Repository) -> list[bytes]:
    """Notebooks that git knows, or would know after `git add .`."""
    answer = repository.git("ls-files", "-z", "-c", "-o", "--exclude-standard", "--", "*.ipynb")
    names = sorted({path for path in answer.stdout.split(b"\0") if path and is_notebook(path)})
    return [name for name in names if repository.disk(name).exists()]


def _changed(repository: Repository) -> set[bytes]:
    """Paths whose content on disk may differ from HEAD, untracked ones included."""
    if repository.git("rev-parse", "--verify", "--quiet", "HEAD", check=False).returncode != 0:
        answer = repository.git("ls-files", "-z", "-c", "-o", "--exclude-standard")
        return set(answer.stdout.split(b"\0"))
    differing = repository.git("diff-index", "--raw", "-z", "--no-renames", "--no-abbrev", "HEAD", "--")
    untracked = repository.git("ls-files", "-z", "-o", "--exclude-standard")
    return {change.path for change in parse_raw(differing.stdout)} | set(untracked.stdout.split(b"\0"))


def _named(repository: Repository, files: Sequence[Path], fmt: str) -> list[bytes]:
    """Either half names its pair. A .py without a notebook beside it is none."""
    suffix = extension(fmt)
    root = repository.worktree.root
    found: dict[bytes, None] = {}
    for file in files:
        try:
            # Not resolve(): a link in the tree is a path of its own.
            path = os.fsencode(Path(os.path.abspath(file)).relative_to(root).as_posix())  # noqa: PTH100  keeps links
        except ValueError:
            raise UsageError(f"{file} is not in {root}") from None
        if file.suffix == suffix:
            path = path[: -len(suffix)] + NOTEBOOK
            if not repository.disk(path).exists():
                continue
        elif not is_notebook(path):
            continue
        if not repository.disk(path).exists() and not repository.disk(mirror_path(path, fmt)).exists():
            raise UsageError(f"{file} is not there")
        found[path] = None
    return list(found)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
