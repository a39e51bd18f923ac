"""Measurements, side by side in one run: `python -m tests.bench` writes docs/benchmarks.md.

measure     what a sample is, and how cases take turns
table       samples → medians, spans, ratios of pairs → Markdown
bars        what was to be reached, and whether it was
world       a temporary folder and an environment with nothing of this machine's settings
notebooks, corpora   what goes through: made from seeds
peers       the other tools, in an environment of their own; peers.txt pins them
repository  clones that differ in their filter alone, and are put back before each sample
canned      the least that a filter in Python could cost
startup, filters, hook, memory, pairing, push, commit, run, lock   what is measured
"""

from __future__ import annotations

import sys
from pathlib import Path

# tests/support is imported as `support`: pytest puts this folder on the path, `python -m tests.bench` does not.
_TESTS = str(Path(__file__).resolve().parents[1])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)
