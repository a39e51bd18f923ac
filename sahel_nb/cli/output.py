"""`sahel-nb output`."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import OutputsIncomplete, Refused, UsageError
from sahel_nb.report.events import Level

if TYPE_CHECKING:
    from sahel_nb.kernels.model import KernelRef

_SOME = 10
"""Names that are shown where none matches."""


@click.command(epilog="Example: sahel-nb output fula-tts@v7 -o models --pattern '*.pt'")
@click.argument("kernel", required=False)
@click.option(
    "-o", "--to", type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the files; else runs/<kernel>/v7 of the repository, or ./v7 outside of one.",
)  # fmt: skip
@click.option("--pattern", help="Only names that match, e.g. '*.json'.")
@click.option("--dev", is_flag=True, help="Your personal slug of this kernel.")
@click.option("--local", is_flag=True, help="On the embedded service.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def output(kernel: str | None, to: Path | None, pattern: str | None, dev: bool, local: bool, as_json: bool) -> None:
    """Fetch the output files of KERNEL, or of one version of it (KERNEL@v7)."""
    from sahel_nb.cli import assembly
    from sahel_nb.durable import make_folder
    from sahel_nb.kernels.outputs import Missed, fetch_all
    from sahel_nb.run.collect import alone, so_far_in_words
    from sahel_nb.run.signs import is_over

    context = Context.here(local=local)
    asked = assembly.asked(context, kernel, dev=dev)
    version = assembly.version_of(context, asked)
    place = _place(context) if to is None else None
    there = list(context.kaggle.outputs(asked.ref, version))
    files = [file for file in there if pattern is None or fnmatchcase(file.name, pattern)]
    if not there and not is_over(context.kaggle, asked.ref, version):
        raise Refused(
            f"{asked.ref} v{version} has not ended: it has no outputs yet",
            hints=(f"sahel-nb logs --follow {asked.ref}@v{version}",),
        )
    try:
        folder = to or _folder(context, place, asked.ref, version)
        make_folder(folder)
        with alone(folder) as turn:
            turn.wait(context.reporter)
            fetched, missed = fetch_all(
                files,
                folder,
                progress=lambda so_far: context.reporter.status("fetching outputs", so_far_in_words(so_far)),
            )
    except OSError as exc:
        where = to or exc.filename or "the outputs"
        raise OutputsIncomplete(f"{where}: {exc.strerror or exc}", hints=("df -h .",)) from exc
    context.reporter.status("")
    if as_json:
        value = {
            "schema": "sahel-nb.output/1",
            "kernel": str(asked.ref),
            "version": version,
            "folder": str(folder),
            "files": [vars(file) for file in fetched],
            "missed": [vars(file) for file in missed],
        }
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        for file in fetched:
            click.echo(f"{file.sha256}  {file.name}")
    context.reporter.say(f"{_files(len(fetched))} of {asked.ref} v{version} in {folder}")
    if there and not files:
        names = ", ".join(file.name for file in there[:_SOME]) + (", …" if len(there) > _SOME else "")
        context.reporter.say(f"no name of its outputs matches {pattern!r}; there are {names}", Level.WARN)
    if missed:
        again = [f"sahel-nb output {asked.ref}@v{version}"]
        again += [f"-o {quote(str(to))}"] if to else []
        again += [f"--pattern {quote(pattern)}"] if pattern is not None else []
        raise OutputsIncomplete(
            f"{_files(len(missed))} of {asked.ref} v{version} could not be fetched",
            details=Missed.shown(missed),
            hints=(" ".join(again),),
        )


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _place(context: Context) -> Path | None:
    """Where outputs go in a repository, None outside of one. Raise `LeadsOut`, before anything is asked for."""
    from sahel_nb.cli import assembly

    try:
        root = context.worktree.root
    except UsageError:
        return None
    return root / assembly.outputs_folder(context)


def _folder(context: Context, place: Path | None, ref: KernelRef, version: int) -> Path:
    """In a repository they go where git ignores them: what lies beside a notebook would make its tree unclean."""
    from sahel_nb.run.collect import claim, claim_ignored

    name = f"v{version}" + "-rehearsal" * context.is_embedded
    owner = f"{context.target.name} {ref} v{version}"  # others have this slug, too, and count from v1
    return claim(context.cwd, name, owner) if place is None else claim_ignored(place, ref.slug, name, owner)
