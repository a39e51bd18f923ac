"""`sahel-nb lock list, show, log`: what the shared remote says, without asking Kaggle and without changing anything.

What changes something stands beside it: `lock_by_hand`, `lock_reset`, `lock_compact`, `lock_init` and `lock_doctor`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sahel_nb.cli.context import Context
from sahel_nb.cli.lock_by_hand import ack, acquire, break_, release
from sahel_nb.cli.lock_compact import compact
from sahel_nb.cli.lock_doctor import doctor
from sahel_nb.cli.lock_init import init
from sahel_nb.cli.lock_install_hook import install_hook
from sahel_nb.cli.lock_reset import reset
from sahel_nb.cli.lock_verify import verify
from sahel_nb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahel_nb.lock.git_refs import GitRefs
    from sahel_nb.lock.listing import Listed
    from sahel_nb.lock.record import Record

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
_KERNEL = click.argument("kernel", required=False, metavar="[KERNEL]")
_ALL = 2**31 - 1  # what git takes for the depth of everything


@click.group(epilog="Example: sahel-nb lock list")
def lock() -> None:
    """Look at the locks on the shared remote, and take, give back or break one by hand."""


for _command in (acquire, release, break_, reset, ack, compact, init, install_hook, doctor):
    lock.add_command(_command)


@lock.command("list", epilog="Example: sahel-nb lock list --json")
@_JSON
def list_(as_json: bool) -> None:
    """Show every kernel's lock: who holds it, or how its last run ended."""
    from sahel_nb.lock.listing import list_locks

    context = Context.here()
    home = context.lock_home
    locks = list_locks(home.refs, home.prefix, home.rules)
    alarms = _alarms(context, locks)
    if as_json:
        _print_json("list", locks=[_listed(item, alarms[item.kernel]) for item in locks])
        return
    if not locks:
        context.reporter.say(f"no kernel was ever locked at {home.refs.remote}")
    width = max((len(item.kernel) for item in locks), default=0)
    for item in locks:
        line = _line(item.record) if item.record else f"UNREADABLE  {item.trouble}"
        click.echo(f"{item.kernel:<{width}}  {line}{_mark(alarms[item.kernel])}")
    for kernel, texts in alarms.items():
        _warn(context, kernel, texts)


def _alarms(context: Context, locks: Sequence[Listed]) -> dict[str, tuple[str, ...]]:
    """By kernel, listed or gone: what somebody has to look into. A lock that stands as this clone saw it last, or one
    record further, needs no second look."""
    from sahel_nb.cli.assembly import look, memory_of
    from sahel_nb.lock.alarms import unacknowledged

    found = {item.kernel: unacknowledged(item.record.alarms) if item.record else () for item in locks}
    for item in locks:
        known = memory_of(context, item.kernel).recall() if item.record else None
        if known is not None and known.oid not in (item.oid, *item.parents):
            found[item.kernel] = look(context, item.kernel)[1]
    for kernel in memory_of(context, "").kernels():
        if kernel not in found and (alarms := look(context, kernel)[1]):
            found[kernel] = alarms
    return found


def _mark(alarms: Sequence[str]) -> str:
    return f"; {len(alarms)} alarm{'s' * (len(alarms) > 1)}, see below" if alarms else ""


def _warn(context: Context, kernel: str, alarms: Sequence[str]) -> None:
    from sahel_nb.report.events import Level

    for text in alarms:
        context.reporter.say(f"{kernel}: {text}", Level.WARN)
    if alarms:
        context.reporter.say(f"when you have looked into it: $ sahel-nb lock ack {kernel} --reason TEXT")


@lock.command(epilog="Example: sahel-nb lock show awa/fula-lid")
@_KERNEL
@_JSON
def show(kernel: str | None, as_json: bool) -> None:
    """Show one kernel's lock in full."""
    context = Context.here()
    from sahel_nb.cli.assembly import asked, look

    name = str(asked(context, kernel).ref)
    tip, alarms = look(context, name)
    if as_json:
        record = _record(tip.record) if tip else None
        _print_json("show", kernel=name, id=tip.oid if tip else None, record=record, alarms=alarms)
        return
    if tip is None:
        click.echo(f"{name}: FREE, and was never locked" if not alarms else f"{name}: there is no lock")
    else:
        click.echo(f"{name}: {_line(tip.record)}{_mark(alarms)}")
        for label, text in _facts(tip.record, tip.oid):
            click.echo(f"  {label:<9} {text}")
    _warn(context, name, alarms)


