"""`sahel-nb debug`: why a run failed, and what to change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import SahelError
from sahel_nb.report.terminal import LONGEST

if TYPE_CHECKING:
    from sahel_nb.cli.assembly import Asked
    from sahel_nb.kernels.diagnosis import Diagnosis
    from sahel_nb.kernels.model import LogRecord, RunStatus
    from sahel_nb.kernels.rules import Facts
    from sahel_nb.run.plan import Source
    from sahel_nb.run.record import RunRecord

LISTEN = 3.0
"""Seconds for which a running version is listened to: its stream begins with all that it has said."""

WIDTH = 300
"""How much of a line of the log is shown."""


class Timed:
    """A log as it passes, with the time of its last record."""

    def __init__(self, records: Iterable[LogRecord]) -> None:
        self._records = records
        self.last = 0.0

    def __iter__(self) -> Iterator[LogRecord]:
        for record in self._records:
            self.last = max(self.last, record.time)
            yield record


@click.command(epilog="Example: sahel-nb debug fula-tts@v7")
@click.argument("kernel", required=False)
@click.option("--dev", is_flag=True, help="Your personal slug of this kernel.")
@click.option("--local", is_flag=True, help="On the embedded service.")
@click.option(
    "--log",
    "log_file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Explain a saved log, or what a push printed (- for stdin), without asking Kaggle.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def debug(kernel: str | None, dev: bool, local: bool, log_file: str | None, as_json: bool) -> None:
    """Name the failing cell of KERNEL's last version (or KERNEL@v7), its line in the mirror, and the cause.

    Also of a run that goes on and says nothing, of one that is complete and left no output, and with --log of a push
    that Kaggle refused. What no rule knows is said to be unknown, with the end of the log.
    """
    from sahel_nb.cli import assembly

    context = Context.here(local=local)
    if log_file is not None:
        _saved(context, kernel, log_file, as_json=as_json)
        return
    asked = assembly.asked(context, kernel, dev=dev)
    _version(context, asked, assembly.version_of(context, asked), as_json=as_json)


def _version(context: Context, asked: Asked, version: int, *, as_json: bool) -> None:
    from sahel_nb.cli import evidence
    from sahel_nb.kernels.diagnosis import diagnose
    from sahel_nb.kernels.model import RunState
    from sahel_nb.report.events import Level
    from sahel_nb.run import signs

    seen = signs.look(context.kaggle, asked.ref, version)
    status = seen.status
    known = evidence.version(context, asked.ref, version, asked.selection.kernel.folder if asked.selection else None)
    ended = seen.over
    complete = status.state is RunState.COMPLETE
    heard = () if ended else evidence.listen(context, asked.ref, version, LISTEN)
    log = Timed(context.kaggle.log(asked.ref, version) if ended else heard)
    outputs = sum(1 for _ in context.kaggle.outputs(asked.ref, version)) if complete else None
    facts = evidence.facts(context, known, outputs=outputs, busy=not ended)
    diagnosis = diagnose(log, status, facts)
    spent = _spent(status, facts, log.last, embedded=context.is_embedded)
    place = _place(known.source, known.stamp.commit if known.stamp else "", diagnosis)
    copy = evidence.mismatch(known)
    if copy and not as_json:
        context.reporter.say(f"{asked.ref} v{version}: {copy}", Level.WARN)
    if as_json:
        head: dict[str, Any] = {
            "kernel": str(asked.ref),
            "version": version,
            "status": status.state.value,
            "message": status.message,
        }
        explained = bool(diagnosis.findings) or not (complete or (ended and not seen.told))
        head |= {"explained": explained, "spent": spent, "mismatch": copy}
        _echo_json(head, diagnosis, place)
        return
    name = f"{asked.ref} v{version}"
    if complete or not ended:
        _print_unfailed(context, name, status, diagnosis, facts, spent)
        return
    if not seen.told:
        _print_untold(context, name, place, diagnosis, spent)
        return
    _print(f"why {name} failed", place, diagnosis, status.message, spent)


def _saved(context: Context, kernel: str | None, log_file: str, *, as_json: bool) -> None:
    """A log or a message from a file. With KERNEL, its committed state says where the cell is."""
    from sahel_nb.cli import assembly, evidence
    from sahel_nb.kernels.diagnosis import diagnose
    from sahel_nb.kernels.logs import parse_log
    from sahel_nb.kernels.model import RunState, RunStatus
    from sahel_nb.kernels.rules import Facts

    with click.open_file(log_file, "rb") as file:
        records = parse_log(file.read().decode("utf-8", errors="replace"))
    facts, source = Facts(), None
    if kernel is not None:
        from dataclasses import replace

        asked = assembly.asked(context, kernel)
        folder = asked.selection.kernel.folder if asked.selection else None
        source = evidence.committed(context, context.worktree.head(), folder)
        facts = replace(evidence.facts(context, evidence.Version(None, None, source)), text_only=True)
    else:
        facts = Facts(text_only=True)
    diagnosis = diagnose(records, RunStatus(RunState.UNKNOWN), facts)
    place = _place(source, source.commit.sha if source else "", diagnosis)
    if as_json:
        _echo_json({"kernel": kernel, "version": None, "status": None, "message": "", "spent": ""}, diagnosis, place)
        return
    _print(f"what {'standard input' if log_file == '-' else log_file} says", place, diagnosis, "", "")


def explain(context: Context, record: RunRecord, folder: Path, diagnosis: Diagnosis) -> None:
    """The same, for a run that has just failed and whose log lies in `folder`."""
    from sahel_nb.cli import evidence
    from sahel_nb.kernels.diagnosis import diagnose
    from sahel_nb.kernels.model import KernelRef, RunState, RunStatus
    from sahel_nb.kernels.settings import settings_of
    from sahel_nb.run import collect

    source = evidence.committed(context, record.commit, _folder_of(context, record))
    settings = None
    with suppress(SahelError):  # the run is over, and what its log says is enough
        settings = settings_of(context.kaggle, KernelRef.parse(record.kernel), record.version)
    facts = evidence.facts(context, evidence.Version(settings, None, source), outputs=len(record.files))
    status = RunStatus(RunState(record.status), record.failure)
    log = Timed(collect.read_log(folder))
    diagnosis = diagnose(log, status, facts)
    spent = _spent(status, facts, log.last, embedded=context.is_embedded)
    place = _place(source, record.commit, diagnosis)
    _print(f"why {record.kernel} v{record.version} failed", place, diagnosis, record.failure, spent)
    click.echo(f"  log      {folder / 'log.txt'}", err=True)


def remark(context: Context, record: RunRecord) -> None:
    """What there is to say of a run that has just been complete: nothing was kept, or the machine was another one."""
    from sahel_nb.cli import evidence
    from sahel_nb.kernels.diagnosis import diagnose
    from sahel_nb.kernels.model import KernelRef, RunState, RunStatus
    from sahel_nb.kernels.settings import settings_of
    from sahel_nb.report.events import Level

    source = evidence.committed(context, record.commit, _folder_of(context, record))
    shape = source.metadata.raw.get("machine_shape") if source else ""
    if record.files and not shape:
        return  # nothing that could be said: Kaggle need not be asked
    settings = None
    with suppress(SahelError):  # the run is over, and this is only a remark
        settings = settings_of(context.kaggle, KernelRef.parse(record.kernel), record.version)
    facts = evidence.facts(
        context, evidence.Version(settings, None, source), outputs=len(record.files) + len(record.missed)
    )
    found = diagnose((), RunStatus(RunState(record.status)), facts)
    for finding in found.findings:
        context.reporter.say(f"{finding.cause}: {finding.remedy}", Level.WARN)


def _print_untold(context: Context, name: str, place: dict[str, Any], diagnosis: Diagnosis, spent: str) -> None:
    """A version that has ended, and whose log alone may say how."""
    from sahel_nb.run.signs import UNTOLD

    if diagnosis.findings or diagnosis.error:
        _print(f"{name} has ended ({UNTOLD}); its log says", place, diagnosis, "", spent)
    else:
        context.reporter.say(f"{name} has ended, and its log shows no failure; {UNTOLD}")


def _print_unfailed(
    context: Context, name: str, status: RunStatus, diagnosis: Diagnosis, facts: Facts, spent: str
) -> None:
    state = status.state.value.lower()
    if diagnosis.findings:
        _print(f"{name} is {state}", {}, diagnosis, status.message, spent)
    elif status.state.ended:
        context.reporter.say(f"{name} is {state}: there is no failure to explain")
    else:
        since = f" since {facts.age / 3600:.1f} h" if facts.age is not None else ""
        said = (
            "; its log so far ends with" if diagnosis.evidence else ", and has said nothing: that alone is no failure"
        )
        context.reporter.say(f"{name} is {state}{since}: there is no failure to explain{said}")
        for line in diagnosis.evidence:
            click.echo(f"           {line}", err=True)


def _print(title: str, place: dict[str, Any], diagnosis: Diagnosis, message: str, spent: str) -> None:
    def row(label: str, text: str) -> None:
        if text:
            click.echo(f"  {label:<8} {text[:LONGEST]}{'…' * (len(text) > LONGEST)}", err=True)

    click.echo(title, err=True)
    row("where", place.get("where", ""))
    row("raised", place.get("raised", ""))
    row("line", diagnosis.source_line)
    row("error", diagnosis.error or message)
    if diagnosis.main is not None:
        row("cause" if diagnosis.sure else "likely", diagnosis.cause)
        row("mend", diagnosis.remedy)
        row("seen", "" if diagnosis.sure else diagnosis.main.seen[:WIDTH])
    elif diagnosis.error or message or not diagnosis.also:
        row("cause", "unknown to sahel-nb; the last lines of the log:" if diagnosis.evidence else "unknown: no log")
        for line in diagnosis.evidence:
            click.echo(f"           {line[:WIDTH]}", err=True)
    for found in diagnosis.also:
        row("also", f"{found.cause}: {found.remedy}")
    row("spent", spent)


def _echo_json(head: dict[str, Any], diagnosis: Diagnosis, place: dict[str, Any]) -> None:
    value = {
        "schema": "sahel-nb.debug/2",
        **head,
        "execution_count": diagnosis.execution_count,
        "line": diagnosis.line,
        "source_line": diagnosis.source_line,
        "error": diagnosis.error,
        "rule": diagnosis.rule.code if diagnosis.rule else None,
        "certain": diagnosis.sure,
        "cause": diagnosis.cause,
        "remedy": diagnosis.remedy,
        "seen": diagnosis.main.seen if diagnosis.main else "",
        "also": [{"rule": found.rule.code, "cause": found.cause, "remedy": found.remedy} for found in diagnosis.also],
        "evidence": list(diagnosis.evidence),
        "place": place,
    }
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _spent(status: RunStatus, facts: Facts, seconds: float, *, embedded: bool) -> str:
    """Whether quota was spent, and about how much: a log's last record says how long the session was."""
    if embedded:
        return "nothing of Kaggle's: this ran on the embedded service"
    kind = "TPU" if facts.tpu else "GPU" if facts.gpu else ""
    if facts.gpu is None and facts.tpu is None:
        return ""
    if not kind:
        return "no quota: a session without accelerator counts against none"
    if not status.state.ended:
        return f"{kind} quota, until it ends"
    about = f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{max(1, round(seconds / 60))} min"
    return f"about {about} of the {kind} quota, by the last line of its log"


