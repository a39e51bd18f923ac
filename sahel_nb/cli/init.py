"""`sahel-nb init`."""

from __future__ import annotations

import os
from shlex import quote

import click

from sahel_nb.cli.context import Context


@click.command()
@click.option(
    "--pre-commit", is_flag=True, help="Also write .pre-commit-config.yaml, for teams that use that framework."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def init(pre_commit: bool, as_json: bool) -> None:
    """Set up a repository, once: config, attributes, ignore rules, jupytext settings.

    What is there already is only added to. Each clone then needs `sahel-nb install`.

    \b
    Example:  sahel-nb init && git add . && git commit -m "Set up sahel-nb" && sahel-nb install
    """
    from sahel_nb.install.repository import Outcome, initialize

    context = Context.here()
    done = initialize(context.worktree.root, context.config, pre_commit=pre_commit)
    if as_json:
        import json

        files = [{"file": one.name, "outcome": one.outcome.value} for one in done]
        click.echo(json.dumps({"schema": "sahel-nb.init/1", "files": files}))
        return
    for one in done:
        context.reporter.say(f"{one.outcome.value:>9}  {one.name}")
    root = context.worktree.root
    changed = [
        quote(os.path.relpath(root / one.name, context.cwd)) for one in done if one.outcome is not Outcome.UNCHANGED
    ]
    if changed:
        context.reporter.say("Now commit them, and set up this clone:")
        context.reporter.say(f'  $ git add {" ".join(changed)} && git commit -m "Set up sahel-nb" && sahel-nb install')
    else:
        context.reporter.say("Nothing to do: the repository is set up. Each clone once: sahel-nb install")
