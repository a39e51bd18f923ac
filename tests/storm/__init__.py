"""Runs through a network that fails at random: `python -m tests.storm --runs 500 --seed 1`.

weather   which request meets which fault, drawn from a seed
line      the relay between the real client and the embedded service that makes the weather
kernel    what each run prints and writes; the same file is what is pushed, and what says what must have arrived
person    somebody on a bad line, who types `sahel-nb run` and then what they are told to, until it is done
judge     what must hold afterwards
loop      several of them side by side, and the tally
"""

from __future__ import annotations

import sys
from pathlib import Path

# tests/support is imported as `support`: pytest puts this folder on the path, `python -m tests.storm` does not.
_TESTS = str(Path(__file__).resolve().parents[1])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)
