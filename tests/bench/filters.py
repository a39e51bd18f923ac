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
from .table import Pair, Section, ratios, timings, walls
from .world import World

ONE = "`git add`, one of 20 KB"
FILTER_ALONE = f"{PEER}, `--no-textconv`"
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
        samples |= _statuses(repositories, f"`git status` {name}, all touched", world.rounds(5))
        if name == list(found)[-1]:
            looking = [each for each in repositories if each.name != FLOOR]  # it has no answer to what was edited
            samples |= _diffs(looking, f"`git diff` {name}, all edited", corpus, world.rounds(3))
    if not world.quick:
        samples |= _large(folder)
    names = list(samples)
    tasks = list(dict.fromkeys(name.partition(": ")[0] for name in names if ": " in name))
    pairs = [
        Pair(f"{task}: {name}", f"{task}: {against}")
        for task in tasks
        for name, against in (
            (PEER, OURS),
            (FILTER_ALONE, OURS),
            *((name, OURS) for name in peers.RUST),
            (OURS, FLOOR),
            (OURS, NONE),
        )
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
    adds = [_add(each, ONE, f"{NOTEBOOKS}/000.ipynb", inf) for each in repositories]
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

    def diff(repository: Repository, *options: str) -> Sample:
        product = repository.root.with_name(f"{repository.name}.diff")
        sample = repository.git("diff", *options, stdout=product)
        shown = product.read_bytes()
        if (b"\n" + shown).count(b"\ndiff --git ") != count or shown.count(b"_%d = " % (1000 + number)) != count:
            raise SystemExit(f"{repository.name}: git diff does not show the edit of each notebook")
        return sample

    cases = [
        Case(f"{what}: {each.name}", partial(diff, each), before=partial(edit, each), patience=_patience(each.name))
        for each in repositories
    ]
    peer = repositories[-1]
    work, before = partial(diff, peer, "--no-textconv"), partial(edit, peer)
    return interleave([*cases, Case(f"{what}: {FILTER_ALONE}", work, before=before, patience=_patience(PEER))], rounds)


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
    def slower(task: str, name: str, part: Part, than: str = OURS) -> float | None:
        return times(samples, f"{task}: {name}", f"{task}: {than}", part)

    def limit(task: str, name: str, part: Part) -> str:
        """What no filter in Python can pass, on this machine."""
        value = slower(task, name, part, FLOOR)
        return f"; the floor: {value:.3g}×" if value is not None else ""

    bars = []
    for corpus, bar in (("S", 250), ("M", 150)):
        task = f"`git add` {corpus}"
        note = limit(task, PEER, cpu)
        bars.append(at_least(f"{task}, CPU, against nbstripout's filter", bar, slower(task, PEER, cpu), note))
    for corpus in ("S", "M"):
        task = f"`git add` {corpus}"
        found = {name: value for name in peers.RUST if (value := slower(task, name, wall)) is not None}
        fastest = min(found, key=found.__getitem__) if found else ""
        note = f" ({fastest})" + limit(task, fastest, wall) if fastest else ""
        bars.append(at_least(f"{task}, wall, against the fastest Rust peer", 3, found.get(fastest), note))
    for corpus in ("S", "M"):
        task = f"`git add` {corpus}"
        both = [value for part in (wall, cpu) if (value := times(samples, f"{task}: {OURS}", f"{task}: {FLOOR}", part))]
        note = f" (wall {both[0]:.3g}×, CPU {both[1]:.3g}×)" if both else ""
        bars.append(at_most(f"{task}, against the protocol floor", 1.3, max(both, default=None), "×", note))
    for corpus in ("S", "M"):
        task = f"`git status` {corpus}, all touched"
        bars.append(at_least(f"{task}, CPU, against nbstripout", 200, slower(task, PEER, cpu), limit(task, PEER, cpu)))
    task = "`git diff` M, all edited"
    alone = slower(task, FILTER_ALONE, cpu)
    note = f"; without its textconv: {alone:.3g}×" if alone else ""
    bars.append(at_least(f"{task}, CPU, against nbstripout", 400, slower(task, PEER, cpu), note))
    bars.append(_one_bar(samples))
    return tuple(bars)


def _one_bar(samples: Samples) -> Bar:
    ours, asked = f"{ONE}: {OURS}", 15 / BARE_OF_THE_BAR
    least = [min(walls(samples[name])) for name in (ours, BARE)]
    note = f" of {BARE} (least of each: {least[0]:.1f} and {least[1]:.1f} ms)"
    shown = f"≤ 15 ms where `python -I` takes {BARE_OF_THE_BAR}: ≤ {asked:.3g}×"
    return at_most("`git add` of one 20 KB notebook", asked, times(samples, ours, BARE), "×", note, shown)
