"""`sahel-nb pair`."""

from __future__ import annotations

from pathlib import Path

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import Refused, UsageError
from sahel_nb.links import typed


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; compare every pair, and fail where one is out of step.")
@click.option(
    "--from",
    "source",
    type=click.Choice(["notebook", "mirror"]),
    help="Which half is right; settles a conflict, and needs FILES.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def pair(files: tuple[Path, ...], check: bool, source: str | None, as_json: bool) -> None:
    """Bring notebooks and their mirrors (.py, .R, .jl) together, by content.

    The half that differs from git is followed by the other one. Where both do, they are merged cell by cell; where they
    touch the same cell, neither is written.

    \b
    Examples:  sahel-nb pair
               sahel-nb pair --from mirror notebooks/fula/fula.ipynb
    """
    from sahel_nb.hooks.forms import Forms
    from sahel_nb.hooks.pair import OUT_OF_STEP
    from sahel_nb.hooks.pair import pair as bring_together
    from sahel_nb.hooks.settings import Personal
    from sahel_nb.hooks.staged import Repository
    from sahel_nb.notebook.pair import Direction

    context = Context.here()
    if source and not files:
        raise UsageError("--from needs the files it is meant for", hints=(f"sahel-nb pair --from {source} FILE.ipynb",))
    repository = Repository(context.worktree)
    forms = Forms.of(repository, Personal.of(repository).settings(repository.config_file()))
    if forms.off:
        raise UsageError('pairing is off: pair.format is "" in sahel-nb.toml')
    forced = {"notebook": Direction.TO_MIRROR, "mirror": Direction.TO_NOTEBOOK, None: None}[source]
    outcomes = bring_together(repository, forms, [*map(str, files)], force=forced, check=check)
    if as_json:
        import json

        rows = [
            {
                "notebook": _text(one.notebook),
                "written": [*map(_text, one.written)],
                "removed": [*map(_text, one.removed)],
                "problem": one.problem,
            }
            for one in outcomes
        ]
        click.echo(json.dumps({"schema": "sahel-nb.pair/2", "pairs": rows}, ensure_ascii=False))
    else:
        for one in outcomes:
            context.reporter.say(one.said)
        if not outcomes:
            context.reporter.say("nothing to do: notebooks and mirrors are in step")
    stuck = [one for one in outcomes if one.problem]
    if stuck:
        hints = dict.fromkeys(hint for one in stuck for hint in one.hints)
        choice = next((one for one in stuck if one.choice), None)
        if not hints and choice is not None:
            hints[f"sahel-nb pair --from notebook {typed(_text(choice.notebook))}   # or --from mirror"] = None
        elif not hints and check and any(one.problem == OUT_OF_STEP for one in stuck):
            hints["sahel-nb pair"] = None
        raise Refused(f"{len(stuck)} pair{'s are' if len(stuck) > 1 else ' is'} out of step", hints=tuple(hints))


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
