"""`sahel-nb lock install-hook`: on the server that holds the locks."""

from __future__ import annotations

from pathlib import Path

import click

from sahel_nb.cli.context import reporter


@click.command(
    "install-hook", epilog="Example: sahel-nb lock install-hook /srv/git/team.git --identity REMOTE_USER --yes"
)
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path), metavar="[FOLDER]")
@click.option("--identity", required=True, metavar="VARIABLE", help="REMOTE_USER, GL_USER or SAHEL_USER: who pushes.")
@click.option("--yes", is_flag=True, help="Do it; without it the plan is shown.")
def install_hook(folder: Path, identity: str, yes: bool) -> None:
    """Let a repository on a server of your own judge every push to its locks.

    Run it on the server. A hook that is there is kept, and runs first.
    """
    from sahel_nb.install.server_hook import plan

    wanted = plan(folder, identity)
    for line in wanted.lines:
        click.echo(line)
    if yes:
        wanted.carry_out()
        reporter().say(f"who is who: $ git --git-dir={wanted.git_dir} config --add sahel.USER.email ADDRESS")
    else:
        reporter().say("nothing is done yet: the same again with --yes does it")
