"""`sahel-nb rescue`: bring home what was edited on Kaggle."""

from __future__ import annotations

import os
import sys
from shlex import quote
from typing import TYPE_CHECKING

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import Refused
from sahel_nb.links import typed

if TYPE_CHECKING:
    from sahel_nb.run.drift import Rescued
    from sahel_nb.run.plan import Source


@click.command(epilog="Example: sahel-nb rescue notebooks/fula-tts --yes")
@click.argument("kernel", required=False)
@click.option("--dev", is_flag=True, help="From your personal slug of this kernel.")
@click.option("--local", is_flag=True, help="From the embedded service.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--markers", is_flag=True, help="Where git and Kaggle changed the same, write both, between markers.")
@click.option("--base", metavar="COMMIT", help="What Kaggle's copy was made from, where it does not say so itself.")
def rescue(kernel: str | None, dev: bool, local: bool, yes: bool, markers: bool, base: str | None) -> None:
    """Bring an edit from Kaggle's web page home: into the worktree of KERNEL, ready to be looked at and committed.

    Stripped, paired, with git's metadata. Only what was edited on Kaggle is taken; what git has changed since stays,
    and where both changed the same, git wins: nothing is written unless --markers says to show both. What Kaggle's
    copy was made from is never guessed.
    """
    from sahel_nb.cli import assembly
    from sahel_nb.cli.drift import compare, lines, summary
    from sahel_nb.kernels.metadata import FILE_NAME
    from sahel_nb.repo import objects
    from sahel_nb.run.drift import rescue as bring

    context = Context.here(local=local)
    asked = assembly.asked(context, kernel, dev=dev)
    found = compare(context, asked, base)
    context.reporter.say(summary(found))
    if not found.drifted:
        return
    for line in lines(found):
        click.echo(line)
    assert asked.selection is not None  # compare refuses what is not in the repository
    folder = asked.selection.kernel.folder
    _refuse_dirty(context, folder)
    head = assembly.source_of(context, context.worktree.head(), folder)
    if head.is_notebook != found.base.is_notebook:
        raise Refused(
            f"git has a {_kind(head)} here now, and had a {_kind(found.base)} at {found.base.commit.short}",
            details=("an edit of the one is not brought into the other",),
            hints=(f"sahel-nb drift {typed(folder)}",),
        )
    code = context.worktree.root / head.code_path
    metadata = context.worktree.root / folder / FILE_NAME
    now = (code.read_bytes(), metadata.read_bytes())
    then = f"{found.base.folder}/{FILE_NAME}".lstrip("/")
    before = objects.read_blob(context.worktree, found.base.commit.sha, then) or now[1]
    made = bring(found, *now, before)
    if made.conflicts and not markers:
        raise Refused(
            "git and Kaggle changed the same since then, and git wins: nothing was written",
            details=made.conflicts,
            hints=(f"sahel-nb rescue --markers {typed(folder)}",),
            kaggle=f"Kaggle keeps the edit as v{found.version} until the kernel is deleted; a run does not remove it.",
        )
    left = [one for one in found.settings if not one.brought]
    for one in left:
        context.reporter.say(f"not brought: {one.key}; {one.kept_out}")
    if (made.code, made.metadata) == now:
        rest = "nothing else to bring" if left else "the worktree has all of it already"
        context.reporter.say(f"{rest}: nothing was written" if left else rest)
        return
    if not yes and not (sys.stdin.isatty() and click.confirm(f"write it to {folder or '.'}?", err=True)):
        raise Refused("nothing was written", hints=(f"sahel-nb rescue --yes {typed(folder)}",))
    _write(context, head, made, now)
    context.reporter.say(f"the edit is in {folder or '.'}, not committed")
    here = quote(os.path.relpath(context.worktree.root / folder, context.cwd))
    context.reporter.say(f"look at it, then: git add {here} && git commit")


def _kind(source: Source) -> str:
    return "notebook" if source.is_notebook else "script"


def _refuse_dirty(context: Context, folder: str) -> None:
    """Nothing that is not committed may be written over."""
    inside = folder.encode() + b"/" if folder else b""
    dirty = [entry.path for entry in context.worktree.status() if entry.path.startswith(inside)]
    if dirty:
        shown = ", ".join(path.decode("utf-8", "backslashreplace") for path in dirty[:3])
        raise Refused(
            f"not committed: {shown}",
            hints=("git stash --include-untracked", "git commit -a"),
            details=("a rescue writes over nothing that git does not have",),
        )


def _write(context: Context, head: Source, made: Rescued, now: tuple[bytes, bytes]) -> None:
    """Each file through a temporary one, and only where it still is what was looked at; the mirror follows."""
    from sahel_nb.hooks.forms import Forms
    from sahel_nb.hooks.inplace import replace
    from sahel_nb.hooks.pair import pair
    from sahel_nb.hooks.settings import Personal
    from sahel_nb.hooks.staged import Repository
    from sahel_nb.kernels.metadata import FILE_NAME
    from sahel_nb.notebook.pair import Direction

    root = context.worktree.root
    code = root / head.code_path
    for path, data, old in ((code, made.code, now[0]), (code.with_name(FILE_NAME), made.metadata, now[1])):
        if data != old:
            replace(path, data, old)
    repository = Repository(context.worktree)
    forms = Forms.of(repository, Personal.of(repository).settings(repository.config_file()))
    if head.is_notebook and made.code != now[0] and not forms.off:
        for outcome in pair(repository, forms, [str(code)], force=Direction.TO_MIRROR):
            context.reporter.say(outcome.said)
