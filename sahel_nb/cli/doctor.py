"""`sahel-nb doctor`."""

from __future__ import annotations

import os

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import Refused
from sahel_nb.report.events import Check


@click.command()
@click.option("--fix", is_flag=True, help="Run what can be mended from here: init, install, phantom changes.")
@click.option("--offline", is_flag=True, help="Do not ask the lock remote.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(fix: bool, offline: bool, as_json: bool) -> None:
    """Check everything; each failing row names the command that mends it.

    \b
    Example:  sahel-nb doctor --fix
    """
    from sahel_nb.hooks.mirrors import of_worktree
    from sahel_nb.install.doctor import examine as look

    context = Context.here()

    def examine() -> list[Check]:
        return look(context.worktree, context.config, os.environ, offline=offline, mirrors=of_worktree)

    checks = examine()
    if fix:
        from sahel_nb.repo.phantom import mend

        for path in mend(context.worktree):
            context.reporter.say(f"{path.decode('utf-8', 'backslashreplace')} no longer shows as modified")
        checks = examine()
    mends = {check.mend.split(" && ")[0] for check in checks if check.mend}
    if fix and mends & {"sahel-nb init", "sahel-nb install"}:
        from sahel_nb.install.install import install
        from sahel_nb.install.repository import initialize

        if "sahel-nb init" in mends:
            for one in initialize(context.worktree.root, context.config, pre_commit=False):
                context.reporter.say(f"{one.outcome.value}: {one.name}")
        install(context.worktree, context.reporter, of_worktree(context.worktree))
        checks = examine()
    if as_json:
        import json

        rows = [{"name": c.name, "verdict": c.verdict.value, "found": c.found, "mend": c.mend} for c in checks]
        click.echo(json.dumps({"schema": "sahel-nb.doctor/1", "checks": rows}, ensure_ascii=False))
    else:
        for check in checks:
            context.reporter.check(check)
    failing = [check for check in checks if check.blocks]
    if failing:
        raise Refused(
            f"{len(failing)} of {len(checks)} checks failed: {', '.join(check.name for check in failing)}",
            hints=tuple(dict.fromkeys(check.mend for check in failing if check.mend)),
        )
