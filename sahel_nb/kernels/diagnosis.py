"""From a log and a state to an answer: which cell failed, on which line, with what, the cause, and what to change.

The shapes read here are papermill's report (`Exception encountered at "In [3]":`, an IPython traceback with `----> 4`)
and a plain Python traceback of a script. The causes are rules (`rules`); an unknown failure is said to be unknown, with
its evidence.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from sahel_nb.kernels import rules_log, rules_state
from sahel_nb.kernels.model import LogRecord, RunStatus
from sahel_nb.kernels.rules import Case, Facts, Finding, Rule, findings

TAIL = 1_000_000
END = 20_000

RULES: tuple[Rule, ...] = (
    *rules_log.RULES,
    *rules_state.PUSH,
    *rules_state.BUSY,
    *rules_state.COMPLETE,
    *rules_state.CANCELLED,
    *rules_state.BESIDE,
)

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CELL = re.compile(r'Exception encountered at "In \[(\d+)\]"')
_FRAME = re.compile(r"^(?:Cell |File )?(?:In\[|<ipython-input-)(\d+)[^\n]*?, line (\d+)", re.MULTILINE)
_ARROW = re.compile(r"^-+> (\d+) ?(.*)$", re.MULTILINE)
_SCRIPT_LINE = re.compile(r'File "[^"]*script\.py", line (\d+)')
_ERROR = re.compile(
    r"^((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Expired|Warning|NotFound)\b)(?:: (.*))?$",
    re.MULTILINE,
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
    findings: tuple[Finding, ...]
    """The cause, where a rule knows it, and what else there is to say."""
    evidence: tuple[str, ...]
    raised_in: tuple[int, int] | None = None
    """The cell and line that raised, where a function of another cell did."""

    @property
    def main(self) -> Finding | None:
        """The cause, if it is known."""
        return self.findings[0] if self.findings and not self.findings[0].rule.also else None

    @property
    def also(self) -> tuple[Finding, ...]:
        return tuple(found for found in self.findings if found.rule.also)

    @property
    def rule(self) -> Rule | None:
        return self.main.rule if self.main else None

    @property
    def cause(self) -> str:
        return self.main.cause if self.main else ""

    @property
    def remedy(self) -> str:
        return self.main.remedy if self.main else ""


@dataclass(frozen=True)
class CellPlace:
    """Where a failing cell stands: its number among all cells (1-based), and its first line in the .py mirror."""

    cell: int
    mirror_line: int | None


def diagnose(records: Iterable[LogRecord], status: RunStatus, facts: Facts = Facts()) -> Diagnosis:  # noqa: B008
    """Read the end of a log, however long it is. Never raises: what cannot be recognised is left None."""
    tail, count = _tail(records)
    text = _ANSI.sub("", tail)
    report = text[text.rfind("Exception encountered at") :] if "Exception encountered at" in text else text[-END:]
    cell = _CELL.search(text)
    arrows = _ARROW.findall(report)
    frames = [(int(number), int(line)) for number, line in _FRAME.findall(report)]
    script = _SCRIPT_LINE.findall(report)
    errors = list(_ERROR.finditer(report))
    error = ": ".join(part for part in errors[-1].groups() if part) if errors else ""
    number = int(cell[1]) if cell else None
    # The first arrow of the report is in the cell itself; later ones are inside libraries.
    line = int(arrows[0][0]) if arrows else (int(script[-1]) if script else None)
    inner = frames[-1] if frames and number is not None and frames[-1][0] != number else None
    case = Case(status.state, _texts(report, errors, status.message), text[-END:], count, error, facts)
    return Diagnosis(
        number,
        line,
        arrows[0][1].strip() if arrows else "",
        error,
        findings(case, RULES),
        tuple(row for row in report.rstrip().split("\n")[-12:] if row.strip()),
        inner,
    )


def _texts(report: str, errors: list[re.Match[str]], message: str) -> tuple[str, ...]:
    """The last error with what follows it, then the errors that led to it; the end of the log where there is none.

    Not the traceback between them: the source lines in it may speak of anything.
    """
    if not errors:
        return (f"{message}\n{report}",)
    return f"{report[errors[-1].start() :]}\n{message}", "\n".join(error[0] for error in reversed(errors[:-1]))


def _tail(records: Iterable[LogRecord]) -> tuple[str, int]:
    """The last million characters, of lines that may be cut in front; and how many records there were."""
    kept: deque[str] = deque()
    size = count = 0
    for record in records:
        count += 1
        text = record.data if record.data.endswith("\n") else record.data + "\n"
        kept.append(text[-TAIL:])
        size += len(kept[-1])
        while size - len(kept[0]) >= TAIL:
            size -= len(kept.popleft())
    return "".join(kept), count


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
