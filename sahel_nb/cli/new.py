"""`sahel-nb new NAME`."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import UsageError


@click.command()
@click.argument("name")
@click.option("--owner", default="", help="Kaggle account or organisation; else `git config sahel-nb.owner`.")
@click.option("--title", default="", help="Must resolve to NAME; left out, it is made from it.")
@click.option("--template", default="blank", show_default=True, help="blank, blank-r (in R), or langid (an example).")
@click.option("--from", "source", type=click.Path(path_type=Path), help="A .py, .R or .ipynb to start from.")
@click.option("--gpu", is_flag=False, flag_value="NvidiaTeslaT4", default="", help="With a GPU; optionally which.")
@click.option("--dataset", "datasets", multiple=True, metavar="OWNER/SLUG", help="Attach a dataset; repeatable.")
@click.option("--kernel", "kernels", multiple=True, metavar="OWNER/SLUG", help="Attach another kernel's output.")
@click.option("--private/--public", default=True, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def new(
    name: str,
    owner: str,
    title: str,
    template: str,
    source: Path | None,
    gpu: str,
    datasets: tuple[str, ...],
    kernels: tuple[str, ...],
    private: bool,
    as_json: bool,
) -> None:
    """Make a kernel folder: metadata, notebook and mirror.

    \b
    Examples:  sahel-nb new fula-langid --owner awa --template langid
               sahel-nb new train-model --owner team --from old.ipynb --gpu --dataset team/corpus
    """
    from sahel_nb.install.kernel import NewKernel, create
    from sahel_nb.kernels.metadata import slugify_title
    from sahel_nb.links import inside

    context = Context.here()
    owner = owner or context.worktree.git_config().get("sahel-nb.owner", "")
    if not owner:
        raise UsageError(
            "whose kernel is it? Kaggle needs an owner",
            hints=(f"sahel-nb new {quote(name)} --owner ACCOUNT", "git config sahel-nb.owner ACCOUNT"),
        )
    slug = slugify_title(name)
    if slug != name.lower():
        context.reporter.say(f"{name!r} becomes {slug!r} on Kaggle")
    wanted = NewKernel(name, owner, title, template, source, gpu, private, datasets, kernels)
    root = context.worktree.root
    place = f"{(context.config.notebooks.folders or ('.',))[0]}/{slug}"
    made = create(Path(inside(f"{root}/{place}", place, str(root))), wanted, context.config.pair.format)
    files = [path.relative_to(root).as_posix() for path in made.files]
    folder = made.folder.relative_to(root).as_posix()
    if as_json:
        import json

        click.echo(json.dumps({"schema": "sahel-nb.new/1", "kernel": str(made.metadata.ref), "files": files}))
        return
    context.reporter.say(f"{made.metadata.ref}, in {folder}:")
    for file in files:
        context.reporter.say(f"  {file}")
    for problem in made.metadata.problems():
        context.reporter.say(f"  {problem.key}: {problem.message}")
    folder = quote(os.path.relpath(made.folder, context.cwd))
    context.reporter.say("Next:")
    context.reporter.say(f'  $ git add {folder} && git commit -m "Add {slug}" && git push')
    if made.metadata.language == "python":
        context.reporter.say(f"  $ sahel-nb rehearse {folder}      # no account, no quota")
    context.reporter.say(f"  $ sahel-nb run {folder}")
