"""`sahel-nb lock acquire, release, break, ack`: the lock of one kernel by hand."""

from __future__ import annotations

import secrets
from shlex import quote
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.cli.signals import as_interrupts
from sahel_nb.errors import UsageError

if TYPE_CHECKING:
    from sahel_nb.lock.client import LockClient

_KERNEL = click.argument("kernel", required=False, metavar="[KERNEL]")


@click.command(epilog='Example: sahel-nb lock acquire fula-lid --reason "moving the datasets"')
@_KERNEL
@click.option("--reason", required=True, metavar="TEXT", help="Why; everybody who wants to run it reads this.")
@click.option("--wait", metavar="[TIME]", is_flag=False, flag_value="", help="Stand in line for it: 10m, 2h, no end.")
@as_interrupts()
def acquire(kernel: str | None, reason: str, wait: str | None) -> None:
    """Hold a kernel by hand, for maintenance: nobody runs it until you release it.

    It never expires.
    """
    from sahel_nb.lock.grants import Intent
    from sahel_nb.run.plan import new_run_id

    if not reason.strip():
        raise UsageError(
            "--reason is empty", hints=(f'sahel-nb lock acquire{_word(kernel)} --reason "what you are about to do"',)
        )
    kernel, patience = patience_of(kernel, wait)
    context = Context.here()
    name, client, actor, host = _client(context, kernel)
    intent = Intent(new_run_id(), secrets.token_hex(16), actor, host, "", "", reason)
    record = client.hold(intent, patience).record
    click.echo(f"{name}: HELD by {actor} on {host}, fence {record.fence}")
    context.reporter.say(f"give it back with: $ sahel-nb lock release {name}")


@click.command(epilog="Example: sahel-nb lock release fula-lid")
@_KERNEL
@click.option("--reason", default="", metavar="TEXT", help="A word for the log.")
@as_interrupts()
def release(kernel: str | None, reason: str) -> None:
    """Give back a kernel that you hold by hand; to the first who waits, if somebody does."""
    context = Context.here()
    name, client, actor, _host = _client(context, kernel)
    record = client.release(actor, reason)
    if record is None:
        context.reporter.say(f"{name}: nobody holds it")
        return
    click.echo(f"{name}: {record.state.value}" + (f" to {record.queue[0].actor}" if record.queue else ""))


@click.command("break", epilog='Example: sahel-nb lock break fula-lid --fence 7 --reason "Awa is on leave"')
@_KERNEL
@click.option("--fence", type=click.IntRange(1), help="Which grant; `lock show` tells it.  [required]")
@click.option("--reason", metavar="TEXT", help="Why. It stays on record for ever.  [required]")
@click.option("--force", is_flag=True, help="Even while Kaggle says that a run is on, or does not answer.")
@as_interrupts()
def break_(kernel: str | None, fence: int | None, reason: str | None, force: bool) -> None:
    """End somebody's lock, whoever has it.

    Hardly ever needed: what is over is cleared away by the next `run` or `attach`. Refuses while a run is on.
    """
    if fence is None or reason is None:
        name = _word(kernel)
        raise UsageError(
            "a lock is broken by its fence, which says that you looked whose it is, and with a reason",
            hints=(f"sahel-nb lock show{name}", f"sahel-nb lock break{name} --fence N --reason TEXT"),
        )
    context = Context.here()
    name, client, _actor, _host = _client(context, kernel)
    record = client.break_lock(fence=fence, reason=reason, force=force)
    click.echo(f"{name}: {record.state.value}" + (f" to {record.queue[0].actor}" if record.queue else ""))


@click.command(epilog='Example: sahel-nb lock ack fula-lid --reason "v7 was a test in the web page"')
@_KERNEL
@click.option("--reason", required=True, metavar="TEXT", help="What they were. It stays on record for ever.")
@as_interrupts()
def ack(kernel: str | None, reason: str) -> None:
    """Say that you have looked into the alarms of a kernel's lock: they are shown to nobody any more.

    Where the remote went back, this also takes what it has now for good; until then nothing is run from this clone.
    """
    from sahel_nb.cli import assembly

    if not reason.strip():
        raise UsageError(
            "--reason is empty", hints=(f'sahel-nb lock ack{_word(kernel)} --reason "what the alarms were"',)
        )
    context = Context.here()
    ref = assembly.asked(context, kernel).ref
    acknowledged = assembly.lock_of(context, ref).acknowledge(reason)
    if acknowledged is None:
        context.reporter.say(f"{ref}: there is nothing to acknowledge")
        return
    for text in acknowledged:
        click.echo(f"{ref}: acknowledged: {text}")


def patience_of(kernel: str | None, wait: str | None) -> tuple[str | None, float]:
    """How long `--wait [TIME]` waits: not at all, for a time, or without end. The shell cannot tell whether the word
    behind it is its time or the kernel: what is no time is the kernel."""
    from sahel_nb.cli.run import seconds

    if wait is None:
        return kernel, 0.0
    if wait == "":
        return kernel, float("inf")
    try:
        return kernel, float(seconds(wait))
    except UsageError:
        if kernel is not None:
            raise
        return wait, float("inf")


def _client(context: Context, kernel: str | None) -> tuple[str, LockClient, str, str]:
    from sahel_nb.cli import assembly

    ref = assembly.asked(context, kernel).ref
    person = assembly.who(context)
    return str(ref), assembly.lock_of(context, ref), person.actor, person.host


def _word(kernel: str | None) -> str:
    """KERNEL as it was typed, for a command to type next."""
    return f" {quote(kernel)}" if kernel else ""
