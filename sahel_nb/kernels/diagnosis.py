"""From a log to an answer: which cell failed, on which line, with what, and the likely cause.

The shapes read here are papermill's report (`Exception encountered at "In [3]":`, an IPython traceback with `----> 4`)
and a plain Python traceback of a script. An unknown failure is said to be unknown, with its evidence.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from sahel_nb.kernels.model import LogRecord, RunStatus

TAIL = 1_000_000

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CELL = re.compile(r'Exception encountered at "In \[(\d+)\]"')
_ARROW = re.compile(r"^-+> (\d+) ?(.*)$", re.MULTILINE)
_SCRIPT_LINE = re.compile(r'File "[^"]*script\.py", line (\d+)')
_ERROR = re.compile(
    r"^((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning|NotFound)\b)(?:: (.*))?$", re.MULTILINE
)


@dataclass(frozen=True)
class Rule:
    """A cause that can be recognised: `pattern` in the evidence, what it means, what to do."""

    code: str
    pattern: re.Pattern[str]
    cause: str
    remedy: str


RULES = (
    Rule(
        "missing-package",
        re.compile(r"ModuleNotFoundError: No module named '([^']+)'"),
        "the package {0} is not in Kaggle's image",
        "install it in the first cell (`%pip install {0}`), which needs enable_internet, or attach it as a dataset",
    ),
    Rule(
        "input-not-mounted",
        re.compile(r"FileNotFoundError: [\s\S]{0,400}?((?:/kaggle|\.\.)/input/[^\s'\"]+)"),
        "{0} is not there: a source is missing from the metadata, or it is mounted elsewhere",
        "list it in dataset_sources; look in /kaggle/input/datasets/<owner>/<slug> and in /kaggle/input/<slug>",
    ),
    Rule(
        "no-kernelspec",
        re.compile(r"No kernel name found in notebook"),
        "the notebook has no kernelspec",
        "sahel-nb lint says where; a notebook made by `sahel-nb new` has one",
    ),
    Rule(
        "iopub-flood",
        re.compile(r"(?i)IOPub"),
        "the notebook printed faster than Jupyter could carry it away",
        "turn progress bars off, or give them a mininterval of some seconds",
    ),
    Rule(
        "out-of-memory",
        re.compile(r"(?i)MemoryError|out of memory|allocate more memory|DeadKernelError|Kernel died"),
        "the session ran out of memory",
        "load less at once, or take a machine with more memory",
    ),
    Rule(
        "time-limit",
        re.compile(r"(?i)exceeded the max(?:imum)? allowed execution duration|session timeout"),
        "the run reached its time limit",
        "save checkpoints to /kaggle/working and go on from them, or raise --timeout",
    ),
    Rule(
        "disk-full",
        re.compile(r"(?i)No space left on device"),
        "the disk of the session is full",
        "/kaggle/working holds 20 GB; write scratch files to /tmp",
    ),
)


@dataclass(frozen=True)
class Diagnosis:
    """Why a run failed, as far as its log tells. Numbers are 1-based; None is honest."""

    execution_count: int | None
    """The N of "In [N]": the N-th code cell that is not empty."""
    line: int | None
    """The line within that cell, or within the script."""
    source_line: str
    error: str
    rule: Rule | None
    cause: str
    remedy: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class CellPlace:
    """Where a failing cell stands: its number among all cells (1-based), and its first line in the .py mirror."""

    cell: int
    mirror_line: int | None


def diagnose(records: Iterable[LogRecord], status: RunStatus) -> Diagnosis:
    """Read the end of a log, however long it is. Never raises: what cannot be recognised is left None."""
    text = _ANSI.sub("", _tail(records))
    report = text[text.rfind("Exception encountered at") :] if "Exception encountered at" in text else text[-20_000:]
    cell = _CELL.search(text)
    arrows = _ARROW.findall(report)
    script = _SCRIPT_LINE.findall(report)
    errors = _ERROR.findall(report)
    error = ": ".join(part for part in errors[-1] if part) if errors else ""
    # The first arrow of the report is in the cell itself; later ones are inside libraries.
    line = int(arrows[0][0]) if arrows else (int(script[-1]) if script else None)
    rule, cause, remedy = _recognise(f"{report}\n{status.message}")
    evidence = tuple(line for line in report.rstrip().split("\n")[-12:] if line.strip())
    return Diagnosis(
        int(cell[1]) if cell else None,
        line,
        arrows[0][1].strip() if arrows else "",
        error,
        rule,
        cause,
        remedy,
        evidence,
    )


def _tail(records: Iterable[LogRecord]) -> str:
    """The last million characters, of lines that may be cut in front."""
    kept: deque[str] = deque()
    size = 0
    for record in records:
        text = record.data if record.data.endswith("\n") else record.data + "\n"
        kept.append(text[-TAIL:])
        size += len(kept[-1])
        while size - len(kept[0]) >= TAIL:
            size -= len(kept.popleft())
    return "".join(kept)


def _recognise(text: str) -> tuple[Rule | None, str, str]:
    for rule in RULES:
        match = rule.pattern.search(text)
        if match:
            groups = match.groups() or ("",)
            return rule, rule.cause.format(*groups), rule.remedy.format(*groups)
    return None, "", ""


def place(notebook: bytes, mirror: bytes | None, execution_count: int) -> CellPlace | None:
    """The cell that "In [N]" names, in the notebook and in its percent mirror; None where it cannot be told.

    Empty code cells are not executed and have no number.
    """
    try:
        cells = json.loads(notebook)["cells"]
    except (ValueError, KeyError, TypeError):
        return None
    count = 0
    for index, cell in enumerate(cells):
        source = cell.get("source", "")
        text = "".join(source) if isinstance(source, list) else str(source)
        if cell.get("cell_type") != "code" or not text.strip():
            continue
        count += 1
        if count == execution_count:
            return CellPlace(index + 1, _mirror_line(mirror, index) if mirror is not None else None)
    return None


def _mirror_line(mirror: bytes, index: int) -> int | None:
    # In py:percent every cell begins with a `# %%` marker, in the notebook's order.
    starts = [
        number
        for number, line in enumerate(mirror.decode("utf-8", errors="replace").split("\n"), start=1)
        if line.startswith("# %%")
    ]
    return starts[index] + 1 if index < len(starts) else None
