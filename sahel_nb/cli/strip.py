"""`sahel-nb strip`: nbstripout's options, so that it can stand in its place."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sahel_nb.errors import UsageError


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Print which notebooks would have been stripped.")
@click.option("--verify", is_flag=True, help="Exit with 1 where a file would be changed; implies --dry-run.")
@click.option("-t", "--textconv", is_flag=True, help="Print stripped files to stdout.")
@click.option("-f", "--force", is_flag=True, help="Strip files with other extensions, too.")
@click.option("--keep-output", is_flag=True, default=None, help="Do not strip output.")
@click.option("--keep-count", is_flag=True, help="Do not strip the execution count.")
@click.option("--keep-id", is_flag=True, help="Keep cell ids.")
@click.option("--keep-output-type", multiple=True, metavar="TYPE[:NAME]", help="Outputs to keep; repeatable.")
@click.option("--drop-output-type", multiple=True, metavar="TYPE[:NAME]", help="Outputs to drop, with --keep-output.")
@click.option("--extra-keys", default="", help="More keys to strip: metadata.foo cell.metadata.bar")
@click.option("--keep-metadata-keys", default="", help="Keys to keep: metadata.foo cell.metadata.bar")
@click.option("--drop-empty-cells", is_flag=True, help="Remove cells that hold only white space.")
@click.option("--drop-tagged-cells", default="", help="Remove cells with one of these tags.")
@click.option("--strip-init-cells", is_flag=True, help="Strip the output of cells with `init_cell: true`, too.")
@click.option("--max-size", default="0", metavar="SIZE", help="Keep outputs smaller than SIZE (10, 10K, 2M).")
@click.option("--unix-newlines", is_flag=True, help="Accepted for nbstripout's sake; newlines are always LF.")
def strip(
    files: tuple[Path, ...],
    dry_run: bool,
    verify: bool,
    textconv: bool,
    force: bool,
    keep_output: bool | None,
    keep_count: bool,
    keep_id: bool,
    keep_output_type: tuple[str, ...],
    drop_output_type: tuple[str, ...],
    extra_keys: str,
    keep_metadata_keys: str,
    drop_empty_cells: bool,
    drop_tagged_cells: str,
    strip_init_cells: bool,
    max_size: str,
    unix_newlines: bool,  # noqa: ARG001  see its help
) -> None:
    """Strip outputs from notebooks, in place, or from stdin to stdout. The bytes are those of nbstripout 0.9.1.

    \b
    Examples:  sahel-nb strip notebooks/*.ipynb
               sahel-nb strip < in.ipynb > out.ipynb
    """
    from sahel_nb.notebook.strip import StripOptions, parse_size

    extra, keep = _git_keys()
    options = StripOptions(
        keep_output=keep_output or None,
        keep_count=keep_count,
        keep_id=keep_id,
        extra_keys=(*extra, *_keys(extra_keys)),
        keep_metadata_keys=(*keep, *keep_metadata_keys.split()),
        drop_empty_cells=drop_empty_cells,
        drop_tagged_cells=tuple(drop_tagged_cells.split()),
        strip_init_cells=strip_init_cells,
        drop_output_types=frozenset(word for text in drop_output_type for word in text.split()),
        keep_output_types=frozenset(word for text in keep_output_type for word in text.split()),
        max_size=parse_size(max_size),
    )
    from sahel_nb.hooks.inplace import read, strip_file
    from sahel_nb.notebook.document import NotebookError
    from sahel_nb.notebook.strip import has_something_to_strip
    from sahel_nb.notebook.strip import strip as stripped_of

    dry_run = dry_run or verify
    changed = False
    if not files:
        data = sys.stdin.buffer.read()
        changed = has_something_to_strip(data, options) if dry_run else False
        if dry_run and changed:
            click.echo("Dry run: would have stripped input from stdin")
        elif not dry_run:
            _out(stripped_of(data, options))
    for file in files:
        if not force and file.suffix != ".ipynb":
            continue
        if textconv and not dry_run:
            try:
                _out(stripped_of(read(file), options))
            except NotebookError as exc:
                raise NotebookError(f"{file}: {exc.message}") from exc
        elif strip_file(file, options, dry_run=dry_run):
            changed = True
            if dry_run:
                click.echo(f"Dry run: would have stripped {file}")
    if verify and changed:
        sys.exit(1)


def _out(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _keys(text: str) -> tuple[str, ...]:
    for key in text.split():
        if key.split(".")[0] not in ("cell", "metadata") or "." not in key:
            raise UsageError(f"--extra-keys: {key!r} is not of the form metadata.foo or cell.metadata.foo")
    return tuple(text.split())


def _git_keys() -> tuple[list[str], list[str]]:
    """Those that nbstripout reads from git: filter.nbstripout.extrakeys and .keepmetadatakeys."""
    from sahel_nb.repo.cmd import git

    pattern = r"^filter\.nbstripout\.(extrakeys|keepmetadatakeys)$"
    answer = git("config", "-z", "--get-regexp", pattern, cwd=Path.cwd(), check=False)
    found: dict[str, list[str]] = {"extrakeys": [], "keepmetadatakeys": []}
    for item in answer.stdout.decode("utf-8", "replace").split("\0"):
        key, _, value = item.partition("\n")
        if key:
            found[key.rpartition(".")[2]] = value.split()
    return found["extrakeys"], found["keepmetadatakeys"]
