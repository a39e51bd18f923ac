"""Repositories to measure in: alike but for the filter, and put back into a saved state before each sample."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import canned, peers
from .measure import Sample, child
from .world import BIN

NONE, OURS, FLOOR, PEER = "no filter", "sahel-nb", "floor", "nbstripout"
NOTEBOOKS = "notebooks"


@dataclass(frozen=True)
class Repository:
    """A repository that can be put back into a state that was saved: fresh, staged, committed, …"""

    name: str
    root: Path

    @property
    def notebooks(self) -> Path:
        return self.root / NOTEBOOKS

    def git(self, *arguments: str, stdout: Path | None = None) -> Sample:
        return child(("git", *arguments), cwd=self.root, stdout=stdout)

    def told(self, *arguments: str) -> str:
        return subprocess.run(("git", *arguments), cwd=self.root, check=True, capture_output=True, text=True).stdout

    def save(self, state: str) -> None:
        shutil.copytree(self.root / ".git", self.root.with_name(f"{self.root.name}.{state}"), symlinks=True)

    def restore(self, state: str) -> None:
        """All of `.git`: git writes no blob that it has already, and the output vault begins as it was."""
        shutil.rmtree(self.root / ".git")
        shutil.copytree(self.root.with_name(f"{self.root.name}.{state}"), self.root / ".git", symlinks=True)
        for mirror in self.notebooks.glob("*.py"):
            mirror.unlink()

    def touch(self) -> None:
        moment = time.time()
        for path in self.notebooks.iterdir():
            os.utime(path, (moment, moment))

    def status(self) -> Sample:
        """`git status`; it must find nothing."""
        product = self.root.with_name(f"{self.root.name}.status")
        sample = self.git("status", "--porcelain", stdout=product)
        if product.read_bytes():
            raise SystemExit(f"{self.name}: git status is not empty: {product.read_text()[:400]}")
        return sample


def make(folder: Path, name: str, corpus: Path, setting: peers.Filter | None = None) -> Repository:
    """A repository with nothing committed but its settings, and the notebooks of `corpus` in its worktree."""
    root = folder / name.replace(" ", "-")
    (root / NOTEBOOKS).mkdir(parents=True)
    made = Repository(name, root)
    made.git("init", "-q", "-b", "main")
    for key, value in {"user.name": "Awa Diop", "user.email": "awa@example.org", "gc.auto": "0"}.items():
        made.git("config", key, value)
    if name == OURS:
        child((str(BIN / "sahel-nb"), "init"), cwd=root)
        child((str(BIN / "sahel-nb"), "install"), cwd=root)
    else:
        (root / ".gitattributes").write_text(setting.attributes if setting else "# nothing\n")
        for key, value in setting.config if setting else ():
            made.git("config", key, value)
    made.git("add", ".")
    made.git("commit", "-q", "--no-verify", "-m", "Settings")
    shutil.copytree(corpus, made.notebooks, dirs_exist_ok=True)
    made.save("fresh")
    return made


def floor(folder: Path, corpus: Path) -> peers.Filter:
    """The filter that knows its answers beforehand: those of nbstripout, which are ours."""
    from sahel_nb.notebook.strip import strip

    replies: Mapping[bytes, bytes] = {
        f"{NOTEBOOKS}/{path.name}".encode(): strip(path.read_bytes()) for path in corpus.iterdir()
    }
    table = folder / "canned"
    canned.write(table, replies)
    process = f"{sys.executable} -I -S {canned.__file__} {table}"
    return peers.Filter(
        FLOOR, (("filter.floor.process", process), ("filter.floor.required", "true")), "*.ipynb filter=floor\n"
    )


def refuse_other_bytes(repositories: Iterable[Repository]) -> None:
    """What was staged must be the same bytes in all of them, else there is nothing to compare."""
    staged = {each.name: each.told("ls-files", "-s", NOTEBOOKS) for each in repositories}
    if len(set(staged.values())) > 1:
        raise SystemExit(f"{', '.join(staged)} stage different bytes: there is nothing to compare")
