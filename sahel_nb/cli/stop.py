"""`sahel-nb stop`: end a session, as far as that can be done."""

from __future__ import annotations

import sys
import time
from shlex import quote
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import NetworkError, Refused, UsageError

if TYPE_CHECKING:
    from sahel_nb.cli.assembly import Asked
    from sahel_nb.kernels.model import KernelRef

LOOK_BACK = 5
"""Versions that may still run: a push does not end the one before it, and an account has this many sessions at most."""
PATIENCE = 30.0


@click.command(epilog="Example: sahel-nb stop --dev notebooks/fula-tts")
@click.argument("kernel", required=False)
@click.option("--dev", is_flag=True, help="Your personal slug of this kernel.")
@click.option("--local", is_flag=True, help="On the embedded service.")
@click.option("--delete", is_flag=True, help="With --dev: delete the personal kernel, its versions and outputs; asks.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def stop(kernel: str | None, dev: bool, local: bool, delete: bool, yes: bool) -> None:
    """End what runs of KERNEL, or of one version of it (KERNEL@v7).

    Kaggle's API cannot do it: ending a session takes an id that no answer of Kaggle's names. So the page is printed
    where its owner can, and the exit code is 3 as long as something runs. On the embedded service it is done.
    """
    from sahel_nb.cli import assembly

    if delete and not dev:
        raise UsageError(
            "--delete is for personal slugs: a shared kernel is nobody's to delete",
            hints=(f"sahel-nb stop --dev --delete{f' {quote(kernel)}' if kernel else ''}",),
        )
    context = Context.here(local=local)
    asked = assembly.asked(context, kernel, dev=dev)
    if delete:
        _delete(context, asked, yes=yes)
        return
    running, saved = _running(context, asked)
    for version in saved:
        context.reporter.say(f"v{version} of {asked.ref} was saved and not run: there is nothing of it to end")
    if not running:
        context.reporter.say(f"nothing of {asked.ref} runs")
        return
    if context.is_embedded:
        _cancel(context, asked.ref, running)
        return
    url = context.kaggle.web_url(asked.ref)
    click.echo(url)
    names = " and ".join(f"v{version}" for version in running)
    raise Refused(
        f"{names} of {asked.ref} still run{'s' if len(running) == 1 else ''}: Kaggle's API has no way to end a session",
        details=(
            f"open {url}, then the session's menu, Stop Session or Cancel Run; only who may edit the kernel can",
            "a session ends by itself at its time limit; a new push does not end it, and takes a second place",
        ),
        hints=(f"python3 -m webbrowser {url}", assembly.attach_command(context, asked.name, dev=dev)),
        kaggle=f"{names} of {asked.ref} goes on, and spends quota if it has an accelerator.",
        started=True,
    )


def _running(context: Context, asked: Asked) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The versions that have not ended, newest first, and those that were only saved; an unknown state counts."""
    from sahel_nb.cli import assembly
    from sahel_nb.kernels.model import RunState
    from sahel_nb.run.signs import look

    newest = assembly.version_of(context, asked)
    oldest = newest if asked.version is not None else max(1, newest - LOOK_BACK + 1)
    seen = {version: look(context.kaggle, asked.ref, version) for version in range(newest, oldest - 1, -1)}
    saved = tuple(version for version, one in seen.items() if one.status.state is RunState.NEW_SCRIPT)
    return tuple(version for version, one in seen.items() if not one.over and version not in saved), saved


def _cancel(context: Context, ref: KernelRef, running: tuple[int, ...]) -> None:
    from sahel_nb.localkaggle.control import Control
    from sahel_nb.run.signs import is_over

    control = Control(context.target.url, context.embedded_folder.admin_token())
    for version in running:
        control.cancel(ref.owner, ref.slug, version)
    deadline = time.monotonic() + PATIENCE
    for version in running:
        while not is_over(context.kaggle, ref, version):
            if time.monotonic() > deadline:
                raise NetworkError(f"{ref} v{version} does not end", hints=("sahel-nb local stop",))
            time.sleep(0.1)
        context.reporter.say(f"{ref} v{version} was cancelled")


def _delete(context: Context, asked: Asked, *, yes: bool) -> None:
    """Only a slug of one's own that the repository's pattern makes, and only when asked for by its name."""
    from sahel_nb.cli import assembly
    from sahel_nb.kernels.removal import delete as remove

    if asked.selection is None or not asked.dev:
        raise UsageError(f"{asked.ref} is not in this repository: only its personal slugs are deleted from here")
    shared = assembly.source_of(context, context.worktree.head(), asked.selection.kernel.folder).metadata.ref
    account = context.kaggle.account().username
    if asked.ref == shared or asked.ref.owner.lower() != account.lower():
        raise Refused(f"{asked.ref} is shared, or not {account}'s: it is not deleted from here")
    if context.kaggle.kernel(asked.ref) is None:
        context.reporter.say(f"there is no {asked.ref}")
        return
    question = f"delete {asked.ref} on Kaggle, with all of its versions, logs and outputs?"
    if not yes and not (sys.stdin.isatty() and click.confirm(question, err=True)):
        raise Refused("nothing was deleted", hints=(f"sahel-nb stop --dev --delete --yes {quote(asked.name)}",))
    remove(context.kaggle, asked.ref)
    context.reporter.say(f"{asked.ref} was deleted; the hours that it has used stay used")
