"""Where measurements happen: a temporary folder, an empty HOME, git and Kaggle that know nobody; and the machine."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
DATE = "2024-01-02T03:04:05+00:00"


@dataclass(frozen=True)
class World:
    """`quick` asks for the least that shows that everything works."""

    folder: Path
    quick: bool

    def place(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True)
        return path

    def rounds(self, full: int) -> int:
        return 1 if self.quick else full


@contextlib.contextmanager
def isolated(quick: bool) -> Iterator[World]:
    """Make the world, and this process and its children live in it. What was there comes back afterwards."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="sahel-nb-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        (home / "tmp").mkdir(parents=True)
        os.environ.clear()
        os.environ.update(
            {
                "PATH": f"{BIN}{os.pathsep}{before.get('PATH', os.defpath)}",
                "HOME": str(home),
                "TMPDIR": str(home / "tmp"),
                "XDG_CONFIG_HOME": str(home / ".config"),
                "XDG_CACHE_HOME": str(home / ".cache"),
                "XDG_STATE_HOME": str(home / ".local" / "state"),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_AUTHOR_DATE": DATE,
                "GIT_COMMITTER_DATE": DATE,
                "LC_ALL": "C.UTF-8",
                "TZ": "UTC",
            }
        )
        try:
            yield World(Path(folder), quick)
        finally:
            os.environ.clear()
            os.environ.update(before)


def machine() -> list[tuple[str, str]]:
    """What the figures depend on, without a name or a path of this machine."""
    git = subprocess.run(("git", "--version"), capture_output=True, text=True, check=True).stdout
    peers = ("click", "kaggle", "nbstripout", "nbformat", "jupytext")
    return [
        ("processor", f"{_processor()}, {os.cpu_count()} logical"),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}"),
        ("temporary files on", _file_system(Path(tempfile.gettempdir()))),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("git", git.split()[2]),
        ("sahel-nb", version("sahel-nb")),
        *((peer, version(peer)) for peer in peers),
    ]


def load() -> str:
    """How busy the machine is with everything, ourselves included."""
    return f"{os.getloadavg()[0]:.1f}"


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    """The kind of the file system: the mount with the longest point above `folder`."""
    best, kind = "", "unknown"
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines():
            point, found = line.split()[1:3]
            if len(point) >= len(best) and folder.resolve().is_relative_to(point):
                best, kind = point, found
    return kind
