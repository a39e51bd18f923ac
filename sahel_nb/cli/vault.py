"""`sahel-nb vault …`: the outputs that this clone keeps below .git."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sahel_nb.cli.context import Context
from sahel_nb.errors import Refused, UsageError

if TYPE_CHECKING:
    from sahel_nb.repo.vault import Vault
    from sahel_nb.repo.vault_entry import Entry
    from sahel_nb.repo.vault_sweep import Swept

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


@click.group(epilog="Example: sahel-nb vault list")
def vault() -> None:
    """Look at, restore or forget the outputs that were stripped on their way into git."""


@vault.command("list", epilog="Example: sahel-nb vault list notebooks/fula/fula.ipynb")
@click.argument("path", required=False)
@_JSON
def list_(path: str | None, as_json: bool) -> None:
    """Show what is kept: notebook, version, when, size, and whose sources it has.

    Version 1 is the newest. "as on disk" and "as in HEAD" mark the versions with the sources that the file has now,
    and that the last commit has.
    """
    context = Context.here()
    with _opened(context) as kept:
        wanted = _path_in(context, path) if path else None
        rows = [row for row in _rows(context, kept) if wanted in (None, row["raw_path"])]
        if as_json:
            import json

            found = [{key: value for key, value in row.items() if key != "raw_path"} for row in rows]
            click.echo(json.dumps({"schema": "sahel-nb.vault-list/1", "notebooks": found}, ensure_ascii=False))
            return
    if not rows:
        context.reporter.say("nothing is kept" + (f" of {path}" if path else ""))
    width = max((len(row["path"]) for row in rows), default=0)
    for row in rows:
        marks = [f"as {'on disk' if mark == 'disk' else 'in HEAD'}" for mark in row["same_sources"]]
        when, size = row["kept_at"].replace("T", " "), _size(row["size"])
        click.echo(f"{row['path']:<{width}}  {row['version']:>3}  {when}  {size:>8}  {', '.join(marks)}".rstrip())


@vault.command(epilog="Example: sahel-nb vault restore notebooks/fula/fula.ipynb")
@click.argument("path")
@click.option("--version", "number", type=click.IntRange(1), help="This one of `vault list`, its sources included.")
@click.option("--to", "target", type=click.Path(dir_okay=False), help="Write it there, and leave PATH as it is.")
def restore(path: str, number: int | None, target: str | None) -> None:
    """Give a notebook the newest outputs that are kept for its cells; its sources stay.

    A notebook that is gone comes back as it was last. With --version, sources and all are those of then. What is
    overwritten is kept, too.
    """
    from sahel_nb.hooks import restore as restoring
    from sahel_nb.hooks.inplace import replace

    context = Context.here()
    file = (context.cwd / path).absolute()
    with _opened(context) as kept:
        name = _path_in(context, path)
        made = restoring.with_outputs(kept, name, file) if number is None else restoring.version(kept, name, number)
        if target is not None:
            copy = (context.cwd / target).absolute()
            if copy.exists():
                raise Refused(f"{target} is there already", hints=(shlex.join(("rm", target)),))
            replace(copy, made)
            said = f"{target} is written"
        elif restoring.put_back(kept, name, file, made):
            said = f"{path} has its outputs back" if number is None else f"{path} is version {number} now"
        else:
            said = f"{path} has these outputs already"
    context.reporter.say(said)


@vault.command(epilog="Example: sahel-nb vault gc")
@_JSON
def gc(as_json: bool) -> None:
    """Sweep now: drop what was executed again since and is two weeks old, and what exceeds `vault.size`.

    The filter does this by itself when it has to.
    """
    from sahel_nb.install.vault import MEGABYTE, follow
    from sahel_nb.repo.vault_sweep import sweep

    context = Context.here()
    with _opened(context) as kept:
        follow(context.worktree, context.config.vault)
        limit = context.config.vault.size * MEGABYTE or sys.maxsize  # 0 is none, as for the filter
        swept = sweep(Path(kept.folder), limit, thorough=True)
        _say_swept(context, swept, as_json)


@vault.command(epilog="Example: sahel-nb vault clear --yes notebooks/fula/fula.ipynb")
@click.argument("paths", nargs=-1)
@click.option("--yes", is_flag=True, help="Do it: what is forgotten cannot be brought back.")
@_JSON
def clear(paths: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Forget every version of these notebooks, or of all. Notebooks on disk stay as they are."""
    from sahel_nb.repo.vault_sweep import clear as forget

    context = Context.here()
    what = ", ".join(paths) or "every notebook"
    if not yes:
        hint = shlex.join(("sahel-nb", "vault", "clear", "--yes", *paths))
        raise Refused(f"the outputs that are kept of {what} would be forgotten for ever", hints=(hint,))
    with _opened(context) as kept:
        named = frozenset(_path_in(context, path) for path in paths) if paths else None
        _say_swept(context, forget(Path(kept.folder), named), as_json)


