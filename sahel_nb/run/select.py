"""Which kernel is meant: a folder, a folder's name, `owner/slug`, or the only one there is; `@v7` names a version."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shlex import quote

from sahel_nb.errors import UsageError
from sahel_nb.kernels import metadata
from sahel_nb.kernels.model import KernelRef, parse_version
from sahel_nb.repo import objects
from sahel_nb.repo.worktree import Worktree

LONGEST = 200
"""Characters of a name that was typed and is not there."""


@dataclass(frozen=True)
class Kernel:
    """A kernel as a commit has it: its folder from the root ("" for the root itself) and its `id`, as written."""

    folder: str
    id: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.folder).name or self.id


@dataclass(frozen=True)
class Selection:
    kernel: Kernel
    version: int | None = None


def kernels_in(worktree: Worktree, commit: str) -> tuple[Kernel, ...]:
    """Every folder of the commit that holds a kernel-metadata.json, in path order."""
    name = metadata.FILE_NAME.encode("ascii")
    files = [
        entry
        for entry in objects.list_tree(worktree, commit)
        if entry.path.rpartition(b"/")[2] == name and entry.mode.startswith("100")
    ]
    contents = objects.blobs(worktree, [entry.oid for entry in files])
    found = [Kernel(os.fsdecode(entry.path.rpartition(b"/")[0]), _id(contents[entry.oid])) for entry in files]
    return tuple(sorted(found, key=lambda kernel: kernel.folder))


def select(worktree: Worktree, commit: str, argument: str | None, cwd: Path, *, verb: str = "run") -> Selection:
    """Find the kernel. Raises `UsageError` that names the candidates when it is none or more than one.

    `verb` is the command that was typed, for the hint.
    """
    kernels = kernels_in(worktree, commit)
    if not kernels:
        raise UsageError(
            "no kernel is committed here: no folder of this commit has a kernel-metadata.json",
            hints=("sahel-nb new my-kernel --owner YOUR-KAGGLE-NAME",),
        )
    if argument == "":  # "$KERNEL" of a script in which nobody set it: the only kernel is not what was meant
        raise UsageError("KERNEL is empty", hints=(f"sahel-nb {verb} {_nearest(kernels, '')}",))
    text, _, label = (argument or "").partition("@")
    version = parse_version(label) if label else None
    candidates = _matching(kernels, text, worktree.root, cwd)
    if len(candidates) == 1:
        return Selection(candidates[0], version)
    names = tuple(f"{kernel.folder or '.'}  ({kernel.id})" for kernel in candidates or kernels)
    if not candidates:
        short = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        said = f"no kernel of this commit is called {short!r}"
        raise UsageError(said, details=names, hints=(f"sahel-nb {verb} {_nearest(kernels, text)}",))
    first = quote(candidates[0].folder or candidates[0].id)
    raise UsageError("which kernel? there is more than one", details=names, hints=(f"sahel-nb {verb} {first}",))


def _matching(kernels: tuple[Kernel, ...], text: str, root: Path, cwd: Path) -> tuple[Kernel, ...]:
    here = _inside(cwd, root)
    if not text:
        # The kernel of the current folder: the nearest one at or above it.
        if here is not None:
            above = [
                kernel
                for kernel in kernels
                if kernel.folder and (here == kernel.folder or here.startswith(kernel.folder + "/"))
            ]
            if above:
                return (max(above, key=lambda kernel: len(kernel.folder)),)
        return kernels
    path = _inside((cwd / text), root)
    by_folder = tuple(kernel for kernel in kernels if path is not None and kernel.folder == path)
    if by_folder:
        return by_folder
    by_id = tuple(kernel for kernel in kernels if kernel.id.lower() == text.lower())
    if by_id:
        return by_id
    named = tuple(kernel for kernel in kernels if kernel.name == text or kernel.id.partition("/")[2] == text)
    # From a subfolder, too, folders may be called as messages and `status` call them: from the root.
    return named or tuple(kernel for kernel in kernels if kernel.folder and kernel.folder == text.rstrip("/"))


def _nearest(kernels: tuple[Kernel, ...], text: str) -> str:
    """What was probably meant, to be typed; KERNEL where that is anybody's guess."""
    from difflib import get_close_matches

    names = {name: kernel for kernel in kernels for name in (kernel.folder, kernel.name, kernel.id)}
    near = get_close_matches(text, names, n=1)
    if not near and len(kernels) > 1:
        return "KERNEL"
    kernel = names[near[0]] if near else kernels[0]
    return quote(kernel.folder or kernel.id)


def _inside(path: Path, root: Path) -> str | None:
    try:
        relative = path.resolve().relative_to(root.resolve())
    except ValueError:
        return None
    return "" if str(relative) == "." else relative.as_posix()


def _id(data: bytes) -> str:
    try:
        value = json.loads(data)["id"]
    except (ValueError, KeyError, TypeError):
        return "?"
    return value if isinstance(value, str) else "?"


def parse_ref(text: str) -> tuple[KernelRef, int | None]:
    """`owner/slug[@vN]` without a repository."""
    name, _, label = text.partition("@")
    return KernelRef.parse(name), parse_version(label) if label else None
