"""What is known of a version besides its log: its settings in git and on Kaggle, its folder, its age, its outputs."""

from __future__ import annotations

import calendar
import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sahel_nb.errors import SahelError

if TYPE_CHECKING:
    from sahel_nb.cli.context import Context
    from sahel_nb.kernels.model import KernelRef, LogRecord
    from sahel_nb.kernels.rules import Facts
    from sahel_nb.kernels.settings import Settings
    from sahel_nb.kernels.stamp import Stamp
    from sahel_nb.run.plan import Source

HOURS = {"cpu": 12, "tpu": 9}
"""What a session may take at most where no limit was set."""


@dataclass(frozen=True)
class Version:
    """A version of a kernel, from both sides; either may be unknown."""

    settings: Settings | None
    stamp: Stamp | None
    source: Source | None


def version(context: Context, ref: KernelRef, number: int, folder: str | None) -> Version:
    """Read what Kaggle has of a version, and the commit that its stamp names. Raises what Kaggle's answer does."""
    from sahel_nb.kernels.settings import settings_of
    from sahel_nb.kernels.stamp import Stamp

    settings = settings_of(context.kaggle, ref, number)
    stamp = Stamp.find(settings.source) if settings else None
    return Version(settings, stamp, committed(context, stamp.commit if stamp else "", folder))


def mismatch(known: Version) -> str:
    """Where Kaggle's copy is not what the commit of its stamp has; empty where it is, or the commit is not here."""
    from sahel_nb.kernels.proof import compare
    from sahel_nb.run.ledger import differs

    settings, stamp, source = known.settings, known.stamp, known.source
    if settings is None or stamp is None or source is None:
        return ""
    try:
        return differs(compare(settings.source, source.code, notebook=source.is_notebook, nonce=stamp.nonce))
    except SahelError:
        return ""


def committed(context: Context, commit: str, folder: str | None) -> Source | None:
    """The kernel of `folder` as a commit has it, wherever it lay then; None where the commit cannot be had.

    A commit that is not in this clone is fetched.
    """
    from sahel_nb.repo.kept_commits import bring
    from sahel_nb.run.select import kernels_in

    if not commit or folder is None or not bring(context.worktree, commit):
        return None
    found, now = _source(context, commit, folder), _source(context, context.worktree.head(), folder)
    if now is None or (found is not None and found.metadata.ref == now.metadata.ref):
        return found
    name = str(now.metadata.ref).lower()
    moved = [kernel.folder for kernel in kernels_in(context.worktree, commit) if kernel.id.lower() == name]
    return _source(context, commit, moved[0]) if moved else found


def _source(context: Context, commit: str, folder: str) -> Source | None:
    from sahel_nb.cli import assembly

    try:
        return assembly.source_of(context, commit, folder)
    except SahelError:
        return None


def facts(context: Context, known: Version, *, outputs: int | None = None, busy: bool = False) -> Facts:
    """The facts of a version, as far as they are known. The metadata in git says what was asked for."""
    from sahel_nb.kernels.rules import Facts
    from sahel_nb.repo import objects

    source, settings = known.source, known.settings
    given = settings.raw if settings else {}
    asked = json.loads(source.metadata.to_json()) if source else given

    def names(key: str) -> tuple[str, ...]:
        return source.metadata.sources(key) if source else tuple(given.get(key, ()))

    beside: tuple[str, ...] = ()
    if source:
        entries = objects.list_tree(context.worktree, source.commit.sha, source.folder, recursive=False)
        own = (source.code_path, source.mirror_path)
        paths = [entry.path.decode("utf-8", "surrogateescape") for entry in entries]
        beside = tuple(path.rsplit("/", 1)[-1] for path in paths if path not in own)
    tpu = source.metadata.uses_tpu if source else bool(given.get("enable_tpu"))
    known_at_all = source is not None or settings is not None
    return Facts(
        internet=bool(asked.get("enable_internet")) if known_at_all else None,
        gpu=(source.metadata.uses_gpu if source else bool(given.get("enable_gpu"))) if known_at_all else None,
        tpu=tpu if known_at_all else None,
        asked_shape=str(asked.get("machine_shape") or ""),
        given_shape=settings.shape if settings else "",
        datasets=names("dataset_sources"),
        competitions=names("competition_sources"),
        kernels=names("kernel_sources"),
        models=names("model_sources"),
        beside=beside,
        source=code_of(settings.source if settings else ""),
        outputs=outputs,
        age=age(known.stamp) if busy else None,
        embedded=context.is_embedded,
        inputs=context.embedded_folder.root if context.is_embedded else Path(),
        limit=3600.0 * HOURS["tpu" if tpu else "cpu"],
    )


def age(stamp: Stamp | None) -> float | None:
    """Seconds since the attempt that a stamp belongs to; its run's id begins with the time."""
    try:
        moment = time.strptime((stamp.run_id if stamp else "").partition("-")[0], "%Y%m%dT%H%M%SZ")
    except ValueError:
        return None
    return max(0.0, time.time() - calendar.timegm(moment))


def code_of(source: str) -> str:
    """The code of a source as Kaggle has it: a notebook's code cells, or the script itself."""
    try:
        cells = json.loads(source)["cells"]
        texts = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        return "\n".join(text if isinstance(text, str) else "".join(text) for text in texts)
    except (ValueError, KeyError, TypeError):
        return source


def listen(context: Context, ref: KernelRef, number: int, patience: float) -> tuple[LogRecord, ...]:
    """What a running version has said so far, as far as the live stream tells it within `patience` seconds."""
    heard: list[LogRecord] = []

    def hear() -> None:
        try:
            for record in context.kaggle.stream(ref, number):
                if record is None:
                    return
                heard.append(record)
        except SahelError:
            return  # a token that may not read sessions, or a line that was cut: then nothing was heard

    listener = threading.Thread(target=hear, daemon=True)
    listener.start()
    listener.join(patience)
    return tuple(heard)
