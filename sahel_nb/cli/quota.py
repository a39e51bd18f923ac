"""`sahel-nb quota`."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import SahelError

if TYPE_CHECKING:
    from datetime import timedelta

    from sahel_nb.kernels.model import Quota
    from sahel_nb.run.usual import Usual


@click.command(epilog="Example: sahel-nb quota --json")
@click.option("--local", is_flag=True, help="Ask the embedded service.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def quota(local: bool, as_json: bool) -> None:
    """Show the GPU and TPU hours of the week: used, reserved by running sessions, left, and when they begin anew.

    In a repository also how long its kernels with an accelerator usually take, by the team's runs.
    """
    context = Context.here(local=local)
    quotas = context.kaggle.quotas()
    rows = {"gpu": quotas.gpu, "tpu": quotas.tpu}
    kernels = _kernels(context)
    if as_json:
        value: dict[str, object] = {"schema": "sahel-nb.quota/1", **{name: _object(row) for name, row in rows.items()}}
        value["kernels"] = [
            {"kernel": name, "accelerator": kind, **{f"{key}_seconds": getattr(known, key) for key in _TIMES}}
            for name, kind, known in kernels
        ]
        click.echo(json.dumps(value, indent=2))
        return
    for name, row in rows.items():
        if row is None:
            click.echo(f"{name.upper()}  Kaggle names no quota")
            continue
        refresh = f", anew on {row.refresh:%a %d %b %H:%M} UTC" if row.refresh else ""
        used, left, allowed = (_hours(value) for value in (row.used, row.left, row.allowed))
        reserved = f", {_hours(row.reserved):.1f} h reserved by what runs now" if row.reserved else ""
        click.echo(f"{name.upper()}  {used:.1f} h used{reserved}, {left:.1f} h left of {allowed:.1f} h{refresh}")
    for kernel, kind, known in kernels:
        quota = rows[kind]
        fits = f"; {int(quota.left.total_seconds() // known.middle)} more fit" if quota else ""
        click.echo(f"{kernel}  took {known}{fits}")


_TIMES = ("shortest", "middle", "longest")


def _kernels(context: Context) -> list[tuple[str, str, Usual]]:
    """The kernels of this repository that use an accelerator and have a history; none outside of a repository."""
    from sahel_nb.cli import assembly
    from sahel_nb.run import usual
    from sahel_nb.run.select import kernels_in

    found = []
    with suppress(SahelError):  # no repository, no commit, no remote: then the hours alone are shown
        head = context.worktree.head()
        for kernel in kernels_in(context.worktree, head):
            metadata = assembly.source_of(context, head, kernel.folder).metadata
            if not metadata.uses_gpu and not metadata.uses_tpu:
                continue
            records = assembly.lock_of(context, metadata.ref).log(usual.RECORDS)
            known = usual.usual(usual.durations(records))
            if known is not None:
                found.append((str(metadata.ref), "tpu" if metadata.uses_tpu else "gpu", known))
    return found


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


def _object(row: Quota | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {
        "used_hours": _hours(row.used),
        "reserved_hours": _hours(row.reserved),
        "left_hours": _hours(row.left),
        "allowed_hours": _hours(row.allowed),
        "refresh": f"{row.refresh:%Y-%m-%dT%H:%M:%SZ}" if row.refresh else None,
    }
