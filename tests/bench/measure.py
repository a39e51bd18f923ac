"""Whole processes, measured from outside: wall clock around them, CPU time of them and everything they waited for.

Cases take turns (A B C, A B C, …), so that whatever else the machine does falls on all of them alike, and the ratio of
two neighbours means more than either figure.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """Seconds. `own` is the part of `wall` that somebody else's work took; see `run.py`."""

    wall: float
    cpu: float
    own: float = 0.0


def _nothing() -> None: ...


@dataclass(frozen=True)
class Case:
    """`work` is measured; `before` prepares each sample and is not.

    A slow case takes part until it has used up `patience` seconds.
    """

    name: str
    work: Callable[[], Sample]
    before: Callable[[], None] = _nothing
    patience: float = inf


Samples = dict[str, list[Sample]]


def interleave(cases: Sequence[Case], rounds: int) -> Samples:
    """One sample of each case a round; where there are several, after a round that does not count.

    Cases with a limit are not in that one: its purpose, a warm file cache, they do not need.
    """
    samples: Samples = {case.name: [] for case in cases}
    for number in range(-1 if rounds > 1 else 0, rounds):
        for case in cases:
            spent = sum(sample.wall for sample in samples[case.name])
            if spent >= case.patience or (number < 0 and case.patience < inf):
                continue
            case.before()
            sample = case.work()
            if number >= 0:
                samples[case.name].append(sample)
    return samples


def child(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    stdout: Path | None = None,
    fine: Container[int] = (0,),
) -> Sample:
    """Run `command` to its end. An exit code that is not `fine` ends the benchmark: it measured nothing."""
    with (
        open(stdin or os.devnull, "rb") as source,
        open(stdout, "wb") if stdout else tempfile.TemporaryFile() as product,  # nbstripout cannot write to /dev/null
        tempfile.TemporaryFile() as errors,
    ):
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=source, stdout=product, stderr=errors, close_fds=False
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in fine:
            errors.seek(0)
            text = errors.read().decode("utf-8", "replace")
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}\n{text}")
    return Sample(wall, usage.ru_utime + usage.ru_stime)


def here(work: Callable[[], object]) -> Sample:
    """The same for a function of this process: its CPU time, and that of the processes that it starts and waits for."""
    cpu, began = _cpu(), time.perf_counter()
    work()
    return Sample(time.perf_counter() - began, _cpu() - cpu)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
