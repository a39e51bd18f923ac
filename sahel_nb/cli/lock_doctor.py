"""`sahel-nb lock doctor`: is the place where the locks are fit for them?"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import Refused, SahelError
from sahel_nb.report.console import Console

if TYPE_CHECKING:
    from sahel_nb.lock.doctor import Examined
    from sahel_nb.repo.worktree import Worktree


@click.command(epilog="Example: sahel-nb lock doctor")
@click.argument("kernels", nargs=-1, metavar="[OWNER/SLUG]...")
@click.option("--fix", is_flag=True, help="Write another lock.prefix to sahel-nb.toml where one is needed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(kernels: tuple[str, ...], fix: bool, as_json: bool) -> None:
    """Try on the remote what a lock does, and find what is in its way.

    A ref of its own is made, read, moved and deleted; the locks are not touched. Each failing row names the command
    that mends it.
    """
    context = Context.here()
    examined = _examined(context, kernels)
    if fix and examined.prefix:
        from sahel_nb.lock.prefix_setting import write_prefix

        write_prefix(context.worktree.root, examined.prefix)
        context.reporter.say(f'lock.prefix is "{examined.prefix}" now; commit it, for everybody uses one place')
        context.reporter.say('git commit -m "Keep the locks where the host takes them" -- sahel-nb.toml')
        context = Context.here()
        examined = _examined(context, kernels)
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


def _examined(context: Context, kernels: tuple[str, ...]) -> Examined:
    from sahel_nb.lock.clock import SystemClock
    from sahel_nb.lock.doctor import examine
    from sahel_nb.lock.home import committed, home_of, remotes
    from sahel_nb.lock.ttl import examine_ttl

    worktree = context.worktree
    examined = examine(
        home_of(worktree, context.config.lock),
        kernels or _own(worktree),
        SystemClock(),
        remotes=remotes(worktree),
        committed=committed(worktree),
    )
    return replace(examined, rows=[*examined.rows, examine_ttl(worktree, context.config.lock, os.environ)])


def _own(worktree: Worktree) -> tuple[str, ...]:
    """The kernels of this repository that have a name on Kaggle."""
    from sahel_nb.lock.names import check_kernel
    from sahel_nb.run.select import kernels_in

    found = []
    try:
        for kernel in kernels_in(worktree, worktree.head()):
            found.append(check_kernel(kernel.id))
    except SahelError:  # no commit yet, or a kernel that `sahel-nb lint` has something to say about
        return tuple(found)
    return tuple(found)
