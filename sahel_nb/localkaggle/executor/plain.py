"""A run without namespaces: the same folders side by side, so that the working directory and `../input` work.

Nothing is hidden from the kernel and the network cannot be cut off; `isolation.probe` says so. Mounts are copies, not
links: the kernel runs as this user, and through a link one careless `open(…, "w")` would change the dataset itself.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from sahel_nb.localkaggle.executor.spec import PACKAGES, Layout, Spec

_LONGEST_EXCHANGE = 85  # of the 104 to 108 bytes that a socket's path may have


def layout(folder: Path) -> Layout:
    """Where things are. Makes a folder in the system's temporary one if the job's path is too long for a socket's."""
    exchange = folder / "scratch" / "exchange"
    if len(os.fsencode(exchange)) > _LONGEST_EXCHANGE:
        exchange = Path(tempfile.mkdtemp(prefix="sahel-nb-", dir="/tmp"))
    return Layout(
        working=str(folder / "working"),
        source=str(folder / "src"),
        exchange=str(exchange),
        runner=str(Path(__file__).with_name("runner.py")),
        home=str(folder / "scratch" / "home"),
        temporary=str(folder / "scratch" / "tmp"),
        kaggle=str(folder),
    )


def prepare(spec: Spec) -> None:
    """Make the folders and copy the mounts, read-only; further targets of one mount are links to the first."""
    folder = spec.path
    for part in ("working", "src", "input", "scratch/tmp", f"scratch/home/{PACKAGES}", "scratch/exchange"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for source, targets in spec.mounts:
        first: Path | None = None
        for target in targets:
            place = folder / target
            place.parent.mkdir(parents=True, exist_ok=True)
            if first is None:
                shutil.copytree(source, place, symlinks=True)
                _make_read_only(place)
                first = place
            else:
                place.symlink_to(os.path.relpath(first, place.parent))


def _make_read_only(tree: Path) -> None:
    for folder, _, files in os.walk(tree, topdown=False):
        for path in (*(Path(folder, name) for name in files), Path(folder)):
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
