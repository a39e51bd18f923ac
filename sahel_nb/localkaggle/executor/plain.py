"""A run without namespaces: the same folders side by side, so that the working directory and `../input` work.

Nothing is hidden from the kernel and the network cannot be cut off; `isolation.probe` says so. Mounts are copies, not
links: the kernel runs as this user, and through a link one careless `open(…, "w")` would change the dataset itself.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from sahel_nb.localkaggle.executor.spec import Spec


def prepare(spec: Spec) -> None:
    """Make the folders and copy the mounts, read-only; further targets of one mount are links to the first."""
    folder = spec.path
    for part in ("working", "src", "input", "scratch/tmp", "scratch/home", "scratch/executed"):
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
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) & ~0o222)
        os.chmod(folder, stat.S_IMODE(os.stat(folder).st_mode) & ~0o222)
