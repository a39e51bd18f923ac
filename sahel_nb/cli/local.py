"""`sahel-nb local`: the embedded Kaggle-compatible service, in the foreground or behind the scenes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sahel_nb.errors import UsageError

if TYPE_CHECKING:
    from sahel_nb.localkaggle.executor.resources import Resources
    from sahel_nb.localkaggle.names import Ref

_DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that keeps everything the service knows.  [default: sahel-nb/local in the user's state folder]",
)


@click.group(epilog="Example: sahel-nb local serve --user awa:a-key")
def local() -> None:
    """The embedded Kaggle-compatible service: the real `kaggle` client talks to it on this machine."""


@local.command(epilog="Example: sahel-nb local serve --data /tmp/kaggle --user awa:0123456789abcdef --port 8321")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default="a free one", type=click.IntRange(0, 65535))
@_DATA
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="NAME:KEY",
    envvar="SAHEL_NB_LOCAL_USERS",
    help="An account and its API key. Others on this machine can read a command line: SAHEL_NB_LOCAL_USERS takes "
    "several, with blanks between them.",
)
@click.option(
    "--token",
    "tokens",
    multiple=True,
    metavar="TOKEN=NAME",
    envvar="SAHEL_NB_LOCAL_TOKENS",
    help="An API token of an account; likewise SAHEL_NB_LOCAL_TOKENS.",
)
@click.option("--collaborator", "collaborators", multiple=True, metavar="OWNER/SLUG=NAME", help="May push to a kernel.")
@click.option(
    "--only-own-key", is_flag=True, help="Accept the key in the data folder and no other, as `local start` does."
)
@click.option("--cpu-sessions", default=5, show_default=True, type=click.IntRange(0), help="At once, per account.")
@click.option("--gpu-sessions", default=2, show_default=True, type=click.IntRange(0), help="At once, per account.")
@click.option("--gpu-hours", default=30.0, show_default=True, type=click.FloatRange(0), help="A week, per account.")
@click.option("--workers", default=0, type=click.IntRange(0), help="Runs at once.  [default: the cores, at least 2]")
@click.option(
    "--memory",
    type=click.FloatRange(0, min_open=True),
    metavar="GB",
    envvar="SAHEL_NB_LOCAL_MEMORY",
    help="What one run may use; beyond it the run is ended.  [default: 4/5 of the machine's, at most Kaggle's 30]",
)
@click.option(
    "--disk",
    type=click.FloatRange(0, min_open=True),
    metavar="GB",
    envvar="SAHEL_NB_LOCAL_DISK",
    help="What /kaggle/working of one run may hold; with temporary files thrice that.  [default: Kaggle's 20]",
)
@click.option(
    "--processes",
    type=click.IntRange(8),
    envvar="SAHEL_NB_LOCAL_PROCESSES",
    help="Processes and threads of one run.  [default: 4096]",
)
@click.option("--admin", is_flag=True, help="Serve /admin/… to who has the data folder's key, for tests.")
@click.option(
    "--admin-token",
    default="",
    envvar="SAHEL_NB_LOCAL_ADMIN_TOKEN",
    help="Another Bearer token that /admin/… accepts; likewise SAHEL_NB_LOCAL_ADMIN_TOKEN.",
)
@click.option("--allow-remote", is_flag=True, help="Permit a --host that others can reach: they can run code here.")
def serve(
    host: str,
    port: int,
    data: Path | None,
    users: tuple[str, ...],
    tokens: tuple[str, ...],
    collaborators: tuple[str, ...],
    only_own_key: bool,
    cpu_sessions: int,
    gpu_sessions: int,
    gpu_hours: float,
    workers: int,
    memory: float | None,
    disk: float | None,
    processes: int | None,
    admin: bool,
    admin_token: str,
    allow_remote: bool,
) -> None:
    """Serve in the foreground; stdout gets one line, the URL, when it is ready. SIGTERM ends it in order."""
    import sahel_nb.localkaggle  # noqa: F401  says what to install before anything else can fail
    from sahel_nb.localkaggle.limits import Limits
    from sahel_nb.localkaggle.serve import Plan
    from sahel_nb.localkaggle.serve import serve as run
    from sahel_nb.localkaggle.service import Options
    from sahel_nb.localkaggle.voice import say

    options = Options(
        limits=Limits(cpu_sessions=cpu_sessions, gpu_sessions=gpu_sessions, gpu_hours=gpu_hours),
        only_own_key=only_own_key,
        admin=admin,
        admin_token=admin_token,
        allow_remote=allow_remote,
    )
    plan = Plan(
        data=data or _default_data(),
        host=host,
        port=port,
        users=tuple(_account(user, ":", "--user NAME:KEY") for user in users),
        tokens=tuple(_token(token) for token in tokens),
        collaborators=tuple(_collaborator(text) for text in collaborators),
        workers=workers,
        resources=_resources(memory, disk, processes),
        options=options,
    )
    run(plan, announce=_announce, warn=say)


@local.command(epilog="Example: sahel-nb local start")
@_DATA
def start(data: Path | None) -> None:
    """Start the service in the background, or find the one that runs; prints its URL."""
    from sahel_nb.localkaggle import daemon

    _announce(daemon.ensure(data or _default_data()).url)


@local.command(epilog="Example: sahel-nb local stop")
@_DATA
def stop(data: Path | None) -> None:
    """Stop the background service; what runs is ended and marked as ERROR."""
    from sahel_nb.localkaggle import daemon

    stopped = daemon.stop(data or _default_data())
    click.echo("stopped" if stopped else "nothing was running", err=True)


@local.command(epilog="Example: sahel-nb local status --json")
@_DATA
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(data: Path | None, as_json: bool) -> None:
    """Whether a service runs for the data folder, and where; the address that opens its pages in your browser."""
    from sahel_nb.localkaggle import daemon

    folder = data or _default_data()
    found = daemon.find(folder)
    if as_json:
        answer = {
            "schema": "sahel-nb.local-status",
            "version": 1,
            "data": str(folder),
            "running": found is not None,
            "url": found.url if found else None,
            "pid": found.pid if found else None,
            "pages": daemon.pages(folder, found) if found else None,
        }
        click.echo(json.dumps(answer, ensure_ascii=False))
    elif found is None:
        click.echo("not running")
    else:
        click.echo(f"{found.url} (process {found.pid})")
        click.echo(f"pages, private ones included: {daemon.pages(folder, found)}")


def _announce(url: str) -> None:
    sys.stdout.write(url + "\n")
    sys.stdout.flush()


def _default_data() -> Path:
    from sahel_nb.report.crash import state_home

    return state_home() / "local"


def _resources(memory: float | None, disk: float | None, processes: int | None) -> Resources:
    from dataclasses import replace

    from sahel_nb.localkaggle.executor.resources import GIB, Resources

    asked = {
        "memory": None if memory is None else int(memory * GIB),
        "disk": None if disk is None else int(disk * GIB),
        "processes": processes,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return replace(Resources.of_this_machine(), **given)


def _account(text: str, separator: str, usage: str) -> tuple[str, str]:
    from sahel_nb.localkaggle import names

    left, found, right = text.partition(separator)
    name = names.account(left)
    if not found or name is None or not right:
        raise UsageError(f"{usage}: {left!r} is not an account, or something is missing")
    return name, right


def _token(text: str) -> tuple[str, str]:
    from sahel_nb.localkaggle import names

    token, _, owner = text.rpartition("=")
    name = names.account(owner)
    if not token or name is None:
        raise UsageError("--token must be TOKEN=NAME, NAME an account")
    return token, name


def _collaborator(text: str) -> tuple[Ref, str]:
    from sahel_nb.localkaggle import names

    where, _, who = text.rpartition("=")
    ref, name = names.split_ref(where), names.account(who)
    if ref is None or name is None:
        raise UsageError(f"--collaborator must be OWNER/SLUG=NAME, not {text!r}")
    return ref, name
