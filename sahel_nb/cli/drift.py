"""`sahel-nb drift`: was a kernel edited on Kaggle?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahel_nb.cli.assembly import Asked
    from sahel_nb.run.drift import Drift


@click.command(epilog="Example: sahel-nb drift notebooks/fula-tts")
@click.argument("kernel", required=False)
@click.option("--dev", is_flag=True, help="Your personal slug of this kernel.")
@click.option("--local", is_flag=True, help="On the embedded service.")
@click.option("--base", metavar="COMMIT", help="What Kaggle's copy was made from, where it does not say so itself.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 where there is a difference, for scripts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def drift(kernel: str | None, dev: bool, local: bool, base: str | None, exit_code: bool, as_json: bool) -> None:
    """Show what Kaggle's current version of KERNEL (or KERNEL@v7) has otherwise than git last pushed it, cell by cell.

    Outputs, ids and metadata that only Kaggle's editor writes are no difference. `sahel-nb rescue` brings an edit home.
    """
    from sahel_nb.cli import assembly

    context = Context.here(local=local)
    found = compare(context, assembly.asked(context, kernel, dev=dev), base)
    if as_json:
        value = {
            "schema": "sahel-nb.drift/1",
            "kernel": str(found.ref),
            "version": found.version,
            "commit": found.base.commit.sha,
            "stamped": found.stamped,
            "origin": found.origin.name.lower(),
            "drifted": found.drifted,
            "diff": list(found.diff),
            "settings": [
                {"key": one.key, "git": one.git, "kaggle": one.kaggle, "brought": one.brought, "why": one.kept_out}
                for one in found.settings
            ],
        }
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        for line in lines(found):
            click.echo(line)
        context.reporter.say(summary(found))
    if exit_code and found.drifted:
        click.get_current_context().exit(Refused.exit_code)


def compare(context: Context, asked: Asked, base: str | None = None) -> Drift:
    """The drift of a kernel of this repository, from the commit `base` where one is named. Raises `UsageError` for a
    kernel that is not in it, and what `find_drift` does."""
    from sahel_nb.cli import assembly, evidence
    from sahel_nb.kernels.settings import settings_of
    from sahel_nb.run.drift import find_drift

    if asked.selection is None:
        raise UsageError(f"{asked.ref} is not in this repository: there is nothing that it could have drifted from")
    folder = asked.selection.kernel.folder
    return find_drift(
        asked.ref,
        assembly.version_of(context, asked),
        lambda number: settings_of(context.kaggle, asked.ref, number),
        lambda commit: evidence.committed(context, commit, folder),
        assembly.source_of(context, context.worktree.head(), folder),
        assembly.source_of(context, context.worktree.resolve(base), folder) if base else None,
    )


def lines(found: Drift) -> Iterator[str]:
    """The difference as text; nothing where there is none."""
    if found.diff:
        yield f"--- git {found.base.commit.short} {found.base.code_path}"
        yield f"+++ Kaggle {found.ref} v{found.version}"
        yield from found.diff
    for one in found.settings:
        git, kaggle = (json.dumps(value, ensure_ascii=False) for value in (one.git, one.kaggle))
        yield f"{one.key}: {git} in git, {kaggle} on Kaggle"


def summary(found: Drift) -> str:
    from sahel_nb.run.drift import Origin

    name = f"{found.ref} v{found.version}"
    origin = "; it bears no stamp of ours" if found.origin in (Origin.BELOW, Origin.GUESSED) else ""
    commit = found.base.commit.short
    if not found.drifted:
        return f"{name} is what git {'pushed from' if found.origin is Origin.STAMP else 'has at'} {commit}{origin}"
    cells = sum(1 for line in found.diff if line.startswith("@@"))
    what = f"{cells} place{'' if cells == 1 else 's'} of the source" if cells else "settings"
    if found.theirs is None:
        what = "a script in place of a notebook" if found.base.is_notebook else "a notebook in place of a script"
    if found.origin in (Origin.NAMED, Origin.GUESSED):
        return f"{name} differs from {commit}: {what}{origin}"
    return f"{name} was edited on Kaggle after {commit}: {what}{origin}"