@vault.command(epilog="Example: sahel-nb vault off")
def off() -> None:
    """Keep no outputs in this clone from now on, and give none back. What is kept stays until it is cleared."""
    _switch(keep=False)


@vault.command(epilog="Example: sahel-nb vault on")
def on() -> None:
    """Keep outputs again."""
    _switch(keep=True)


def _switch(*, keep: bool) -> None:
    from sahel_nb.install.vault import follow
    from sahel_nb.repo.cmd import git

    context = Context.here()
    with _opened(context):
        git("config", "--local", "sahel-nb.vault.keep", str(keep).lower(), cwd=context.worktree.root)
        follow(context.worktree, context.worktree.config(os.environ).vault)
    context.reporter.say("outputs are kept, and given back at checkout" if keep else "outputs are not kept any more")


@contextmanager
def _opened(context: Context) -> Iterator[Vault]:
    """The vault, from the worktree's top: there its paths are what git calls them."""
    from sahel_nb.install.vault import folder, opened

    where = folder(context.worktree)
    if not where.is_dir():
        raise Refused("this clone keeps no outputs yet", hints=("sahel-nb install",))
    os.chdir(context.worktree.root)
    kept = opened(context.worktree)
    try:
        yield kept
    finally:
        kept.close()


def _path_in(context: Context, path: str) -> bytes:
    absolute = Path(os.path.normpath(context.cwd / path))
    for root in (context.worktree.root, context.worktree.root.resolve()):
        if absolute.is_relative_to(root):
            return os.fsencode(absolute.relative_to(root).as_posix())
    resolved = absolute.parent.resolve() / absolute.name
    if resolved.is_relative_to(context.worktree.root):
        return os.fsencode(resolved.relative_to(context.worktree.root).as_posix())
    raise UsageError(f"{path} is not in this worktree")


def _rows(context: Context, kept: Vault) -> list[dict[str, Any]]:
    from datetime import datetime

    from sahel_nb.repo.vault import MAIN
    from sahel_nb.report.progress import counted

    by_path: dict[bytes, list[Entry]] = {}
    for entry in reversed(kept.entries()):
        by_path.setdefault(entry.path, []).append(entry)
    head = _keys_in_head(context, list(by_path))
    rows = []
    for path in counted("comparing with what is kept", sorted(by_path), len(by_path)):
        disk = _key_on_disk(path)
        for number, entry in enumerate(by_path[path], 1):
            same = [name for name, key in (("disk", disk), ("head", head.get(path))) if key == entry.key]
            when = datetime.fromtimestamp(entry.kept_at / 1e9).astimezone().replace(microsecond=0)
            rows.append(
                {
                    "raw_path": path,
                    "path": path.decode("utf-8", "backslashreplace"),
                    "version": number,
                    "kept_at": when.isoformat(),
                    "size": entry.size,
                    "same_sources": same,
                    "worktree": "main" if entry.worktree == MAIN else entry.worktree,
                }
            )
    return rows


def _key_on_disk(path: bytes) -> str | None:
    from sahel_nb.hooks.filter import strip_anything
    from sahel_nb.repo.vault_entry import key_of

    try:
        with open(path, "rb") as file:
            return key_of(strip_anything(file.read()))
    except Exception:  # noqa: BLE001  it is gone, or no notebook now
        return None


def _keys_in_head(context: Context, paths: list[bytes]) -> dict[bytes, str]:
    from sahel_nb.repo.cmd import git
    from sahel_nb.repo.vault_entry import key_of
    from sahel_nb.report.progress import counted

    found = {}
    for path in counted("reading notebooks of HEAD", paths, len(paths)):
        answer = git("cat-file", "blob", b"HEAD:" + path, cwd=context.worktree.root, check=False)
        if answer.returncode == 0:
            found[path] = key_of(answer.stdout)
    return found


def _say_swept(context: Context, swept: Swept | None, as_json: bool) -> None:
    if swept is None:
        raise Refused("somebody else is sweeping the vault at this moment", hints=("sahel-nb vault gc",))
    if as_json:
        import json

        numbers = {"before": swept.before, "after": swept.after, "dropped": swept.dropped}
        click.echo(json.dumps({"schema": "sahel-nb.vault-swept/1", **numbers}))
        return
    number = f"{swept.dropped} version{'' if swept.dropped == 1 else 's'}"
    context.reporter.say(f"{number} dropped; {_size(swept.before)} before, {_size(swept.after)} now")


def _size(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 100_000 else f"{number / 1e3:.1f} kB"
