"""`sahel-nb quota`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context

if TYPE_CHECKING:
    from datetime import timedelta

    from sahel_nb.kernels.model import Quota


@click.command(epilog="Example: sahel-nb quota --json")
@click.option("--local", is_flag=True, help="Ask the embedded service.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def quota(local: bool, as_json: bool) -> None:
    """Show the GPU and TPU hours of the week: used, reserved by running sessions, left."""
    quotas = Context.here(local=local).kaggle.quotas()
    rows = {"gpu": quotas.gpu, "tpu": quotas.tpu}
    if as_json:
        value = {"schema": "sahel-nb.quota/1", **{name: _object(row) for name, row in rows.items()}}
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