@lock.command(epilog="Example: sahel-nb lock log fula-lid -n 5")
@_KERNEL
@click.option("-n", "--limit", default=30, show_default=True, type=click.IntRange(1), help="How many records.")
@click.option("--all", "everything", is_flag=True, help="All there ever were.")
@click.option("--verify", "verified", is_flag=True, help="Replay all there ever were, and say what was not legal.")
@_JSON
def log(kernel: str | None, limit: int, everything: bool, verified: bool, as_json: bool) -> None:
    """Show what happened to one kernel's lock, newest first.

    Records that `lock compact` has archived are fetched and shown like the others.
    """
    context = Context.here()
    name, chain = _chain(context, kernel)
    if verified:
        verify(context, name, chain, as_json=as_json)
        return
    tips = chain.history(_ALL if everything else limit)
    wrong = _mismatches(context, name)
    if as_json:
        rows = [{"id": tip.oid, **_record(tip.record), "mismatch": _mismatch(tip.record, wrong)} for tip in tips]
        _print_json("log", kernel=name, records=rows)
        return
    if not tips:
        context.reporter.say(f"{name} was never locked")
    for tip in tips:
        record = tip.record
        version = f" v{record.kaggle_version}" if record.kaggle_version else ""
        click.echo(f"{tip.oid[:9]}  {record.at}  fence {record.fence}  {record.op.value:<7}{version:<5}  {record.by}")
        mismatch = _mismatch(record, wrong)
        alarms = [f"alarm: {alarm}" for alarm in record.alarms]
        for text in (record.reason, *alarms, "" if any(mismatch in alarm for alarm in alarms) else mismatch):
            if text:
                click.echo(f"           {text}")


def _chain(context: Context, kernel: str | None) -> tuple[str, GitRefs]:
    from sahel_nb.cli.assembly import asked

    name = str(asked(context, kernel).ref)
    return name, context.lock_home.chain(name)


def _mismatches(context: Context, kernel: str) -> dict[str, str]:
    """What this clone knows of runs whose copy on Kaggle was not what was pushed; nothing where it cannot know."""
    from sahel_nb.cli.assembly import mismatches
    from sahel_nb.kernels.model import KernelRef

    try:
        return mismatches(context, KernelRef.parse(kernel))
    except UsageError:
        return {}


def _mismatch(record: Record, known: Mapping[str, str]) -> str:
    from sahel_nb.run.ledger import alarmed

    return known.get(record.outcome.run_id if record.outcome is not None else "", "") or alarmed(record)


def _line(record: Record) -> str:
    from sahel_nb.lock.record import State

    waiting = f"; {len(record.queue)} wait" if record.queue else ""
    if record.state is State.OFFERED:
        first = record.queue[0]
        return f"OFFERED  to {first.actor} on {first.host} since {record.since}{waiting}"
    if record.state is State.HELD:
        return f"HELD  by hand, {record.actor} on {record.host} since {record.since}: {record.reason}{waiting}"
    if record.state is not State.FREE:
        version = f" v{record.kaggle_version}" if record.kaggle_version else ""
        return f"{record.state.value}{version}  {record.actor} on {record.host} since {record.since}{waiting}"
    if record.outcome is None:
        return f"FREE since {record.since}"
    return f"FREE since {record.since}; v{record.outcome.version} of {record.outcome.actor} was {record.outcome.status}"


def _facts(record: Record, oid: str) -> list[tuple[str, str]]:
    facts = [
        ("fence", str(record.fence)),
        ("commit", record.git_commit),
        ("run", record.run_id),
        ("url", record.url),
        ("kernel id", str(record.kernel_id or "")),
        ("written", f"{record.at} by {record.by}: {record.op.value}"),
        ("record", oid),
        ("archive", record.archive),
        ("reason", record.reason),
        *(("waits", f"{ticket.actor} on {ticket.host} since {ticket.since}") for ticket in record.queue),
        *(("alarm", text) for text in record.alarms),
    ]
    return [(label, text) for label, text in facts if text]


def _listed(item: Listed, alarms: Sequence[str]) -> dict[str, Any]:
    record = _record(item.record) if item.record else None
    return {"kernel": item.kernel, "id": item.oid, "record": record, "trouble": item.trouble, "alarms": list(alarms)}


def _record(record: Record) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(record.to_json())
    return {**value, "nonce": record.nonce, "kernel_id": record.kernel_id}


def _print_json(kind: str, **values: Any) -> None:
    click.echo(json.dumps({"schema": f"sahel-nb.lock-{kind}/1", **values}, ensure_ascii=False, indent=2))
