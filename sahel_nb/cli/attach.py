"""`sahel-nb attach`: go on with a run that was detached, or that lost its runner, from anywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.cli.signals import as_interrupts

if TYPE_CHECKING:
    from sahel_nb.run.finish import Finished


@click.command(epilog="Example: sahel-nb attach fula-tts")
@click.argument("kernel", required=False)
@click.option("--dev", is_flag=True, help="Your personal slug of this kernel.")
@click.option("--local", is_flag=True, help="On the embedded service.")
@click.option("--json", "as_json", is_flag=True, help="The run's record as one JSON object on stdout.")
@as_interrupts()
def attach(kernel: str | None, dev: bool, local: bool, as_json: bool) -> None:
    """Follow the run of KERNEL that is on, whoever started it, and finish its bookkeeping.

    Fetches the outputs, writes run.json and frees the lock. If the runner died between asking for the lock and
    starting on Kaggle, waits until the lock has expired and frees it.
    """
    from sahel_nb.cli import assembly
    from sahel_nb.cli.run import show
    from sahel_nb.run.finish import Collecting
    from sahel_nb.run.resume import resume, resume_dev

    context = Context.here(local=local)
    asked = assembly.asked(context, kernel, dev=dev)
    who, places = assembly.who(context), assembly.places(context)
    again = assembly.attach_command(context, asked.selection.kernel.id if asked.selection else str(asked.ref), dev=dev)
    finished: Finished | None
    try:
        if dev or context.is_embedded:
            finished = resume_dev(
                asked.ref,
                who=who,
                places=places,
                worktree=context.worktree,
                service=context.kaggle,
                reporter=context.reporter,
                attach=again,
                dev=dev,
            )
        else:
            finished = resume(
                asked.ref,
                who=who,
                places=places,
                worktree=context.worktree,
                service=context.kaggle,
                lock=assembly.lock_of(context, asked.ref),
                reporter=context.reporter,
                attach=again,
            )
    except Collecting as exc:
        context.reporter.say(exc.says(again))
        raise
    except KeyboardInterrupt:
        context.reporter.say(f"no longer looking; whatever runs goes on. Come back to it with: $ {again}")
        raise
    if finished is not None:
        show(context, finished, as_json=as_json)
        finished.raise_for_outcome()
    elif as_json:
        click.echo(json.dumps({"schema": "sahel-nb.attach/1", "kernel": str(asked.ref), "state": "free"}, indent=2))
