"""Memory: the most that a filter holds at once while one large notebook goes through it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from statistics import median

from . import corpora, imports, peers
from .bars import at_most
from .notebooks import conversation
from .repository import OURS, make
from .table import Section, markdown
from .world import ROOT, World

PEAK = Path(__file__).with_name("peak.py")
BARE = "`python -I -S -c pass`"
BARS = {20: 20.0, 100: 24.0}

TEXT = """The largest resident set of the filter's process, as the kernel reports it when the process has ended, in MiB.
The filter is started and fed as git does it: ours in git's own protocol, in a repository with an empty output vault; \
the others with the notebook in stdin.
"pictures" is a notebook of plots of 150 KB each, "text" one whose one cell printed all of it."""


def measure(world: World) -> Section:
    folder = world.place("memory")
    million = 10_000 if world.quick else 1_000_000
    columns: dict[str, Path] = {}
    for size in (20,) if world.quick else BARS:
        for what, made in (("pictures", corpora.many_pictures), ("text", corpora.one_stream)):
            path = folder / f"{size}-{what}.ipynb"
            path.write_bytes(made(size * million))
            columns[f"{size} MB, {what}"] = path
    commands = {OURS: shlex.join(imports.hook("process"))}
    commands |= {each.name: each.command for each in (*peers.rust(), peers.nbstripout())}
    found: dict[str, list[float | None]] = {name: [] for name in commands}
    clone = make(folder, OURS, world.place("memory/nothing"))
    for path in columns.values():
        spoken = path.with_suffix(".spoken")
        spoken.write_bytes(conversation(path.read_bytes()))
        for name, command in commands.items():
            runs = []
            for _ in range(world.rounds(2)):
                clone.restore("fresh")
                runs.append(peak(clone.root, spoken if name == OURS else path, command))
            found[name].append(median(runs))
        spoken.unlink()
        path.unlink()
    (folder / "empty").touch()
    bare = peak(folder, folder / "empty", f"{shlex.quote(sys.executable)} -I -S -c pass")
    rows = [[name, *(f"{value:.1f}" for value in values if value is not None)] for name, values in found.items()]
    rows += [[name, *("not available" for _ in columns)] for name in peers.missing()]
    rows.append([BARE, *(f"{bare:.1f}" for _ in columns)])
    ours = dict(zip(columns, found[OURS], strict=True))
    bars = tuple(
        at_most(f"peak memory, a notebook of {column}", BARS[int(column.split()[0])], value, " MiB")
        for column, value in ours.items()
    )
    return Section("Memory", TEXT, (markdown(("filter: peak, MiB", *columns), rows),), bars)


def peak(cwd: Path, source: Path, command: str) -> float:
    """MiB."""
    done = subprocess.run(
        (sys.executable, "-I", "-S", str(PEAK), str(source), command),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}\n{done.stderr}".replace(str(ROOT), "."))
    return int(done.stdout.split()[-1]) / 1024
