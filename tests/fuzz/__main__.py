"""`python -m tests.fuzz --minutes 10 --seed 1 [TARGET …]`: ends with 1 where something was found, and keeps it.

Asked to end before its time, with Ctrl-C or SIGTERM, it says what it has done so far.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import signal
import sys
import time
from pathlib import Path

from tests.fuzz.loop import Finding, Tally, fuzz, until
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=[], help=f"of {', '.join(TARGETS)}; all of them when left out")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="folder for what is found")
    typed = parser.parse_args()
    logging.disable(logging.CRITICAL)  # nbformat logs a page for each notebook that is invalid

    def told(finding: Finding) -> None:
        typed.keep.mkdir(parents=True, exist_ok=True)
        path = typed.keep / f"{finding.target}-{hashlib.sha256(finding.data).hexdigest()[:12]}"
        path.write_bytes(finding.data)
        print(
            f"{finding.target}: {finding.said[:300]}\n  {path} ({len(finding.data)} bytes), its own seed {finding.seed}"
        )
        sys.stdout.flush()

    asked_to_end: list[int] = []
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda number, _: asked_to_end.append(number))
    began = time.monotonic()
    in_time = until(began + 60 * typed.minutes)
    tally = fuzz(typed.targets or list(TARGETS), typed.seed, lambda t: in_time(t) and not asked_to_end, told)
    _summary(tally, time.monotonic() - began, typed.seed)
    return int(bool(tally.findings))


def _summary(tally: Tally, took: float, seed: int) -> None:
    for name, count in tally.executions.items():
        print(f"{name}: {count} executions, {tally.accepted.get(name, 0)} accepted")
    print(f"seed {seed}: {sum(tally.executions.values())} executions in {took:.0f} s, {len(tally.findings)} findings")


if __name__ == "__main__":
    sys.exit(main())
