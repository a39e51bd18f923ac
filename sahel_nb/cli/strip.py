"""`sahel-nb strip`: nbstripout 0.9.1's command line, so that it can stand in its place.

Options, abbreviations, stdin, stdout, `git config filter.nbstripout.{extrakeys,keepmetadatakeys}` and exit codes are
nbstripout's. docs/how-to/from-nbstripout.md lists the few places where it would lose something and ours does not.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sahel_nb.cli.argparse_command import ArgparseCommand
from sahel_nb.errors import Refused, SahelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sahel_nb.notebook.strip import StripOptions

_FAILED = 1
"""What nbstripout exits with for whatever is wrong but its command line, and for --verify."""
_ELSEWHERE = {
    "install": ("sahel-nb init", "sahel-nb install"),
    "uninstall": ("sahel-nb uninstall",),
}


@dataclass(frozen=True)
class Typed:
    """What was typed, under nbstripout's names."""

    files: list[str]
    dry_run: bool
    install: bool
    uninstall: bool
    is_installed: bool
    status: bool
    version: bool
    verify: bool
    keep_count: bool
    keep_output: bool
    drop_output_type: list[str]
    keep_output_type: list[str]
    keep_id: bool
    extra_keys: str
    keep_metadata_keys: str
    drop_empty_cells: bool
    drop_tagged_cells: str
    strip_init_cells: bool
    attributes: str | None
    global_config: bool
    system: bool
    python: str | None
    force: bool
    max_size: str
    mode: str
    textconv: bool
    unix_newlines: bool


@click.command(
    cls=ArgparseCommand,
    exclusive=(
        ("dry_run", "install", "uninstall", "is_installed", "status", "version"),
        ("global_config", "system", "python"),
    ),
)
@click.argument("files", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Print which notebooks would have been stripped.")
@click.option("--verify", is_flag=True, help="Exit with 1 where a file would be changed; implies --dry-run.")
@click.option("-t", "--textconv", is_flag=True, help="Print stripped files to stdout.")
@click.option("-f", "--force", is_flag=True, help="Strip files with other extensions than .ipynb and .zpln, too.")
@click.option("-m", "--mode", type=click.Choice(["jupyter", "zeppelin"]), default="jupyter", help="Kind of notebook.")
@click.option("--keep-output", is_flag=True, help="Do not strip output.")
@click.option("--keep-count", is_flag=True, help="Do not strip the execution count.")
@click.option("--keep-id", is_flag=True, help="Keep cell ids.")
@click.option("--keep-output-type", multiple=True, metavar="TYPE[:NAME]...", help="Outputs to keep.")
@click.option("--drop-output-type", multiple=True, metavar="TYPE[:NAME]...", help="Outputs to drop of those kept.")
@click.option("--extra-keys", default="", help="More keys to strip: 'metadata.foo cell.metadata.bar'")
@click.option("--keep-metadata-keys", default="", help="Keys to keep: 'metadata.foo cell.metadata.bar'")
@click.option("--drop-empty-cells", is_flag=True, help="Remove cells that hold only white space.")
@click.option("--drop-tagged-cells", default="", help="Remove cells with one of these tags.")
@click.option("--strip-init-cells", is_flag=True, help="Strip the output of cells with `init_cell: true`, too.")
@click.option("--max-size", default="0", metavar="SIZE", help="Keep outputs of at most SIZE characters (10, 10K, 2M).")
@click.option("--global", "global_config", is_flag=True, help="Read extra keys from the global git configuration only.")
@click.option("--system", is_flag=True, help="Read extra keys from the system's git configuration only.")
@click.option("--unix-newlines", is_flag=True, help="Accepted for nbstripout's sake; newlines are always LF.")
@click.option("--version", is_flag=True, help="Print the version of nbstripout that is matched.")
@click.option("--install", is_flag=True, help="Names the command that does it: sahel-nb install.")
@click.option("--uninstall", is_flag=True, help="Names the command that does it: sahel-nb uninstall.")
@click.option("--is-installed", is_flag=True, help="Exit with 1 where git does not call sahel-nb's filter here.")
@click.option("--status", is_flag=True, help="Print whether it does, and by which settings; sahel-nb doctor says more.")
@click.option("--attributes", default=None, metavar="FILE", help="Without effect: it belongs to --install.")
@click.option("--python", default=None, metavar="PATH", help="Without effect: it belongs to --install.")
def strip(**typed: Any) -> int:
    """Strip outputs from notebooks, in place, or from stdin to stdout: the options and the bytes of nbstripout 0.9.1.

    A file is replaced as a whole or left as it is, and not touched where there is nothing to strip. Exit codes are
    nbstripout's: 0 done, 1 not done or --verify found something, 2 the command line.

    \b
    Examples:  sahel-nb strip notebooks/*.ipynb
               sahel-nb strip < in.ipynb > out.ipynb
    """
    given = Typed(**typed)
    for name, commands in _ELSEWHERE.items():
        if getattr(given, name):
            option = "--" + name.replace("_", "-")
            raise UsageError(f"`strip {option}` is a command of its own here", hints=commands)
    if given.version:
        from importlib.metadata import version

        click.echo(version("nbstripout"))
        return 0
    try:
        if given.is_installed or given.status:
            return _told_whether_installed(given)
        changed = _strip_all(given)
    except SahelError as exc:
        exc.exit_code = _FAILED
        raise
    except BrokenPipeError:
        return 0  # whoever read stdout had enough, and says itself whether that is a failure
    return _FAILED if given.verify and changed else 0


def _told_whether_installed(given: Typed) -> int:
    """0 where git would call our filter for a notebook of this clone. Raise `SahelError` outside of a repository."""
    from sahel_nb.cli.context import Context
    from sahel_nb.install.install import configured
    from sahel_nb.repo.cmd import git

    root = Context.here().worktree.root
    filters = {key: value for key, value in configured(Context.here().worktree).items() if key.startswith("filter.")}
    asked = git("check-attr", "filter", "--", "*.ipynb", cwd=root).text
    # Our filter is a clone's own: what is set for all of somebody's clones, or for a machine, is none of ours.
    here = bool(filters) and asked.endswith(": sahel-nb") and not (given.global_config or given.system)
    if given.status:
        lines = [f"sahel-nb is {'' if here else 'not '}installed in repository '{root}'"]
        if here:
            lines += ["", "Filter:", *(f"  {key.rpartition('.')[2]} = {filters[key]}" for key in sorted(filters))]
            lines += ["", "Attributes:", f"  {asked}"]
        _out("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
    return 0 if here else _FAILED


def _strip_all(given: Typed) -> bool:
    """True where a notebook was changed, or would have been. Stops at the first that cannot be stripped."""
    from sahel_nb.hooks.inplace import read, replace

    names = [name for name in given.files if given.force or name.endswith((".ipynb", ".zpln"))]
    if given.files and not names:
        return False  # what the options would mean is not asked, as nbstripout does not
    stripped, changes = _means(given)
    dry_run = given.dry_run or given.verify
    if not given.files:
        stdin: Any = sys.stdin
        if stdin is None:
            raise Refused("stdin is closed, and no file is named")
        data: bytes = stdin.buffer.read()
        with _named("on stdin"):
            changed = changes(data) if dry_run else False
            if dry_run and changed:
                _out(b"Dry run: would have stripped input from stdin\n")
            elif not dry_run:
                _out(stripped(data))
        return changed
    any_changed = False
    for name in names:
        path = Path(name)
        with _named(f"in '{name}'"):
            data = read(path)
            if given.textconv and not dry_run:
                _out(stripped(data))
                continue
            if not changes(data):
                continue
            if dry_run:
                _out(b"Dry run: would have stripped " + os.fsencode(name) + b"\n")
            else:
                replace(path, stripped(data), instead_of=data)
        any_changed = True
    return any_changed


@contextmanager
def _named(where: str) -> Iterator[None]:
    """What nbstripout says of a notebook that is none, and why."""
    from sahel_nb.notebook.document import NotebookError

    try:
        yield
    except NotebookError as exc:
        exc.message = f"No valid notebook detected {where}: {exc.message}"
        raise


def _means(given: Typed) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bool]]:
    """What strips a notebook of this kind, and what tells whether that changes anything."""
    if given.mode == "zeppelin":
        from sahel_nb.notebook import zeppelin

        return zeppelin.strip, zeppelin.has_something_to_strip
    from sahel_nb.notebook.strip import has_something_to_strip
    from sahel_nb.notebook.strip import strip as stripped

    options = _options(given)
    return lambda data: stripped(data, options), lambda data: has_something_to_strip(data, options)


