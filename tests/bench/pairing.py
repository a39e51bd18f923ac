"""Pairs: 100 notebooks and their mirrors, with nothing, one or all of them changed, beside `jupytext --sync`."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path

from . import corpora, imports, peers
from .bars import Bar, at_least, cpu, times
from .measure import Case, Sample, Samples, child, interleave
from .repository import NOTEBOOKS, OURS, Repository, make
from .table import Pair, Section, ratios, timings
from .world import BIN, World

RUNNER, COMMAND, PEER = "sahel-nb's hook", "`sahel-nb pair`", "`jupytext --sync`"
# What was edited, which of its files, and the bar.
TASKS = {
    "no-op": ("", 0, 140),
    "one notebook edited": (".ipynb", 1, 50),
    "one mirror edited": (".py", 1, 50),
    "all notebooks edited": (".ipynb", 100, 10),
    "all mirrors edited": (".py", 100, 10),
}

TEXT = """The first 100 notebooks of M, with outputs on disk, each with its `py:percent` mirror; both committed.
Every sample begins with a copy of that; an edit changes a line of source, differently for every sample, and is the \
newer file, as jupytext wants it. Afterwards the other half must have the edit.
`sahel-nb's hook` is `sahel-nb-hook pair` as git's hooks start it, `sahel-nb pair` the command that a person types.
The bar is held against the slower of the two directions."""


@dataclass(frozen=True)
class Pairs:
    """A clone, and where its first state is kept."""

    repository: Repository
    base: Path

    def restore(self) -> None:
        shutil.rmtree(self.repository.root)
        shutil.copytree(self.base, self.repository.root, symlinks=True)

    def halves(self, suffix: str) -> list[Path]:
        return sorted(self.repository.notebooks.glob(f"*{suffix}"))


def measure(world: World) -> Section:
    folder = world.place("pairs")
    count = 2 if world.quick else 100
    mixed = corpora.mixed(count, 40_000) if world.quick else corpora.mixed()
    corpora.write((each for _, each in zip(range(count), mixed, strict=False)), folder / "corpus")
    runner = (*imports.hook("process")[:-1], "pair")
    sync = _sync()
    tools: dict[str, tuple[str, ...]] = {RUNNER: runner, COMMAND: (str(BIN / "sahel-nb"), "pair"), PEER: sync}
    tasks = TASKS
    if world.quick:
        del tools[COMMAND]
        tasks = {task: TASKS[task] for task in ("no-op", "one mirror edited")}
    clones = {name: _clone(folder, number, name, sync) for number, name in enumerate(tools)}
    samples: Samples = {}
    for task, (suffix, most, _) in tasks.items():
        cases = []
        for name, command in tools.items():
            edited = _Edit(clones[name], suffix, most)
            work = _checked(edited, partial(_run, clones[name], command))
            cases.append(Case(f"{task}: {name}", work, before=edited.make, patience=6.0 if name == PEER else inf))
        samples |= interleave(cases, world.rounds(5))
    pairs = [Pair(f"{task}: {PEER}", f"{task}: {name}") for task in tasks for name in tools if name != PEER]
    works = {"no-op": ("no-op",), "one edited": tuple(TASKS)[1:3], "all edited": tuple(TASKS)[3:]}
    bars = [_bar(samples, work, tasks) for work, tasks in works.items()]
    return Section("Pairs", TEXT, (timings(samples, "work"), ratios(samples, pairs)), tuple(bars))


def _bar(samples: Samples, work: str, tasks: tuple[str, ...]) -> Bar:
    found = {task: times(samples, f"{task}: {PEER}", f"{task}: {RUNNER}", cpu) for task in tasks}
    known = {task: value for task, value in found.items() if value is not None}
    least = min(known.values(), default=None)
    note = " (" + ", ".join(f"{task}: {value:.3g}×" for task, value in known.items()) + ")" if len(known) > 1 else ""
    return at_least(f"pair 100 notebooks, {work}, CPU, against `jupytext --sync`", TASKS[tasks[0]][2], least, note)


def _sync() -> tuple[str, ...]:
    path = peers.tool("jupytext")
    if path is None:
        raise SystemExit("jupytext is not installed: `make bench`")
    return (path, "--sync", "--quiet")


def _clone(folder: Path, number: int, name: str, sync: tuple[str, ...]) -> Pairs:
    """Set up, paired by the tool itself, committed."""
    made = make(folder / str(number), OURS, folder / "corpus")
    if name == PEER:
        child((*sync, *_names(made)), cwd=made.root)
    else:
        child((str(BIN / "sahel-nb"), "pair"), cwd=made.root)
    made.git("add", ".")
    made.git("commit", "-q", "--no-verify", "-m", "Pairs")
    base = folder / f"base-{number}"
    shutil.copytree(made.root, base, symlinks=True)
    return Pairs(made, base)


def _names(repository: Repository) -> list[str]:
    return [f"{NOTEBOOKS}/{path.name}" for path in sorted(repository.notebooks.glob("*.ipynb"))]


def _run(pairs: Pairs, command: tuple[str, ...]) -> Sample:
    names = _names(pairs.repository) if "--sync" in command else []
    return child((*command, *names), cwd=pairs.repository.root, fine=(0, 1))


class _Edit:
    """A new edit before every sample, and whether the other half has it afterwards."""

    number = 0

    def __init__(self, pairs: Pairs, suffix: str, most: int) -> None:
        self.pairs, self.suffix, self.most = pairs, suffix, most

    def make(self) -> None:
        self.pairs.restore()
        # The copy keeps times, and git knows the files by inode too: as after any work, the index is up to date.
        self.pairs.repository.git("update-index", "-q", "--refresh")
        _Edit.number += 1
        for path in self._edited():
            path.write_bytes(corpora.edit(path.read_bytes(), _Edit.number))
            later = time.time() + 1
            os.utime(path, (later, later))

    def refuse_unless_followed(self) -> None:
        other = ".py" if self.suffix == ".ipynb" else ".ipynb"
        for path in self._edited():
            if b"_%d = " % (1000 + _Edit.number) not in path.with_suffix(other).read_bytes():
                raise SystemExit(f"{path.name} was edited, and its other half does not have the edit")

    def _edited(self) -> list[Path]:
        return self.pairs.halves(self.suffix)[: self.most] if self.suffix else []


def _checked(edit: _Edit, work: Callable[[], Sample]) -> Callable[[], Sample]:
    def checked() -> Sample:
        sample = work()
        edit.refuse_unless_followed()
        return sample

    return checked
