"""`python -m tests.explore [--states N] [--mutants]`: what was explored, how fast, and what was found."""

from __future__ import annotations

import argparse
import sys

from .mutants import AGAIN, ANY, AROUND, BACK, DUO, HAND, MEMORY, MUTANTS, PAIR, PROMPT, REMADE, SHORT, UNSURE
from .search import Report, Search


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.explore", description=__doc__)
    parser.add_argument("--states", type=int, default=1_000_000, help="the most to explore of each scenario")
    parser.add_argument("--mutants", action="store_true", help="only the protocols that are wrong")
    asked = parser.parse_args()
    failed = False
    if not asked.mutants:
        scenarios = (DUO, PAIR, AGAIN, PROMPT, ANY, HAND, SHORT, UNSURE, REMADE, MEMORY, BACK, AROUND)
        reports = [_explore(Search(scenario), asked.states) for scenario in scenarios]
        states, seconds = sum(r.states for r in reports), sum(r.seconds for r in reports)
        print(f"{states:>9,} states, {seconds:.1f} s of one core, {states / seconds:,.0f} states/s")
        failed = any(report.violation for report in reports)
    killed = 0
    for mutant in MUTANTS:
        report = mutant.search().run(asked.states)
        killed += bool(report.violation)
        print(f"{report.states:>9,} states  {mutant.name}: {report.violation or 'SURVIVES'}")
    print(f"{killed} of {len(MUTANTS)} mutants caught")
    return int(failed or killed < len(MUTANTS))


def _explore(search: Search, limit: int) -> Report:
    report = search.run(limit)
    scope = "all there are" if report.complete else "the nearest ones"
    budget = ", ".join(f"{n} {name}" for name, n in report.scenario.left._asdict().items() if n) or "nothing goes wrong"
    print(
        f"{report.states:>9,} states, {report.edges:>10,} edges, {report.seconds:5.1f} s  "
        f"{report.scenario.name} ({report.scenario.clients} clients; {budget}): {scope}, "
        f"{report.violation or 'every promise holds'}"
    )
    for line in report.trace:
        print(f"            {line}")
    return report


if __name__ == "__main__":
    sys.exit(main())