def _options(given: Typed) -> StripOptions:
    from sahel_nb.notebook.strip import StripOptions, is_key, parse_size

    extra, keep = _git_keys("--system" if given.system else "--global" if given.global_config else "")
    keep += given.keep_metadata_keys.split()
    extra = [key for key in extra + given.extra_keys.split() if key not in keep]
    for key in extra:
        if not is_key(key):
            click.echo(f"Ignoring invalid extra key `{key}`", err=True)
    return StripOptions(
        keep_output=given.keep_output or None,
        keep_count=given.keep_count,
        keep_id=given.keep_id,
        extra_keys=tuple(extra),
        keep_metadata_keys=tuple(keep),
        drop_empty_cells=given.drop_empty_cells,
        drop_tagged_cells=tuple(given.drop_tagged_cells.split()),
        strip_init_cells=given.strip_init_cells,
        drop_output_types=frozenset(given.drop_output_type),
        keep_output_types=frozenset(given.keep_output_type),
        max_size=parse_size(given.max_size),
    )


def _git_keys(scope: str) -> tuple[list[str], list[str]]:
    """Those that nbstripout reads from git: filter.nbstripout.extrakeys and .keepmetadatakeys, the last one each."""
    from sahel_nb.repo.cmd import git, told_to_hooks

    pattern = r"^filter\.nbstripout\.(extrakeys|keepmetadatakeys)$"
    where = ("config", scope) if scope else ("config",)
    found: dict[str, list[str]] = {"extrakeys": [], "keepmetadatakeys": []}
    try:
        env = told_to_hooks(os.environ)
        answer = git(*where, "-z", "--get-regexp", pattern, cwd=Path.cwd(), check=False, env=env)
    except SahelError:
        return [], []  # without git there are no settings, and no need of it
    for item in answer.stdout.decode("utf-8", "replace").split("\0"):
        key, _, value = item.partition("\n")
        if key:
            found[key.rpartition(".")[2]] = value.split()
    return found["extrakeys"], found["keepmetadatakeys"]


def _out(data: bytes) -> None:
    """Past every buffer: what cannot be written is known here, and nothing is left for the interpreter's end."""
    stdout: Any = sys.stdout
    if stdout.isatty():
        stdout.write(data.decode("utf-8", "surrogateescape"))  # for a person, through the filter
        return
    if sys.__stdout__ is None:  # as it was when we were started; main() lets everybody else write into nothing
        raise Refused("stdout is closed")
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(stdout.fileno(), rest) :]
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise Refused(f"stdout cannot be written: {exc.strerror}") from exc
