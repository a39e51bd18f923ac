"""`sahel-nb demo`."""

from __future__ import annotations

import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import click

from sahel_nb.distribution import install_command
from sahel_nb.errors import UsageError


@click.command(epilog="Example: sahel-nb demo --in ./demo")
@click.option(
    "--in", "folder", type=click.Path(path_type=Path), help="An empty folder for everything; a temporary one else."
)
def demo(folder: Path | None) -> None:
    """Tell the whole story in a temporary folder: a repository, a remote, two people, the embedded service.

    Needs no account and no network. Nothing outside the folder is touched, and the folder stays for you to look at.
    """
    missing = [
        name for name in ("starlette", "uvicorn", "nbclient", "ipykernel", "matplotlib") if find_spec(name) is None
    ]
    if missing:
        raise UsageError(f"the demo needs {', '.join(missing)}", hints=(install_command("demo"),))
    from sahel_nb.demo.story import COLLABORATORS, PEOPLE, tell
    from sahel_nb.demo.teller import Teller
    from sahel_nb.demo.world import make_world

    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="sahel-nb-demo-"))
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hints=("sahel-nb demo",))
    began = time.monotonic()
    with make_world(folder, PEOPLE, COLLABORATORS) as world:
        click.echo(f"sahel-nb demo, in {folder}; the embedded Kaggle service listens at {world.url}")
        tell(world, Teller(world))
    awa = world.people["awa"]
    click.echo(
        f"\nThe story took {time.monotonic() - began:.0f} s. Everything is still there:\n"
        f"  {awa.clone}   Awa's clone, with her runs in runs/\n"
        f"  {world.people['moussa'].clone}   Moussa's\n"
        f"  {world.remote}   the remote, with the lock's chain\n"
        f"  {folder / 'kaggle'}   the service's versions, logs and outputs\n"
        "Look at it:\n"
        f"  git -C {awa.clone} log --oneline\n"
        f"  ls {awa.clone / 'runs'}/*\n"
        f"  git -C {world.remote} log --format=%B refs/sahel/locks/{awa.account}/language-id\n"
        f"  sahel-nb local serve --data {folder / 'kaggle'}\n"
        f"Throw it away:\n  rm -rf {folder}"
    )
