"""`sahel-nb logs`."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import UsageError
from sahel_nb.report.terminal import write_log

if TYPE_CHECKING:
    from sahel_nb.kernels.model import LogRecord


@click.command(epilog="Example: sahel-nb logs fula-tts@v7")
@click.argument("kernel", required=False)
@click.option("-f", "--follow", is_flag=True, help="Follow until the version has ended.")
@click.option("--dev", is_flag=True, help="Your personal slug of this kernel.")
@click.option("--local", is_flag=True, help="On the embedded service.")
@click.option("--json", "as_json", is_flag=True, help="One JSON record a line: stream_name, time, data.")
def logs(kernel: str | None, follow: bool, dev: bool, local: bool, as_json: bool) -> None:
    """Print the log of KERNEL, or of one version of it (KERNEL@v7), on stdout."""
    from sahel_nb.cli import assembly
    from sahel_nb.report.events import Silent
    from sahel_nb.run.follow import follow as follow_run
    from sahel_nb.run.signs import is_over

    context = Context.here(local=local)
    asked = assembly.asked(context, kernel, dev=dev)
    version = assembly.version_of(context, asked)

    def write(record: LogRecord) -> None:
        if as_json:
            item = {"stream_name": record.stream, "time": record.time, "data": record.data}
            click.echo(json.dumps(item, ensure_ascii=False))
        else:
            write_log(record.data)

    shown = 0
    if not is_over(context.kaggle, asked.ref, version):
        if not follow:
            raise UsageError(
                f"{asked.ref} v{version} has not ended: Kaggle has no log yet, only the live stream",
                hints=(f"sahel-nb logs --follow {asked.ref}@v{version}",),
            )
        again = f"sahel-nb logs --follow {asked.ref}@v{version}"
        shown = follow_run(context.kaggle, asked.ref, version, Silent(), sink=write, attach=again).records
    for record in islice(context.kaggle.log(asked.ref, version), shown, None):
        write(record)
