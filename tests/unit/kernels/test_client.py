"""The real client on a line that fails: what may be asked twice is, a push never; and every letter arrives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FLAKY = Path(__file__).parents[2] / "support" / "flaky.py"


def test_what_may_be_asked_twice_is_and_a_push_never(tmp_path: Path) -> None:
    done = subprocess.run(
        (sys.executable, FLAKY), env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "kernel": "ŋ",
        "status": "RUNNING",
        "log": True,
        "stream": True,
        "push": ["Busy", True],
        "asked": {"GetKernel": 2, "GetKernelSessionStatus": 2, "ListKernelSessionOutput": 2, "SaveKernel": 1},
    }
