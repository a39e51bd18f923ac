"""`python -m tests.storm --runs 500 --seed 1 [--minutes M] [--only N …]`: ends with 1 where a promise was broken.

A violation names its seed and its run: `--seed 1 --only 17` plays that run again, and `--keep FOLDER` keeps all of it.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.world import isolated

from .judge import Violation
from .loop import storm


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no run after that; 0 sets no limit")
    parser.add_argument("--workers", type=int, default=8, help="runs at a time, each of a kernel of its own")
    parser.add_argument("--only", type=int, nargs="+", help="these runs alone")
    parser.add_argument("--keep", type=Path, help="an empty folder to work in, which stays")
    typed = parser.parse_args()
    numbers = typed.only or range(1, typed.runs + 1)
    asked_to_end: list[int] = []
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda number, _: asked_to_end.append(number))
    deadline = time.monotonic() + 60 * typed.minutes if typed.minutes else float("inf")
    with ExitStack() as stack:
        world = stack.enter_context(isolated(quick=False))
        folder = typed.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(dir=world.folder)))
        folder.mkdir(parents=True, exist_ok=True)
        tally = storm(
            folder.resolve(),
            [f"{typed.seed}/{number}" for number in numbers],
            workers=min(typed.workers, len(numbers)),
            going=lambda: not asked_to_end and time.monotonic() < deadline,
            told=_say,
        )
    print(f"seed {typed.seed}: {tally}")
    return int(bool(tally.violations))


def _say(violation: Violation) -> None:
    print(violation, flush=True)


if __name__ == "__main__":
    sys.exit(main())
