"""Outputs: 200 files of mixed sizes, and one large file, beside the unmodified `kaggle kernels output`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median

from support.lab import Lab, Member

from .bars import Bar, at_least, at_most, times
from .line import line
from .measure import Case, Sample, child, interleave
from .memory import peak
from .table import Pair, markdown, ratios, timings
from .world import BIN, World

OURS, THEIRS = "`sahel-nb output`", "`kaggle kernels output`"
AWAY = 0.02
"""Seconds that a byte takes, one way."""
MOST = 64.0
"""MiB that a large file may take."""
FILES = """import os
for number in range({count}):
    with open(f"f{{number}}.bin", "wb") as file:
        file.write(os.urandom((200, 5_000, 50_000, 300_000)[number % 4]))"""
LARGE = """with open("large.bin", "wb") as file:
    file.truncate({size})"""


def measure(world: World, lab: Lab, awa: Member) -> tuple[tuple[str, ...], tuple[Bar, ...]]:
    """The tables and the bars."""
    count = 20 if world.quick else 200
    folder = world.place("outputs")
    _made(awa, "bench-files", FILES.format(count=count))
    tables, reached = [], []
    with line(lab.service.port, AWAY) as far:
        for where, url in ((f"{2000 * AWAY:.0f} ms away", far), ("on loopback", lab.service.url)):
            names = {f"{name}, {where}": command for name, command in _commands(lab, awa, "bench-files", url).items()}
            cases = [Case(name, partial(_fetch, world, *command, count)) for name, command in names.items()]
            samples = interleave(cases, world.rounds(3))
            ours, theirs = names
            tables += [timings(samples, f"{count} files"), ratios(samples, (Pair(theirs, ours),))]
            reached.append(at_least(f"{count} files of mixed sizes, {where}", 3, times(samples, theirs, ours)))
    memory, bars = _memory(world, lab, awa, folder)
    return (*tables, memory), (*reached, *bars)


def _memory(world: World, lab: Lab, awa: Member, folder: Path) -> tuple[str, tuple[Bar, ...]]:
    """Peaks. The unmodified client is not asked for the larger one, which it may hold whole."""
    million = 100_000 if world.quick else 1_000_000
    (folder / "nothing").touch()
    rows, bars = [], []
    for size, names in (() if world.quick else ((256, (OURS, THEIRS)),)) + ((2048, (OURS,)),):
        slug = f"bench-large-{size}"
        _made(awa, slug, LARGE.format(size=size * million))
        commands = _commands(lab, awa, slug, lab.service.url)
        for name in names:
            found = []
            for _ in range(world.rounds(2)):
                product = _fresh(world)
                command, env = commands[name]
                shell = shlex.join(("env", "-i", *(f"{key}={value}" for key, value in env.items()), *command))
                found.append(peak(product, folder / "nothing", f"{shell} {shlex.quote(str(product))} 2>/dev/null"))
                (product / "large.bin").unlink()
            rows.append((name, f"{size * million / 1e6:g} MB", f"{median(found):.1f}"))
            if name == OURS and size == 2048:
                bars.append(at_most(f"an output of {size * million / 1e9:g} GB: memory", MOST, median(found), " MiB"))
    return markdown(("one large file", "size", "peak, MiB"), rows), tuple(bars)


def _commands(lab: Lab, awa: Member, slug: str, url: str) -> dict[str, tuple[tuple[str, ...], Mapping[str, str]]]:
    """What is typed but for the folder at its end, and in which environment."""
    kaggle = {**lab.service.env("awa"), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    kaggle |= {"http_proxy": url, "HTTP_PROXY": url}
    return {
        OURS: ((str(BIN / "sahel-nb"), "output", f"awa/{slug}@v1", "-o"), {**awa.env(), "SAHEL_NB_KAGGLE": url}),
        THEIRS: ((str(BIN / "kaggle"), "kernels", "output", f"awa/{slug}", "-p"), kaggle),
    }


def _fetch(world: World, command: tuple[str, ...], env: Mapping[str, str], count: int) -> Sample:
    product = _fresh(world)
    sample = child((*command, str(product)), cwd=product, env=env)
    came = len(list(product.glob("f*.bin")))
    if came != count:
        raise SystemExit(f"{' '.join(command)} brought {came} of {count} files")
    return sample


def _fresh(world: World) -> Path:
    return world.place(f"outputs-{os.urandom(4).hex()}")


def _made(awa: Member, slug: str, cell: str) -> None:
    """A kernel that ran once."""
    awa.kernel(slug, (cell,))
    done = awa.sahel("run", slug, "--detach")
    if done.code == 0:
        done = awa.sahel("logs", "-f", slug)
    if done.code:
        raise SystemExit(str(done))
