"""`sahel-nb check`."""

from __future__ import annotations

from shlex import quote

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import Refused, UsageError
from sahel_nb.report.terminal import one_line


@click.command()
@click.option("--range", "commits", metavar="A..B", help="The commits of B that A does not have.")
@click.option("--tree", metavar="REV", help="Every file of this commit, and nothing of its history.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(commits: str | None, tree: str | None, as_json: bool) -> None:
    """Check what is committed, as a push does: stripped, paired, valid metadata, no secrets; and lint.

    Without options: the commits that the upstream does not have; where there is no upstream, the tree of HEAD.
    Nothing is read from the worktree. A finding in history stays one: a later commit does not take it back.

    \b
    Examples:  sahel-nb check
               sahel-nb check --range origin/main..HEAD
               sahel-nb check --tree HEAD --json
    """
    from sahel_nb.hooks import check as checks

    if commits is not None and tree is not None:
        raise UsageError(
            "--range and --tree exclude each other",
            hints=tuple(
                f"sahel-nb check {word} {quote(rev)}" for word, rev in (("--range", commits), ("--tree", tree))
            ),
        )
    context = Context.here()
    if commits is not None:
        checked = checks.check_range(context.worktree, commits)
    elif tree is not None:
        checked = checks.check_tree(context.worktree, tree)
    else:
        checked = checks.check_default(context.worktree)
    count = f"{checked.commits} commit{'' if checked.commits == 1 else 's'}"
    what = f"{count} of {checked.base[:9]}..{checked.tip[:9]}" if checked.base else f"the tree of {checked.tip[:9]}"
    if as_json:
        import json

        rows = [{"commit": one.version, **one.finding.to_json()} for one in checked.found]
        head = {"schema": "sahel-nb.check/1", "base": checked.base or None, "tip": checked.tip}
        click.echo(json.dumps({**head, "commits": checked.commits, "findings": rows}, ensure_ascii=False))
    else:
        for one in checked.found:
            click.echo(f"{one.finding.severity.value:>5}  {one.version[:9]}:{one_line(str(one.finding))}")
            if one.finding.mend:
                click.echo(f"       -> {one.finding.mend}")
    errors = sum(one.finding.blocks for one in checked.found)
    if errors:
        raise Refused(f"{errors} error{'s' if errors > 1 else ''} in {what}")
    context.reporter.say(f"{what}: clean")
