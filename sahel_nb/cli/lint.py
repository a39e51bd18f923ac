"""`sahel-nb lint`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import Refused
from sahel_nb.report.terminal import one_line


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--fix", is_flag=True, help="Fix what can safely be fixed: a missing kernel, names of sources, …")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def lint(paths: tuple[Path, ...], fix: bool, as_json: bool) -> None:
    """Find what would waste a run, before quota is spent: in notebooks and in kernel-metadata.json.

    \b
    Example:  sahel-nb lint notebooks/fula
    """
    from sahel_nb.hooks.lint import fix as fix_files
    from sahel_nb.hooks.lint import lint_paths
    from sahel_nb.notebook.lint_scope import LintScope

    context = Context.here()
    wanted = paths or (context.cwd,)
    fixed = [_short(path) for path in fix_files(wanted, context.worktree.root)] if fix else []
    for path in fixed:
        notebook = path.suffix == ".ipynb"
        context.reporter.say(f"{path} {'now names a kernel' if notebook else 'was fixed'}")
    scope = LintScope(context.config.lint.disable, context.config.lint.exclude)
    found = lint_paths([_short(path) for path in wanted], context.worktree.root, scope)
    if as_json:
        import json

        rows = [finding.to_json() for finding in found]
        click.echo(json.dumps({"schema": "sahel-nb.lint/1", "findings": rows}, ensure_ascii=False))
    else:
        for finding in found:
            click.echo(f"{finding.severity.value:>5}  {one_line(str(finding))}")
            if finding.mend:
                click.echo(f"       -> {finding.mend}")
    add = (shlex.join(("git", "add", "--", *map(str, fixed))),) if fixed else ()
    errors = sum(finding.blocks for finding in found)
    if errors:
        raise Refused(f"{errors} error{'s' if errors > 1 else ''}; a run would fail or surprise you", hints=add)
    for command in add:
        context.reporter.say(f"to commit it: $ {command}")


def _short(path: Path) -> Path:
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path
