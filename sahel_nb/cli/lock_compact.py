"""`sahel-nb lock compact`: the chain of one kernel's lock begins anew, and the old one is archived as a whole."""

from __future__ import annotations

import click

from sahel_nb.cli.context import Context
from sahel_nb.cli.signals import as_interrupts


@click.command(epilog="Example: sahel-nb lock compact fula-lid")
@click.argument("kernel", required=False, metavar="[KERNEL]")
@as_interrupts()
def compact(kernel: str | None) -> None:
    """Archive what happened to one kernel's lock so far, and let its chain begin anew.

    Nothing is forgotten: `sahel-nb lock log` goes on reading in the archive. Only while nobody holds the lock or waits
    for it; and only on a remote that lets a ref be replaced.
    """
    from sahel_nb.cli import assembly
    from sahel_nb.lock.names import archive_ref, lock_ref

    context = Context.here()
    ref = assembly.asked(context, kernel).ref
    tip = assembly.lock_of(context, ref).compact()
    if tip is None:
        context.reporter.say(f"{ref}: there is nothing to compact")
        return
    place = archive_ref(lock_ref(context.lock_home.prefix, str(ref)), tip.record.archive)
    click.echo(f"{ref}: the chain begins anew, with fence {tip.record.fence}; all before it is in {place}")
