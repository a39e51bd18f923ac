"""`sahel-nb lock reset`: a lead goes on from a lock that nobody can go on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.cli.signals import as_interrupts
from sahel_nb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(epilog='Example: sahel-nb lock reset fula-lid --reason "a record that nobody can read"')
@click.argument("kernel", required=False, metavar="[KERNEL]")
@click.option("--all", "everything", is_flag=True, help="Every lock that nobody can go on from.")
@click.option("--reason", required=True, metavar="TEXT", help="Why. It stays on record for ever.")
@as_interrupts()
def reset(kernel: str | None, everything: bool, reason: str) -> None:
    """Free a lock that is unreadable, illegal or not believed, by a lead's record on top of it.

    What was there stays on the chain, and an alarm names it. A lock that is in order is not touched.
    """
    import os
    import platform

    from sahel_nb.cli import assembly
    from sahel_nb.lock.chain import Chain
    from sahel_nb.lock.clock import SystemClock
    from sahel_nb.lock.reset import reset as write
    from sahel_nb.lock.team import require_no_difference
    from sahel_nb.repo.identity import git_user

    if not reason.strip():
        raise UsageError("--reason is empty", hints=("sahel-nb lock list",))
    if everything and kernel is not None:
        raise UsageError("either a kernel or --all", hints=("sahel-nb lock list",))
    context = Context.here()
    require_no_difference(context.worktree, context.config.lock, os.environ)
    home, actor, host = context.lock_home, str(git_user(context.worktree)), platform.node() or "unknown"
    names = _all(context) if everything else (str(assembly.asked(context, kernel).ref),)
    for name in names:
        backend = home.chain(name)
        chain = Chain(
            backend, SystemClock(), context.reporter,
            kernel=name, by=f"{actor} on {host}", memory=assembly.memory_of(context, name),
        )  # fmt: skip
        done = write(chain, backend, remote_id=home.remote_id, actor=actor, host=host, reason=reason)
        click.echo(f"{name}: {done.record.state.value}, fence {done.record.fence}")


def _all(context: Context) -> Sequence[str]:
    from sahel_nb.lock.listing import list_locks

    home = context.lock_home
    found = tuple(one.kernel for one in list_locks(home.refs, home.prefix, home.rules) if one.record is None)
    if not found:
        context.reporter.say("every lock is in order: there is nothing to reset")
    return found
