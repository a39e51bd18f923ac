"""`git commit` with the hooks that are installed: ours, or none."""

from __future__ import annotations

from functools import partial

from . import corpora
from .measure import Case, Samples, interleave
from .repository import NONE, NOTEBOOKS, OURS, Repository, make
from .table import Pair, Section, ratios, timings
from .world import World

TEXT = """Notebooks of 20 KB, new and staged already.
Our hooks look for secrets and mistakes, and here have to write a mirror for each notebook as well."""


def measure(world: World) -> Section:
    folder = world.place("commit")
    count = 2 if world.quick else corpora.COUNT
    corpora.write(corpora.small(count), folder / "corpus")
    repositories = [make(folder, name, folder / "corpus") for name in (NONE, OURS)]
    for each in repositories:
        (each.root / "notes.txt").write_text("ŋana\n", encoding="utf-8")
        for state, path in (("text", "notes.txt"), ("one", f"{NOTEBOOKS}/000.ipynb"), ("all", NOTEBOOKS)):
            each.restore("fresh")
            each.git("add", path)
            each.save(state)
    samples = _commits(repositories, "a text file", "text", world.rounds(5))
    samples |= _commits(repositories, "1 staged", "one", world.rounds(5))
    samples |= _commits(repositories, f"{count} staged", "all", world.rounds(3))
    tasks = list(dict.fromkeys(name.partition(": ")[0] for name in samples))
    pairs = [Pair(f"{task}: {OURS}", f"{task}: {NONE}") for task in tasks]
    return Section("A commit", TEXT, (timings(samples, "git command"), ratios(samples, pairs)))


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
