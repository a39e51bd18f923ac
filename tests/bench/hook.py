"""The hook: 196 notebooks that have nothing to strip, as the framework hands them over, and within the framework."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median

from . import corpora, peers
from .bars import Bar, at_most, times
from .measure import Case, Samples, child, interleave
from .repository import NONE, NOTEBOOKS, OURS, Repository, make
from .table import Pair, Section, ratios, timings, walls
from .world import BIN, World

TRUE, BARE = "/bin/true", "`python -I -S -c pass`"
HOOK, FIRST = "`sahel-nb-hook strip`", "`sahel-nb-hook strip`, for the first time"
NB_CLEAN = "`nb-clean clean`"
KEPT = "`sahel-nb-hook strip`, one with outputs that the filter keeps"
FRAMEWORK = "pre-commit: "

TEXT = """Each tool has cleaned its own copies of the notebooks of 20 KB beforehand, and must leave them as they are.
`sahel-nb-hook strip` is what `.pre-commit-hooks.yaml` names, a shell script that starts Python.
`python -I -S -c pass` is the least that that can take, and more than the whole of a compiled program.
Where it has seen the same files in the index before, as in every round but the first, it does not start Python, but \
asks git; `for the first time` is without that memory.
With our filter, the usual case is one notebook with outputs on disk whose staged version is stripped: the index is \
asked.
In the framework: `pre-commit run --all-files`, one hook, `language: system`, for files of the type `jupyter`; the \
framework splits the files among its processes, but for ours, which asks for one (`require_serial`)."""


def measure(world: World) -> Section:
    folder = world.place("hook")
    count = 2 if world.quick else corpora.COUNT
    corpora.write(corpora.small(count), folder / "corpus")
    tools: dict[str, tuple[str, ...]] = {
        HOOK: (str(BIN / "sahel-nb-hook"), "strip"),
        FIRST: (str(BIN / "sahel-nb-hook"), "strip"),
    }
    if path := peers.tool("nb-clean"):
        tools |= {NB_CLEAN: (path, "clean"), "`nb-clean check`": (path, "check")}
    if path := peers.tool("nbstripout-fast"):
        tools["`nbstripout-fast`"] = (path,)
    tools["`nbstripout`"] = peers.nbstripout().in_place
    if world.quick:
        tools = {name: command for name, command in tools.items() if name in (HOOK, NB_CLEAN)}
    samples = _bare(world, folder, tools)
    samples |= _framework(world, folder, {TRUE: ("/bin/true",), **tools})
    names = list(samples)
    pairs = [Pair(name, HOOK) for name in names if not name.startswith(FRAMEWORK) and name not in (HOOK, KEPT)]
    pairs += [Pair(name, FRAMEWORK + TRUE) for name in names if name.startswith(FRAMEWORK) and name != FRAMEWORK + TRUE]
    tables = (timings(samples, "hook"), ratios(samples, pairs))
    return Section("The hook on clean notebooks", TEXT, tables, _bars(samples))


def _bars(samples: Samples) -> tuple[Bar, ...]:
    over = None
    if FRAMEWORK + TRUE in samples:
        both = zip(samples[FRAMEWORK + HOOK], samples[FRAMEWORK + TRUE], strict=True)
        over = median((ours.wall - true.wall) * 1000 for ours, true in both)
    middle = {name: f"{median(walls(samples[name])):.1f} ms" for name in (HOOK, BARE)}
    first = times(samples, FIRST, NB_CLEAN)
    note = f" ({middle[HOOK]}; {BARE}: {middle[BARE]}" + (f"; for the first time: {first:.3g}×)" if first else ")")
    return (
        at_most(
            "hook on 196 clean notebooks, seen before, against nb-clean 5's",
            1,
            times(samples, HOOK, NB_CLEAN),
            "×",
            note,
        ),
        at_most("the same under pre-commit, above /bin/true", 15, over, " ms"),
    )


def _bare(world: World, folder: Path, tools: dict[str, tuple[str, ...]]) -> Samples:
    cases = [
        Case(BARE, partial(child, (sys.executable, "-I", "-S", "-c", "pass"), cwd=folder)),
    ]
    for number, (name, command) in enumerate(tools.items()):
        repository = _cleaned(folder / f"bare-{number}", folder / "corpus", name, command)
        whole = (*command, *_files(repository))
        before = partial(_forget, repository) if name == FIRST else _nothing
        cases.append(Case(name, partial(child, whole, cwd=repository.root), before=before))
        cases[-1].work()  # a second time there is nothing to do, and the exit code says so
    executed = make(folder / "kept", OURS, folder / "corpus")
    executed.git("add", ".")
    executed.git("commit", "-q", "--no-verify", "-m", "Notebooks")
    cases.append(Case(KEPT, partial(child, (*tools[HOOK], _files(executed)[0]), cwd=executed.root)))
    return interleave(cases, world.rounds(11))


def _framework(world: World, folder: Path, tools: dict[str, tuple[str, ...]]) -> Samples:
    framework = peers.tool("pre-commit")
    if framework is None:
        return {}
    cases = []
    for number, (name, command) in enumerate(tools.items()):
        repository = _cleaned(folder / f"framework-{number}", folder / "corpus", name, command)
        entry = shlex.join(command)
        more = ", require_serial: true" if name in (HOOK, FIRST) else ""
        hook = f"      - {{id: measured, name: measured, entry: '{entry}', language: system, types: [jupyter]{more}}}\n"
        config = f"repos:\n  - repo: local\n    hooks:\n{hook}"
        (repository.root / ".pre-commit-config.yaml").write_text(config)
        repository.git("add", ".")
        repository.git("commit", "-q", "--no-verify", "-m", "The framework")
        run = (framework, "run", "--all-files", "--color", "never")
        before = partial(_forget, repository) if name == FIRST else _nothing
        cases.append(Case(FRAMEWORK + name, partial(child, run, cwd=repository.root), before=before))
    return interleave(cases, world.rounds(7))


def _forget(repository: Repository) -> None:
    (repository.root / ".git" / "sahel-nb" / "stripped").unlink(missing_ok=True)


def _nothing() -> None: ...


def _cleaned(folder: Path, corpus: Path, name: str, command: tuple[str, ...]) -> Repository:
    """A clone whose notebooks this tool finds nothing in, committed; our hook and its zero have our filter as well."""
    folder.mkdir()
    copies = folder / "corpus"
    shutil.copytree(corpus, copies)
    if "check" in command:
        command = (*command[:-1], "clean")
    for _ in range(2):
        subprocess.run((*command, *map(str, sorted(copies.iterdir()))), cwd=folder, capture_output=True, check=False)
    made = make(folder, OURS if name in (HOOK, FIRST, TRUE) else NONE, copies)
    made.git("add", ".")
    made.git("commit", "-q", "--no-verify", "-m", "Notebooks")
    return made


def _files(repository: Repository) -> list[str]:
    return [f"{NOTEBOOKS}/{path.name}" for path in sorted(repository.notebooks.iterdir())]
