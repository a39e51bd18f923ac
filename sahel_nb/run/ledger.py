"""What this clone has recorded of a kernel's runs, for the commands that show them.

`run.json` ties a commit to v<N> and to the digests of its outputs, and says whether Kaggle's copy was what was pushed.
The lock's chain, which everybody shares, has the first three of these, and an alarm where the copy was not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sahel_nb.kernels.model import KernelRef
from sahel_nb.kernels.proof import Copy, Proof
from sahel_nb.lock.record import Record
from sahel_nb.run import record
from sahel_nb.run.record import RunRecord


def runs_of(runs: Path, ref: KernelRef, service: str) -> Iterator[RunRecord]:
    """The records below `runs` that can be believed, in no order: of the runs on one service. What a rehearsal found
    is told of rehearsals, and of nothing else."""
    for path in (runs / ref.slug).glob("*/"):
        found = record.read(path)
        if found is not None and (found.kernel, found.service) == (str(ref), service):
            yield found


def mismatches(runs: Path, ref: KernelRef, service: str) -> dict[str, str]:
    """What to say of the runs whose copy on Kaggle was not what was pushed, by the run's id."""
    found = {run.run_id: mismatch(run) for run in runs_of(runs, ref, service)}
    return {run_id: text for run_id, text in found.items() if text}


def mismatch(run: RunRecord) -> str:
    """Empty where the copy is the same, or could not be looked at."""
    return differs(Proof(Copy.DIFFERS, run.kaggle_copy_why)) if run.kaggle_copy == Copy.DIFFERS.value else ""


def alarm_of(run: RunRecord) -> tuple[str, ...]:
    """What the lock's chain is to say of this run to everybody."""
    wrong = mismatch(run)
    return (f"v{run.version}: {wrong}",) if wrong else ()


def alarmed(record: Record) -> str:
    """What the lock's record says of the last run's copy, whoever ran it; as `mismatch`."""
    begins = f"v{record.outcome.version}: " if record.outcome is not None else ""
    for text in record.alarms:
        if begins and text.startswith(begins + _DIFFERS):
            return text.removeprefix(begins)
    return ""


def differs(proof: Proof) -> str:
    return f"{_DIFFERS}: {proof.why}" if proof.copy is Copy.DIFFERS else ""


_DIFFERS = "Kaggle's copy is not what was pushed"