def _folder_of(context: Context, record: RunRecord) -> str | None:
    from sahel_nb.run.select import kernels_in

    for kernel in kernels_in(context.worktree, record.commit):
        if kernel.id == record.shared_kernel:
            return kernel.folder
    return None


def _place(source: Source | None, commit: str, diagnosis: Diagnosis) -> dict[str, Any]:
    """`where`: `cell 7 of notebooks/x/x.ipynb, notebooks/x/x.py:41`, as far as it can be told; and its parts.

    The commit in the stamp says which mirror to look in. A cell that has no number is the only one with its line.
    """
    from sahel_nb.kernels.diagnosis import count_of

    count = diagnosis.execution_count
    if source is None:
        where = f"In [{count}]" if count else ""
        return {"where": f"{where} of a commit that is not here: {commit[:8]}" if where and commit else where}
    if not source.is_notebook:
        return {"where": f"{source.code_path}:{diagnosis.line}" if diagnosis.line else source.code_path}
    count = count or count_of(source.code, diagnosis.line or 1, diagnosis.source_line)
    if count is None:
        return {}
    place = _cell(source, count, diagnosis.line)
    if diagnosis.raised_in is not None:
        cell, line = diagnosis.raised_in
        cell = cell or count_of(source.code, line, diagnosis.raised_line) or 0
        place |= {"raised": _cell(source, cell, line)["where"]} if cell else {}
    return place


def _cell(source: Source, count: int, line: int | None) -> dict[str, Any]:
    from sahel_nb.kernels.diagnosis import place

    found = place(source.code, source.mirror, count)
    if found is None:
        return {"where": f"In [{count}]"}
    value: dict[str, Any] = {"where": f"cell {found.cell} of {source.code_path}", "cell": found.cell}
    if found.mirror_line is not None:
        value |= {"mirror": source.mirror_path, "mirror_line": found.mirror_line + (line or 1) - 1}
        value["where"] += f", {value['mirror']}:{value['mirror_line']}"
    return value
