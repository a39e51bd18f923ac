"""`python -m tests.bench [--quick] [--only NAME] [--out FILE]`: measure, and write docs/benchmarks.md.

`--quick` shows that everything works, in one round; a table that was made with `--quick` or `--only` is printed, and
replaces the page only where `--out` says so.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from . import commit, filters, hook, lock, memory, pairing, peers, push, run, startup
from .measure import say
from .table import Section, bars, markdown
from .world import ROOT, World, isolated, load, machine

PAGE = ROOT / "docs" / "benchmarks.md"
SECTIONS: dict[str, Callable[[World], Section]] = {
    "startup": startup.measure,
    "filter": filters.measure,
    "hook": hook.measure,
    "memory": memory.measure,
    "pair": pairing.measure,
    "push": push.measure,
    "commit": commit.measure,
    "run": run.measure,
    "lock": lock.measure,
}
HEAD = """# Benchmarks

Written by `make bench` (`python -m tests.bench`); do not edit.
Everything on this page was measured in one run, in temporary folders with an empty HOME, on loopback, without an \
account.

Each figure is **the median** (the least–the most) of whole processes seen from outside: wall clock, and the CPU \
time of the process and of all that it waited for.
The cases of a table take turns, after a round that does not count, so that what else the machine does falls on all \
of them alike.
A ratio is taken between the two samples of one round, and its median and span are shown: trust the ratios, and the \
least of the milliseconds."""

BARS = """What was to be reached is on the left; the rest is computed from the tables below, in this run.
A ratio is the median over the rounds; where the slow side had one run, its time over the median of the other's."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure, and write docs/benchmarks.md.")
    parser.add_argument("--quick", action="store_true", help="one round of everything, to see that it works")
    parser.add_argument("--only", choices=tuple(SECTIONS), action="append", help="one section; repeatable")
    parser.add_argument("--out", type=Path, help="write here; '-' prints")
    asked = parser.parse_args()
    names = asked.only or list(SECTIONS)
    out = asked.out or (Path("-") if asked.quick or asked.only else PAGE)
    page = _page(names, asked.quick)
    if out == Path("-"):
        print(page, end="")
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding="utf-8")
        say(f"written: {out.name}")


def _page(names: list[str], quick: bool) -> str:
    began, before = time.monotonic(), load()
    sections = []
    with isolated(quick) as world:
        facts = machine() + peers.versions()
        for name in names:
            say(f"measuring: {name}")
            at = time.monotonic()
            sections.append(SECTIONS[name](world))
            say(f"  {time.monotonic() - at:.0f} s")
    facts += [
        ("load before and after", f"{before}, {load()}"),
        ("measured", time.strftime("%Y-%m-%d", time.gmtime())),
        ("took", f"{time.monotonic() - began:.0f} s"),
    ]
    parts = [HEAD, "## The machine", markdown(("what", "which"), facts, left=2)]
    reached = [bar for section in sections for bar in section.bars]
    if reached:
        parts += ["## The bars", BARS, bars(reached, judged=not quick)]
    parts += map(str, sections)
    if quick:
        parts.insert(1, "**This is a quick run: one round, and small numbers of files. It shows that things work.**")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
