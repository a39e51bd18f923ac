"""`sahel-nb doctor`."""

from __future__ import annotations

import os
import sys

import click

from sahel_nb.cli.context import Context
from sahel_nb.config import Config
from sahel_nb.errors import AuthError, NetworkError, Refused, SahelError, UsageError
from sahel_nb.report.console import Console
from sahel_nb.report.events import Check, Verdict

PATIENCE = 10.0
"""Seconds for an answer of Kaggle's: a diagnosis is not to hang."""


@click.command()
@click.option("--fix", is_flag=True, help="Run what can be mended from here: init, install, phantom changes.")
@click.option("--offline", is_flag=True, help="Ask neither the lock remote nor Kaggle.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(fix: bool, offline: bool, as_json: bool) -> None:
    """Check everything; each failing row names the command that mends it.

    \b
    Example:  sahel-nb doctor --fix
    """
    from sahel_nb.hooks.mirrors import of_worktree
    from sahel_nb.install.doctor import MEND_PHANTOMS
    from sahel_nb.install.doctor import examine as look

    context = Context.here()
    config, mistake = _settings(context)

    def examine() -> list[Check]:
        known = of_worktree if mistake is None else None
        rows = look(context.worktree, config, os.environ, offline=offline, mirrors=known)
        rows = rows if offline else [_signed_in(context, row) if row.name == "credentials" else row for row in rows]
        return [mistake if mistake is not None and row.name == mistake.name else row for row in rows]

    checks = examine()
    mends = {check.mend.split(" && ")[0] for check in checks if check.mend}
    if fix and mistake is None and mends & {"sahel-nb init", "sahel-nb install"}:
        from sahel_nb.install.install import install
        from sahel_nb.install.repository import initialize

        if "sahel-nb init" in mends:
            for one in initialize(context.worktree.root, config, pre_commit=False):
                context.reporter.say(f"{one.outcome.value}: {one.name}")
        install(context.worktree, context.reporter, of_worktree(context.worktree))
        checks = examine()
    if fix and any(check.mend == MEND_PHANTOMS for check in checks):  # with the filter that is set by now
        from sahel_nb.repo.phantom import mend

        for path in mend(context.worktree):
            context.reporter.say(f"{path.decode('utf-8', 'backslashreplace')} no longer shows as modified")
        checks = examine()
    if as_json:
        import json

        rows = [{"name": c.name, "verdict": c.verdict.value, "found": c.found, "mend": c.mend} for c in checks]
        click.echo(json.dumps({"schema": "sahel-nb.doctor/1", "checks": rows}, ensure_ascii=False))
    else:
        table = Console(sys.stdout)
        for check in checks:
            table.check(check)
    failing = [check for check in checks if check.blocks]
    if failing:
        raise Refused(
            f"{len(failing)} of {len(checks)} checks failed: {', '.join(check.name for check in failing)}",
            hints=tuple(dict.fromkeys(check.mend for check in failing if check.mend)),
        )


def _signed_in(context: Context, row: Check) -> Check:
    """The row of credentials that are there, tried: the quota is not told to anybody who is not known."""
    from dataclasses import replace

    from sahel_nb.kernels.client import KaggleClient

    if row.verdict is not Verdict.OK or context.is_named_embedded:
        return row
    try:
        client = KaggleClient(replace(context.target, patience=PATIENCE))
        name = client.account().username
        client.quotas()
    except AuthError as exc:
        return replace(row, verdict=Verdict.FAILED, found=f"{row.found}: {exc.message}", mend="kaggle auth login")
    except NetworkError as exc:
        found = f"{row.found}; whether it is accepted could not be asked: {exc.message}"
        return replace(row, verdict=Verdict.UNKNOWN, found=found, mend="sahel-nb doctor --offline")
    except SahelError:
        return row  # signed in, and refused something else; or the package is missing, which is a row of its own
    return replace(row, found=f"{row.found}; accepted, as {name}" if name else f"{row.found}; accepted")


def _settings(context: Context) -> tuple[Config, Check | None]:
    """The configuration; where it cannot be read, the defaults and the row that says so: the other rows still help."""
    try:
        return context.config, None
    except UsageError as exc:
        return Config(), Check("settings", Verdict.FAILED, exc.message, exc.hints[0] if exc.hints else "")
