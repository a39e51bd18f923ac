"""`sahel-nb lock doctor`: is the place where the locks are fit for them?"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import Refused
from sahel_nb.report.console import Console

if TYPE_CHECKING:
    from sahel_nb.lock.doctor import Examined


@click.command(epilog="Example: sahel-nb lock doctor")
@click.option("--fix", is_flag=True, help="Write another lock.prefix to sahel-nb.toml where one is needed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(fix: bool, as_json: bool) -> None:
    """Try on the remote what a lock does, and find what is in its way.

    A ref of its own is made, read, moved and deleted; the locks are not touched. Each failing row names the command
    that mends it.
    """
    context = Context.here()
    examined = _examined(context)
    if fix and examined.prefix:
        from sahel_nb.links import typed
        from sahel_nb.lock.setting import write_setting

        write_setting(context.worktree.root, "prefix", examined.prefix)
        context.reporter.say(f'lock.prefix is "{examined.prefix}" now; commit it, for everybody uses one place')
        name = typed("sahel-nb.toml")
        context.reporter.say(
            f'$ git add {name} && git commit -m "Keep the locks where the host takes them" -- {name} && git push'
        )
        context = Context.here()
        examined = _examined(context)
    if as_json:
        rows = [{"name": c.name, "verdict": c.verdict.value, "found": c.found, "mend": c.mend} for c in examined.rows]
        click.echo(json.dumps({"schema": "sahel-nb.lock-doctor/1", "checks": rows}, ensure_ascii=False, indent=2))
    else:
        table = Console(sys.stdout)
        for row in examined.rows:
            table.check(row)
    failing = [row for row in examined.rows if row.blocks]
    if failing:
        raise Refused(
            f"{len(failing)} of {len(examined.rows)} checks failed: {', '.join(row.name for row in failing)}",
            hints=tuple(dict.fromkeys(row.mend for row in failing if row.mend)),
        )


def _examined(context: Context) -> Examined:
    from sahel_nb.lock.clock import SystemClock
    from sahel_nb.lock.doctor import examine
    from sahel_nb.lock.home import home_of, remotes
    from sahel_nb.lock.team import examine_team, lock_config, team_lock

    worktree = context.worktree
    team, own = team_lock(worktree), context.config.lock
    examined = examine(
        home_of(worktree, replace(own, remote=lock_config(worktree, own, os.environ).remote)),
        SystemClock(),
        remotes=remotes(worktree),
        committed=(team.remote, team.prefix),
    )
    return replace(examined, rows=[*examined.rows, examine_team(worktree, own, os.environ)])
