"""The filter: what `git add`, `git status` and `git diff` cost with it, beside the other filters and beside none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from math import inf
from pathlib import Path

from . import corpora, peers
from .bars import Bar, Part, at_least, at_most, cpu, times, wall
from .measure import Case, Sample, Samples, child, interleave
from .repository import FLOOR, NONE, NOTEBOOKS, OURS, PEER, Repository, floor, make, refuse_other_bytes
from .table import Pair, Section, ratios, timings
from .world import World

BARE = "`python -I -c pass`"
BARE_OF_THE_BAR = 8.6
"""Milliseconds that a bare `python -I` took on the machine on which the bar for one notebook was set."""

TEXT = f"""S: 196 notebooks of 20 KB. M: 196 of all kinds and sizes, 27 MB: pictures, tables, logs, charts, \
tracebacks, attachments, widgets; as Jupyter, Colab, Kaggle and VS Code write them; nbformat 4.4 and 4.5.
Both are made from seeds by tests/bench/corpora.py. "Large" is a file of pictures, or of one cell's text.
Every sample of `git add` begins with a repository that has seen none of it; all of `.git` is put back.
Before `git status`, every notebook is touched, and it must find nothing changed.
Before `git diff`, a line of source is edited in every notebook, differently for each sample, and it must show all.
`{OURS}` is set by `sahel-nb install`, the others as their own installation or page says; nbstripout and nbwipers also \
set a `textconv`, which is part of what `git diff` then does.
The blobs of `{OURS}`, of nbstripout and of the floor are compared, and are the same; those of the others differ.
"floor" is tests/bench/canned.py: a Python that reads what git says in large blocks and answers with what was \
made beforehand, by name; no filter in Python can cost less. It parses, checks and keeps nothing.
nbstripout starts a process for each file, four for each in a diff, and is given one run, in full, of what takes \
long."""


def measure(world: World) -> Section:
    folder = world.place("filters")
    found = _corpora(world, folder)
    samples: Samples = {}
    for name, corpus in found.items():
        repositories = _repositories(folder / name, corpus)
        if name == "S":
            samples |= _one(repositories, world.rounds(15))
        samples |= _adds(repositories, f"`git add` {name}", NOTEBOOKS, world.rounds(7))
        _commit(repositories)
        looking = [each for each in repositories if each.name != FLOOR]
        samples |= _statuses(looking, f"`git status` {name}, all touched", world.rounds(5))
        if name == list(found)[-1]:
            samples |= _diffs(looking, f"`git diff` {name}, all edited", corpus, world.rounds(3))
    if not world.quick:
        samples |= _large(folder)
    names = list(samples)
    tasks = list(dict.fromkeys(name.partition(": ")[0] for name in names if ": " in name))
    pairs = [
        Pair(f"{task}: {name}", f"{task}: {against}")
        for task in tasks
        for name, against in ((PEER, OURS), *((name, OURS) for name in peers.RUST), (OURS, FLOOR), (OURS, NONE))
        if f"{task}: {name}" in samples and f"{task}: {against}" in samples
    ]
    return Section("The filter", TEXT, (timings(samples, "git command"), ratios(samples, pairs)), _bars(samples))


def _corpora(world: World, folder: Path) -> dict[str, Path]:
    found = {"S": folder / "small"}
    corpora.write(corpora.small(1 if world.quick else corpora.COUNT), found["S"])
    if not world.quick:
        found["M"] = folder / "mixed"
        corpora.write(corpora.mixed(), found["M"])
    return found


def _repositories(folder: Path, corpus: Path) -> list[Repository]:
    folder.mkdir()
    settings = [floor(folder, corpus), *peers.rust(), peers.nbstripout()]
    return [
        make(folder, NONE, corpus),
        make(folder, OURS, corpus),
        *(make(folder, each.name, corpus, each) for each in settings),
    ]


def _patience(name: str) -> float:
    return 1.0 if name == PEER else inf


def _one(repositories: Sequence[Repository], rounds: int) -> Samples:
    bare = Case(BARE, partial(child, (sys.executable, "-I", "-c", "pass"), cwd=repositories[0].root))
    adds = [_add(each, "`git add`, one of 20 KB", f"{NOTEBOOKS}/000.ipynb", inf) for each in repositories]
    return interleave([bare, *adds], rounds)


def _adds(repositories: Sequence[Repository], what: str, path: str, rounds: int) -> Samples:
    return interleave([_add(each, what, path, _patience(each.name)) for each in repositories], rounds)


def _add(repository: Repository, what: str, path: str, patience: float) -> Case:
    work = partial(repository.git, "add", path)
    return Case(f"{what}: {repository.name}", work, before=partial(repository.restore, "fresh"), patience=patience)


def _commit(repositories: Sequence[Repository]) -> None:
    """What the last `git add` staged."""
    refuse_other_bytes(each for each in repositories if each.name in (OURS, FLOOR, PEER))
    for each in repositories:
        each.git("commit", "-q", "--no-verify", "-m", "Notebooks")
        each.save("committed")


def _statuses(repositories: Sequence[Repository], what: str, rounds: int) -> Samples:
    return interleave(
        [
            Case(f"{what}: {each.name}", each.status, before=each.touch, patience=_patience(each.name))
            for each in repositories
        ],
        rounds,
    )


def _diffs(repositories: Sequence[Repository], what: str, corpus: Path, rounds: int) -> Samples:
    number, count = 0, len(list(corpus.iterdir()))

    def edit(repository: Repository) -> None:
        nonlocal number
        number += 1
        repository.restore("committed")
        for path in sorted(corpus.iterdir()):
            (repository.notebooks / path.name).write_bytes(corpora.edit(path.read_bytes(), number))

    def diff(repository: Repository) -> Sample:
        product = repository.root.with_name(f"{repository.name}.diff")
        sample = repository.git("diff", stdout=product)
        shown = product.read_bytes()
        if (b"\n" + shown).count(b"\ndiff --git ") != count or shown.count(b"_%d = " % (1000 + number)) != count:
            raise SystemExit(f"{repository.name}: git diff does not show the edit of each notebook")
        return sample

    cases = [
        Case(f"{what}: {each.name}", partial(diff, each), before=partial(edit, each), patience=_patience(each.name))
        for each in repositories
    ]
    return interleave(cases, rounds)


def _large(folder: Path) -> Samples:
    million = 1_000_000
    files = {
        "20 MB of pictures": corpora.many_pictures(20 * million),
        "100 MB of text": corpora.one_stream(100 * million),
    }
    samples: Samples = {}
    for number, (what, content) in enumerate(files.items()):
        corpus = folder / f"large-{number}"
        corpora.write(iter([("large.ipynb", content)]), corpus)
        repositories = [each for each in _repositories(folder / f"L{number}", corpus) if each.name != NONE]
        samples |= _adds(repositories, f"`git add`, {what}", NOTEBOOKS, 3)
    return samples


def _bars(samples: Samples) -> tuple[Bar, ...]:
    def against(task: str, name: str, part: Part) -> float | None:
        return times(samples, f"{task}: {name}", f"{task}: {OURS}", part)

    bars = [
        at_least(f"`git add` {c}, CPU, against nbstripout's filter", bar, against(f"`git add` {c}", PEER, cpu))
        for c, bar in (("S", 250), ("M", 150))
    ]
    for corpus in ("S", "M"):
        task = f"`git add` {corpus}"
        others = {name: against(task, name, wall) for name in peers.RUST}
        found = {name: value for name, value in others.items() if value is not None}
        fastest = min(found, key=found.__getitem__) if found else ""
        note = f" ({fastest})" if fastest else ""
        bars.append(at_least(f"{task}, wall, against the fastest Rust peer", 3, found.get(fastest), note))
    for corpus in ("S", "M"):
        task = f"`git add` {corpus}"
        both = [times(samples, f"{task}: {OURS}", f"{task}: {FLOOR}", part) for part in (wall, cpu)]
        found_both = [value for value in both if value is not None]
        worse = max(found_both, default=None)
        note = f" (wall {found_both[0]:.3g}×, CPU {found_both[1]:.3g}×)" if found_both else ""
        bars.append(at_most(f"{task}, wall and CPU, against the protocol floor", 1.3, worse, "×", note))
    for corpus in ("S", "M"):
        task = f"`git status` {corpus}, all touched"
        bars.append(at_least(f"{task}, CPU, against nbstripout", 200, against(task, PEER, cpu)))
    task = "`git diff` M, all edited"
    bars.append(at_least(f"{task}, CPU, against nbstripout", 400, against(task, PEER, cpu)))
    one = "`git add`, one of 20 KB"
    ratio = times(samples, f"{one}: {OURS}", BARE)
    least = [min(sample.wall for sample in samples[name]) * 1000 for name in (f"{one}: {OURS}", BARE)]
    note = f" of {BARE} (least of each: {least[0]:.1f} and {least[1]:.1f} ms)"
    asked = f"≤ 15 ms where `python -I` takes {BARE_OF_THE_BAR}: ≤ {15 / BARE_OF_THE_BAR:.3g}×"
    bars.append(at_most("`git add` of one 20 KB notebook", 15 / BARE_OF_THE_BAR, ratio, "×", note, asked))
    return tuple(bars)
