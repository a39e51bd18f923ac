"""Which modules a command imports, as the interpreter itself reports it: `python -X importtime`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
HEAVY = ("kaggle", "kagglesdk", "jupytext", "nbformat", "git", "click", "requests", "starlette", "uvicorn", "slugify")


def imported(command: Sequence[str], *, cwd: Path, stdin: bytes = b"") -> frozenset[str]:
    """Full names of the modules. `command` begins with a Python interpreter; it must end well."""
    python, *rest = command
    done = subprocess.run(
        (python, "-X", "importtime", *rest), cwd=cwd, input=stdin, capture_output=True, timeout=60, check=False
    )
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    if done.returncode != 0:
        told = "\n".join(line for line in lines if not line.startswith("import time:"))
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{told}")
    # import time:       653 |      40420 |   click
    return frozenset(line.rsplit("|", 1)[1].strip() for line in lines if line.startswith("import time:"))


def script(name: str, *arguments: str) -> tuple[str, ...]:
    """An installed console script as a command that begins with the interpreter."""
    return (sys.executable, str(BIN / name), *arguments)


def hook(verb: str) -> tuple[str, ...]:
    """What the command that `sahel-nb install` gives git for `filter.sahel-nb.<verb>` starts, as an argument list."""
    import shlex

    from sahel_nb.install.install import Settings

    started = Settings.mine().runner.rpartition(" && ")[2]
    return (*shlex.split(started), "filter" if verb == "process" else verb)
