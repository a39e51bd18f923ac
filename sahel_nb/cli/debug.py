"""`sahel-nb debug`: why a run failed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context

if TYPE_CHECKING:
    from sahel_nb.kernels.diagnosis import Diagnosis
    from sahel_nb.run.record import RunRecord


@click.command(epilog="Example: sahel-nb debug fula-tts@v7")
@click.argument("kernel", required=False)
@click.option("--dev", is_flag=True, help="Your personal slug of this kernel.")
@click.option("--local", is_flag=True, help="On the embedded service.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def debug(kernel: str | None, dev: bool, local: bool, as_json: bool) -> None:
    """Name the failing cell of KERNEL's last version (or KERNEL@v7), its line in the .py mirror, and the cause."""
    from sahel_nb.cli import assembly
    from sahel_nb.kernels.diagnosis import diagnose
    from sahel_nb.kernels.model import RunState

    context = Context.here(local=local)
    asked = assembly.asked(context, kernel, dev=dev)
    version = assembly.version_of(context, asked)
    status = context.kaggle.status(asked.ref, version)
    head = {
        "schema": "sahel-nb.debug/1",
        "kernel": str(asked.ref),
        "version": version,
        "status": status.state.value,
        "message": status.message,
    }
    if not status.state.ended or status.state is RunState.COMPLETE:
        context.reporter.say(f"{asked.ref} v{version} is {status.state.value.lower()}: there is no failure to explain")
        if as_json:
            click.echo(json.dumps(head, ensure_ascii=False, indent=2))
        return
    diagnosis = diagnose(context.kaggle.log(asked.ref, version), status)
    folder = asked.selection.kernel.folder if asked.selection else None
    info = context.kaggle.kernel(asked.ref, version)
    place = _place(context, folder, info.source if info else "", diagnosis)
    if as_json:
        rule = diagnosis.rule.code if diagnosis.rule else None
        value = {
            **head,
            **{key: item for key, item in asdict(diagnosis).items() if key != "rule"},
            "rule": rule,
            "place": place,
        }
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
        return
    _print(f"{asked.ref} v{version}", place, diagnosis, status.message)


def explain(context: Context, record: RunRecord, folder: Path, diagnosis: Diagnosis) -> None:
    """The same, for a run that has just failed."""
    kernel_folder = _folder_of(context, record)
    place = _place(context, kernel_folder, "", diagnosis, commit=record.commit)
    _print(f"{record.kernel} v{record.version}", place, diagnosis, record.failure)
    click.echo(f"  log      {folder / 'log.txt'}", err=True)


def _print(name: str, place: str, diagnosis: Diagnosis, message: str) -> None:
    def row(label: str, text: str) -> None:
        if text:
            click.echo(f"  {label:<8} {text}", err=True)

    click.echo(f"why {name} failed", err=True)
    row("where", place)
    row("line", diagnosis.source_line)
    row("error", diagnosis.error or message)
    if diagnosis.rule is None:
        row("cause", "unknown to sahel-nb; the last lines of the log:")
        for line in diagnosis.evidence:
            click.echo(f"           {line}", err=True)
    else:
        row("cause", diagnosis.cause)
        row("mend", diagnosis.remedy)


def _folder_of(context: Context, record: RunRecord) -> str | None:
    from sahel_nb.run.select import kernels_in

    for kernel in kernels_in(context.worktree, record.commit):
        if kernel.id == record.shared_kernel:
            return kernel.folder
    return None


def _place(context: Context, folder: str | None, pushed: str, diagnosis: Diagnosis, *, commit: str = "") -> str:
    """`cell 7, notebooks/x/x.py:41`, as far as it can be told. The commit in the stamp says which mirror to look in."""
    from sahel_nb.cli import assembly
    from sahel_nb.errors import SahelError
    from sahel_nb.kernels.diagnosis import place
    from sahel_nb.kernels.stamp import Stamp

    if not commit:
        stamp = Stamp.find(pushed)
        commit = stamp.commit if stamp else ""
    if not commit or folder is None:
        return f"In [{diagnosis.execution_count}]" if diagnosis.execution_count else ""
    try:
        source = assembly.source_of(context, commit, folder)
    except SahelError:
        return f"In [{diagnosis.execution_count}] of a commit that is not here: {commit[:8]}"
    if not source.is_notebook:
        return f"{source.code_path}:{diagnosis.line}" if diagnosis.line else source.code_path
    if diagnosis.execution_count is None:
        return ""
    found = place(source.code, source.mirror, diagnosis.execution_count)
    if found is None:
        return f"In [{diagnosis.execution_count}]"
    text = f"cell {found.cell} of {source.code_path}"
    if found.mirror_line is not None:
        text += f", {source.mirror_path}:{found.mirror_line + (diagnosis.line or 1) - 1}"
    return text
