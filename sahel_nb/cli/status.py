"""`sahel-nb status`: who runs what since when."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import SahelError
from sahel_nb.links import typed

if TYPE_CHECKING:
    from sahel_nb.kernels.model import KernelRef
    from sahel_nb.kernels.stamp import Stamp


@dataclass(frozen=True)
class Row:
    """One kernel. Empty strings are what is not the case; what could not be read says so."""

    kernel: str
    folder: str
    lock: str
    kaggle: str
    commit: str
    last_run: str
    drift: str = ""
    alarms: tuple[str, ...] = ()


@click.command(epilog="Example: sahel-nb status fula-tts --json")
@click.argument("kernels", nargs=-1, metavar="[KERNEL]...")
@click.option("--local", is_flag=True, help="Look at the embedded service.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def status(kernels: tuple[str, ...], local: bool, as_json: bool) -> None:
    """Show each kernel's lock, what Kaggle says of its current version, the commit it runs, and its last run.

    What could not be read is said in its row, and in the exit code (8: credentials, 9: the network).
    """
    from sahel_nb.report.progress import counted
    from sahel_nb.run.select import kernels_in, select

    context = Context.here(local=local)
    worktree = context.worktree
    context.remind_of_install()
    head = worktree.head()
    chosen = [select(worktree, head, name, context.cwd, verb="status").kernel for name in kernels] or list(
        kernels_in(worktree, head)
    )
    unread: list[SahelError] = []
    rows = [
        _row(context, kernel.folder, kernel.id, unread)
        for kernel in counted("asking for locks and versions", chosen, len(chosen), few=1)
    ]
    if as_json:
        value = {"schema": "sahel-nb.status/1", "kernels": [asdict(row) for row in rows]}
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        _print(context, rows)
    if unread:
        raise unread[0]


def _print(context: Context, rows: list[Row]) -> None:
    if not rows:
        context.reporter.say("no kernel is committed here; make one with: $ sahel-nb new NAME")
    for row in rows:
        click.echo(row.kernel)
        for label, text in (
            ("lock", row.lock),
            ("kaggle", row.kaggle),
            ("commit", row.commit),
            ("drift", row.drift),
            ("last run", row.last_run),
        ):
            if text:
                click.echo(f"  {label:<9} {text}")
        for text in row.alarms:
            if text.partition(": ")[2] and text.partition(": ")[2] in row.last_run:
                continue  # said in the row above
            click.echo(f"  {'alarm':<9} {text}")
        if row.alarms:
            context.reporter.say(f"when you have looked into it: $ sahel-nb lock ack {row.kernel} --reason TEXT")


def _row(context: Context, folder: str, name: str, unread: list[SahelError]) -> Row:
    """`unread` gets what stood in the way."""
    from sahel_nb.kernels.model import KernelRef

    try:
        ref = KernelRef.parse(name)
    except SahelError as exc:
        return Row(folder or ".", folder, f"none: its `id` {exc.message}", "", "", "")
    lock, last_run, alarms = _lock(context, ref, unread)
    kaggle, commit, drift = _kaggle(context, ref, folder, unread)
    return Row(name, folder, lock, kaggle, commit, last_run, drift, alarms)


def _lock(context: Context, ref: KernelRef, unread: list[SahelError]) -> tuple[str, str, tuple[str, ...]]:
    from sahel_nb.cli import assembly
    from sahel_nb.lock.record import State
    from sahel_nb.run.ledger import alarmed

    try:
        tip, alarms = assembly.look(context, str(ref))
    except SahelError as exc:
        unread.append(exc)
        return f"could not be read: {exc.message}", "", ()
    if tip is None:
        return "free", "", alarms
    record = tip.record
    outcome = record.outcome
    last = ""
    if outcome is not None:
        last = f"v{outcome.version} {outcome.status.lower()}, commit {outcome.commit[:8]} by {outcome.actor}"
        wrong = assembly.mismatches(context, ref).get(outcome.run_id) or alarmed(record)
        last += f"; {wrong}" if wrong else ""
    if record.state is State.FREE:
        return "free", last, alarms
    if record.state in (State.OFFERED, State.HELD):
        from sahel_nb.lock.refusals import occupant

        return occupant(record), last, alarms
    version = f" v{record.kaggle_version}" if record.kaggle_version else ""
    held = f"{record.state.value.lower()}{version} by {record.actor} on {record.host} since {record.since}"
    return f"{held}, commit {record.git_commit[:8]}", last, alarms


def _kaggle(context: Context, ref: KernelRef, folder: str, unread: list[SahelError]) -> tuple[str, str, str]:
    """The current version, the commit that its stamp names, and whether its source still is that commit's."""
    from sahel_nb.kernels.stamp import Stamp

    try:
        info = context.kaggle.kernel(ref)
        if info is None or info.current_version == 0:
            return "no such kernel yet", "", ""
    except SahelError as exc:
        unread.append(exc)
        return f"could not be read: {exc.message}", "", ""
    try:
        state = context.kaggle.status(ref, info.current_version).state.value.lower()
    except SahelError as exc:
        unread.append(exc)
        state = f"(its state could not be read: {exc.message})"
    stamp = Stamp.find(info.source)
    commit = f"{stamp.commit[:8]}" if stamp else "none: the current version was not pushed by sahel-nb"
    drift = _drift(context, folder, info.source, stamp) if stamp else ""
    return f"v{info.current_version} {state}, {context.kaggle.web_url(ref)}", commit, drift


def _drift(context: Context, folder: str, source: str, stamp: Stamp) -> str:
    """By the source alone: `sahel-nb drift` looks at the settings, too."""
    from sahel_nb.cli import evidence
    from sahel_nb.kernels import proof

    pushed = evidence.committed(context, stamp.commit, folder)
    if pushed is None:
        return f"not known: commit {stamp.commit[:12]} is not in this clone"
    told = proof.compare(source, pushed.code, notebook=pushed.is_notebook, nonce=stamp.nonce)
    if told.copy is proof.Copy.SAME:
        return ""
    return f"edited on Kaggle since; see: sahel-nb drift {typed(folder)}"
