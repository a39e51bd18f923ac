"""Measurements, side by side in one run: `python -m tests.bench` writes docs/benchmarks.md.

measure   what a sample is, and how cases take turns
table     samples → medians, spans, ratios of pairs → Markdown
world     a temporary folder and an environment with nothing of this machine's settings
startup, commit, run, lock   the four things measured
"""

from __future__ import annotations

import sys
from pathlib import Path

# tests/support is imported as `support`: pytest puts this folder on the path, `python -m tests.bench` does not.
_TESTS = str(Path(__file__).resolve().parents[1])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)
