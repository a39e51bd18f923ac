"""`sahel-nb rehearse`: a run on the embedded service."""

from __future__ import annotations

import click

from sahel_nb.cli.context import Context


@click.command(epilog="Example: sahel-nb rehearse notebooks/fula-tts")
@click.argument("kernel", required=False)
@click.option("--at", "commit", metavar="COMMIT", help="Rehearse this commit in place of HEAD.")
@click.option("--timeout", metavar="TIME", help="Limit of the session: 3600, 90m, 2h.")
@click.option("--json", "as_json", is_flag=True, help="The run's record as one JSON object on stdout.")
def rehearse(kernel: str | None, commit: str | None, timeout: str | None, as_json: bool) -> None:
    """Run the committed KERNEL on this machine, on the embedded Kaggle-compatible service.

    No account, no quota, no lock, and the commit need not be pushed: what fails here would have failed there.
    """
    from sahel_nb.cli.run import launch, seconds

    launch(
        Context.here(local=True),
        kernel,
        dev=False,
        commit=commit,
        timeout=seconds(timeout) if timeout else None,
        as_json=as_json,
        rehearsal=True,
    )
