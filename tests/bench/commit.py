"""The commit path: notebooks on their way into git, through our filter, through nbstripout's, through none."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path

from .measure import Case, Sample, Samples, child, interleave
from .notebooks import notebook
from .table import Pair, Section, ratios, timings
from .world import BIN, World

OURS, PEER, NONE = "sahel-nb", "nbstripout", "no filter"

TEXT = """Notebooks of 20 KB with outputs, made from a seed. Every sample begins with a repository that has seen \
none of them.
`sahel-nb` is `filter.sahel-nb.process` as `sahel-nb install` sets it, `nbstripout` its filter as `nbstripout \
--install` sets it, both from the same environment.
The blobs of the two are compared, and are the same.
`git status` is asked after every notebook was touched, and says that nothing has changed.
`git commit` runs the hooks that are installed: none, or ours, which look for secrets and mistakes, and here have \
to write a mirror for each notebook as well, with jupytext.
nbstripout starts a process for each file, which takes long, and is given fewer runs."""


@dataclass(frozen=True)
class Repository:
    """A repository that can be put back into a state that was saved: fresh, one, all, committed."""

    name: str
    root: Path

    def git(self, *arguments: str, stdout: Path | None = None) -> Sample:
        return child(("git", *arguments), cwd=self.root, stdout=stdout)

    def told(self, *arguments: str) -> str:
        return subprocess.run(("git", *arguments), cwd=self.root, check=True, capture_output=True, text=True).stdout

    def save(self, state: str) -> None:
        shutil.copytree(self.root / ".git", self.root.with_name(f"{self.root.name}.{state}"))

    def restore(self, state: str) -> None:
        """Objects too: git writes no blob that it has already."""
        shutil.rmtree(self.root / ".git")
        shutil.copytree(self.root.with_name(f"{self.root.name}.{state}"), self.root / ".git")
        for mirror in (self.root / "notebooks").glob("*.py"):
            mirror.unlink()

    def touch(self) -> None:
        moment = time.time()
        for path in (self.root / "notebooks").iterdir():
            os.utime(path, (moment, moment))

    def status(self) -> Sample:
        """`git status`; it must find nothing."""
        product = self.root.with_name(f"{self.root.name}.status")
        sample = self.git("status", "--porcelain", stdout=product)
        if product.read_bytes():
            raise SystemExit(f"{self.name}: git status is not empty: {product.read_text()[:400]}")
        return sample


def measure(world: World) -> Section:
    count = 2 if world.quick else 196
    folder = world.place("commit")
    repositories = [_make(folder, name, count) for name in (NONE, OURS, PEER)]
    samples: Samples = {}
    samples |= _adds(repositories, "1 notebook", "notebooks/000.ipynb", world.rounds(11), inf)
    samples |= _adds(repositories, f"{count} notebooks", "notebooks", world.rounds(7), 75.0)
    _commit_all(repositories)
    samples |= _statuses(repositories, count, world.rounds(7), 50.0)
    samples |= _commits(repositories[:2], "1 staged", "one", world.rounds(5))
    samples |= _commits(repositories[:2], f"{count} staged", "all", world.rounds(3))
    tasks = list(dict.fromkeys(name.partition(": ")[0] for name in samples))
    pairs = [
        Pair(f"{task}: {name}", f"{task}: {against}")
        for task in tasks
        for name, against in ((PEER, OURS), (OURS, NONE))
        if f"{task}: {name}" in samples
    ]
    return Section("The commit path", TEXT, (timings(samples, "git command"), ratios(samples, pairs)))


def _make(folder: Path, name: str, count: int) -> Repository:
    root = folder / name.replace(" ", "-")
    (root / "notebooks").mkdir(parents=True)
    made = Repository(name, root)
    made.git("init", "-q", "-b", "main")
    for key, value in {"user.name": "Awa Diop", "user.email": "awa@example.org", "gc.auto": "0"}.items():
        made.git("config", key, value)
    if name == OURS:
        child((str(BIN / "sahel-nb"), "init"), cwd=root)
        child((str(BIN / "sahel-nb"), "install"), cwd=root)
    elif name == PEER:
        child((str(BIN / "nbstripout"), "--install", "--attributes", ".gitattributes"), cwd=root)
    else:
        (root / ".gitattributes").write_text("# nothing\n")
    made.git("add", ".")
    made.git("commit", "-q", "--no-verify", "-m", "Settings")
    for number in range(count):
        (root / "notebooks" / f"{number:03}.ipynb").write_bytes(notebook(number))
    made.save("fresh")
    return made


def _commit_all(repositories: list[Repository]) -> None:
    """What the last `git add` staged is the next state; ours and nbstripout's must be the same bytes."""
    none, ours, peer = repositories
    if ours.told("ls-files", "-s", "notebooks") != peer.told("ls-files", "-s", "notebooks"):
        raise SystemExit("sahel-nb and nbstripout stage different bytes: there is nothing to compare")
    for each in repositories:
        each.save("all")
        each.git("commit", "-q", "--no-verify", "-m", "Notebooks")
        each.save("committed")
    for each in (none, ours):
        each.restore("fresh")
        each.git("add", "notebooks/000.ipynb")
        each.save("one")


def _adds(repositories: list[Repository], what: str, path: str, rounds: int, patience: float) -> Samples:
    return interleave(
        [
            Case(
                f"`git add`, {what}: {each.name}",
                partial(each.git, "add", path),
                before=partial(each.restore, "fresh"),
                patience=patience if each.name == PEER else inf,
            )
            for each in repositories
        ],
        rounds,
    )


def _statuses(repositories: list[Repository], count: int, rounds: int, patience: float) -> Samples:
    for each in repositories:
        each.restore("committed")
    return interleave(
        [
            Case(
                f"`git status`, {count} touched: {each.name}",
                each.status,
                before=each.touch,
                patience=patience if each.name == PEER else inf,
            )
            for each in repositories
        ],
        rounds,
    )


def _commits(repositories: list[Repository], what: str, state: str, rounds: int) -> Samples:
    return interleave(
        [
            Case(
                f"`git commit`, {what}: {each.name}",
                partial(each.git, "commit", "-q", "-m", "Notebooks"),
                before=partial(each.restore, state),
            )
            for each in repositories
        ],
        rounds,
    )
