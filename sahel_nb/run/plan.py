"""A commit → exactly what will be pushed. Nothing here looks at the worktree's files."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sahel_nb.errors import UsageError
from sahel_nb.kernels.metadata import FILE_NAME, Metadata, is_below
from sahel_nb.kernels.model import KernelRef
from sahel_nb.kernels.stamp import Stamp, stamp_notebook, stamp_script
from sahel_nb.links import typed
from sahel_nb.notebook.form import Form
from sahel_nb.repo import objects
from sahel_nb.repo.objects import CommitInfo
from sahel_nb.repo.worktree import Worktree


@dataclass(frozen=True)
class Source:
    """One kernel as a commit has it. `form` is None where nothing is paired, `mirror` also where it is not there."""

    commit: CommitInfo
    folder: str
    metadata: Metadata
    code: bytes
    mirror_path: str
    mirror: bytes | None
    form: Form | None = None

    @property
    def code_path(self) -> str:
        return _join(self.folder, self.metadata.code_file)

    @property
    def is_notebook(self) -> bool:
        return self.metadata.kernel_type == "notebook"


@dataclass(frozen=True)
class Plan:
    """What one run will push, and under which name. `stamped` is the source with the stamp in it, byte for byte."""

    source: Source
    metadata: Metadata
    dev: bool
    stamp: Stamp
    stamped: bytes

    @property
    def ref(self) -> KernelRef:
        return self.metadata.ref

    @property
    def digest(self) -> str:
        """sha256 of the source as git has it: the same for every attempt at the same commit."""
        return hashlib.sha256(self.source.code).hexdigest()


def _ordinary(_path: bytes, _notebook: bytes) -> Form | None:
    return Form()


def unpaired(_path: bytes, _notebook: bytes) -> Form | None:
    return None


def read_source(
    worktree: Worktree, commit: str, folder: str, form_of: Callable[[bytes, bytes], Form | None] = _ordinary
) -> Source:
    """Read a kernel from the commit. `form_of` says of a notebook's path and content how its mirror is written, and so
    where it lies; None where it has none.

    Raises `UsageError` where the folder is no kernel.
    """
    where = _join(folder, FILE_NAME)
    data = objects.read_blob(worktree, commit, where)
    if data is None:
        raise UsageError(f"commit {commit[:12]} {_has_no(worktree, commit, where)}")
    metadata = Metadata.from_json(data, where)
    if not is_below(metadata.code_file):
        raise UsageError(f"{where}: `code_file` must name a file beside it or below, not {metadata.code_file!r}")
    code_path = _join(folder, metadata.code_file)
    code = objects.read_blob(worktree, commit, code_path)
    if code is None:
        raise UsageError(
            f"commit {commit[:12]} {_has_no(worktree, commit, code_path)}, which {where} names as `code_file`",
            hints=(f"git add {typed(code_path)} && git commit",),
        )
    form = form_of(os.fsencode(code_path), code) if metadata.kernel_type == "notebook" else None
    place = form.mirror_path(os.fsencode(code_path)) if form is not None else None
    mirror_path = os.fsdecode(place) if place is not None else ""
    text = objects.read_blob(worktree, commit, mirror_path) if mirror_path else None
    return Source(
        objects.commit_info(worktree, commit), folder, metadata, code, mirror_path, text, form if mirror_path else None
    )


def _has_no(worktree: Worktree, commit: str, path: str) -> str:
    """Where a link leads is on somebody's disk, and not in git: it is never what runs."""
    return f"has only a link as {path}" if objects.is_link(worktree, commit, path) else f"has no {path}"


def new_run_id() -> str:
    """Sortable by time, unique: `20261121T091503Z-4f1c2a`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(3)


def began(run_id: str) -> str:
    """When an attempt was made: `20261121T091503Z-4f1c2a` → `2026-11-21T09:15:03Z`."""
    text = run_id.partition("-")[0]
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[9:11]}:{text[11:13]}:{text[13:15]}Z"


def make_plan(source: Source, *, dev_ref: KernelRef | None = None, dev_title: str = "") -> Plan:
    """Stamp the source for one attempt, under the shared name or the personal one."""
    stamp = Stamp(source.commit.sha, new_run_id(), secrets.token_hex(16))
    metadata = source.metadata if dev_ref is None else source.metadata.renamed(dev_ref, dev_title)
    try:
        if source.is_notebook:
            stamped = stamp_notebook(source.code, stamp)
        else:
            stamped = stamp_script(source.code, stamp, markdown=metadata.language == "rmarkdown")
    except UsageError as exc:
        raise UsageError(
            f"{source.code_path} at {source.commit.short}: {exc.message}",
            hints=(f"sahel-nb lint {typed(source.code_path)}",),
        ) from exc
    return Plan(source, metadata, dev_ref is not None, stamp, stamped)


def write_payload(plan: Plan, folder: Path) -> None:
    """The folder that is pushed: metadata with every field explicit, and the stamped source. Nothing else goes."""
    code = plan.metadata.code_file.rpartition("/")[2]
    metadata = replace(plan.metadata, code_file=code)
    for name, data in ((FILE_NAME, metadata.to_json()), (code, plan.stamped)):
        with (folder / name).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
