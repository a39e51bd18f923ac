"""`sahel-nb lock init`: what the team agrees about its locks once, written into sahel-nb.toml."""

from __future__ import annotations

import click

from sahel_nb.cli.context import Context


@click.command(epilog="Example: sahel-nb lock init")
def init() -> None:
    """Write what records call the lock remote into sahel-nb.toml, for everybody, however they reach it.

    Until then it is named after the URL, and two URLs of one server are two remotes.
    """
    from sahel_nb.links import typed
    from sahel_nb.lock.setting import write_setting

    context = Context.here()
    home, name = context.lock_home, typed("sahel-nb.toml")
    if home.config.id:
        click.echo(f"the locks are at {home.config.id}, as committed")
        return
    write_setting(context.worktree.root, "id", home.remote_id)
    click.echo(f"the locks are at {home.remote_id}: commit it, for everybody uses one name")
    context.reporter.say(f'$ git add {name} && git commit -m "Name the remote with the locks" -- {name} && git push')
