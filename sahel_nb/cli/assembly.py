"""What several commands need in the same way: the kernel that was meant, its lock, who is asking."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

import click

from sahel_nb.errors import Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sahel_nb.cli.context import Context
    from sahel_nb.kernels.model import KernelRef
    from sahel_nb.lock.backend import Tip
    from sahel_nb.lock.client import LockClient
    from sahel_nb.lock.git_refs import GitRefs
    from sahel_nb.lock.record import Record
    from sahel_nb.lock.tip_file import TipFile
    from sahel_nb.run.execute import Places, Who
    from sahel_nb.run.plan import Source
    from sahel_nb.run.select import Selection


@dataclass(frozen=True)
class Asked:
    """A kernel, and a version where one was named. `selection` is None for a bare `owner/slug`."""

    ref: KernelRef
    version: int | None
    selection: Selection | None
    dev: bool = False

    @property
    def name(self) -> str:
        """What `run` knows the kernel by: its folder in this repository, where it has one."""
        return self.selection.kernel.folder or self.selection.kernel.id if self.selection else str(self.ref)


def asked(context: Context, argument: str | None, *, dev: bool = False) -> Asked:
    """Resolve KERNEL against the repository's HEAD; `owner/slug` alone needs no repository."""
    from sahel_nb.run.select import parse_ref, select

    verb = click.get_current_context().command_path.removeprefix("sahel-nb ")
    try:
        worktree = context.worktree
        selection = select(worktree, worktree.head(), argument, context.cwd, verb=verb)
    except (UsageError, Refused):  # no such kernel here; no repository, or no commit in it
        if argument is None or "/" not in argument:
            raise
        try:
            ref, version = parse_ref(argument)
        except UsageError:
            ref = None
        if ref is None:
            raise
        return Asked(ref, version, None)
    shared = source_of(context, worktree.head(), selection.kernel.folder).metadata.ref
    ref = dev_ref(context, shared)[0] if dev else shared
    return Asked(ref, selection.version, selection, dev)


def source_of(context: Context, commit: str, folder: str) -> Source:
    """A kernel as `commit` has it, with its mirror where pairing puts it."""
    from sahel_nb.hooks.forms import Forms
    from sahel_nb.hooks.settings import Personal
    from sahel_nb.hooks.staged import Repository
    from sahel_nb.run.plan import read_source

    repository = Repository(context.worktree)
    forms = Forms.of(repository, Personal.of(repository).settings(repository.config_file()))
    return read_source(context.worktree, commit, folder, forms.of_notebook)


def dev_ref(context: Context, shared: KernelRef) -> tuple[KernelRef, str]:
    """The personal slug of the git user for a shared kernel, under their own account; a title that resolves to it."""
    from sahel_nb.kernels.metadata import title_for
    from sahel_nb.kernels.model import KernelRef
    from sahel_nb.repo.identity import dev_slug, git_user

    owner = context.config.dev.owner or context.kaggle.account().username
    slug = dev_slug(context.config.dev.pattern, shared.slug, git_user(context.worktree))
    return KernelRef(owner, slug), title_for(slug)


def lock_of(context: Context, ref: KernelRef) -> LockClient:
    """The lock of a shared kernel, on the remote that the repository's config names."""
    from sahel_nb.lock.client import LockClient
    from sahel_nb.lock.clock import SystemClock
    from sahel_nb.lock.team import require_no_difference
    from sahel_nb.repo.identity import git_user
    from sahel_nb.run.lock_view import LockView

    require_no_difference(context.worktree, context.config.lock, os.environ)
    backend, remote_id = backend_of(context, ref)
    return LockClient(
        backend,
        LockView(context.kaggle, ref),
        SystemClock(),
        context.reporter,
        kernel=str(ref),
        lock_remote_id=remote_id,
        ttl=context.lock_home.config.ttl,
        is_dead=is_dead(context),
        actor=str(git_user(context.worktree)),
        host=_host(),
        url_of=lambda _version: context.kaggle.web_url(ref),
        memory=memory_of(context, str(ref)),
    )


def memory_of(context: Context, kernel: str) -> TipFile:
    """What this clone remembers of the newest record of a kernel's lock."""
    from sahel_nb.lock.tip_file import TipFile

    home = context.lock_home
    return TipFile(context.worktree.state_dir() / "locks", f"{home.remote_id} {home.prefix}", kernel)


def look(context: Context, kernel: str) -> tuple[Tip | None, tuple[str, ...]]:
    """The newest record of a kernel's lock, and the alarms that somebody has to look into: those on it that nobody has
    acknowledged, and that it has lost what this clone remembers."""
    from sahel_nb.lock.alarms import unacknowledged
    from sahel_nb.lock.chain import went_back

    chain, known = context.lock_home.chain(kernel), memory_of(context, kernel).recall()
    tip = chain.read(known)
    lost = went_back(chain, known, tip)
    alarms = unacknowledged(tip.record.alarms) if tip is not None else ()
    return tip, (*alarms, *((lost,) if lost and lost not in alarms else ()))


def backend_of(context: Context, ref: KernelRef) -> tuple[GitRefs, str]:
    """The chain of a kernel's lock on the committed lock remote, and one name for that remote."""
    home = context.lock_home
    return home.chain(str(ref)), home.remote_id


def is_dead(context: Context) -> Callable[[Record], bool]:
    """Whether a record was written by a process of this very clone that is gone."""
    from sahel_nb.run import journal

    folder = journal_folder(context)
    return lambda record: journal.is_dead(folder, record.stamp)


def journal_folder(context: Context) -> Path:
    return context.worktree.state_dir() / "runs"


def attach_command(context: Context, shared: str, *, dev: bool = False) -> str:
    """What to type to go on with a run, from any clone."""
    return f"sahel-nb attach{' --dev' if dev else ''}{' --local' if context.local else ''} {quote(shared)}"


def places(context: Context) -> Places:
    from sahel_nb.run.execute import Places

    return Places(journal_folder(context), context.worktree.root, outputs_folder(context))


def mismatches(context: Context, ref: KernelRef) -> dict[str, str]:
    """By run id: what this clone knows of versions whose copy on Kaggle was not what was pushed."""
    from sahel_nb.run import ledger

    return ledger.mismatches(context.worktree.root / outputs_folder(context), ref, context.target.name)


def outputs_folder(context: Context) -> str:
    """Where runs go, from the root. Raises `LeadsOut` where a link takes it out of the repository."""
    from pathlib import PurePosixPath

    from sahel_nb.links import inside

    outputs = str(PurePosixPath(context.config.run.outputs))
    root = str(context.worktree.root)
    inside(f"{root}/{outputs}/x", outputs, root)  # what lies in it is what must not lie elsewhere
    return outputs


def who(context: Context) -> Who:
    from sahel_nb.repo.identity import git_user
    from sahel_nb.run.execute import Who

    return Who(str(git_user(context.worktree)), context.kaggle.account().username, _host(), context.target.name)


def _host() -> str:
    return platform.node() or "unknown"


def version_of(context: Context, what: Asked) -> int:
    """The version that was named, else the current one. Raises `UsageError` where there is none."""
    if what.version is not None:
        return what.version
    kernel = context.kaggle.kernel(what.ref)
    if kernel is None or kernel.current_version == 0:
        raise UsageError(
            f"Kaggle has no kernel {what.ref} that {context.kaggle.account().username} may see",
            hints=(
                f"sahel-nb run{' --dev' if what.dev else ''} {quote(what.name)}"
                if what.selection
                else "sahel-nb status",
            ),
        )
    return kernel.current_version
