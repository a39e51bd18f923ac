"""`sahel-nb install` and `sahel-nb uninstall`."""

from __future__ import annotations

import click

from sahel_nb.cli.context import Context


@click.command()
def install() -> None:
    """Set up this clone, once: the git filter that strips, and the hooks that pair and guard.

    Can be repeated. Hooks of other programs stay where they are, and run first.

    \b
    Example:  sahel-nb install && sahel-nb doctor
    """
    from sahel_nb.hooks.mirrors import of_worktree
    from sahel_nb.install.install import install as set_up

    context = Context.here()
    set_up(context.worktree, context.reporter, of_worktree(context.worktree))


@click.command()
def uninstall() -> None:
    """Take out of this clone what install put in. Notebooks and committed files stay as they are.

    \b
    Example:  sahel-nb uninstall
    """
    from sahel_nb.install.install import uninstall as take_out

    context = Context.here()
    take_out(context.worktree, context.reporter)
