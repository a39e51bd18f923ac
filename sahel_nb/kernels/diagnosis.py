"""From a log and a state to an answer: which cell failed, on which line, with what, the cause, and what to change.

What the log says is read by `failure`. The causes are rules (`rules`); an unknown failure is said to be unknown, with
its evidence.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from sahel_nb.kernels import failure, rules_log, rules_state
from sahel_nb.kernels.failure import Failure
from sahel_nb.kernels.model import LogRecord, RunState, RunStatus
from sahel_nb.kernels.rules import Case, Facts, Finding, Rule, Text, findings

TAIL = 1_000_000
END = failure.END
LAST_LINES = 12
"""How much of a log without an error is evidence of what ended it."""
SAID_LINES = 40
"""How much of what a command said, before it failed, is taken for its reason; kaggle's help on credentials is long."""
BEFORE_LINES = 3
WENT_ON = 2.0
"""Seconds: what a process still has to say as it ends, of what it printed before, comes at once."""

RULES: tuple[Rule, ...] = (
    *rules_log.RULES,
    *rules_state.PUSH,
    *rules_state.BUSY,
    *rules_state.COMPLETE,
    *rules_state.CANCELLED,
    *rules_state.BESIDE,
)

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_BY_ANOTHER = re.compile(r"CalledProcessError|SystemExit|NameError: name '(?:exit|quit)' is not defined")
"""Errors that only say that something else failed, which has said why before."""

_TELLING = re.compile(
    r"(?:FileNotFound|NotADirectory|ModuleNotFound|Import|Memory|OS|IO|Permission|Timeout|Connection\w*)Error\b"
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
    """The cell and line that raised, where that is another place. Cell 0: the cell that has `raised_line` there."""
    raised_line: str = ""

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

    @property
    def sure(self) -> bool:
        """The cause is known from the error or the state itself, and not from what stands near it."""
        return self.main is not None and self.main.sure


@dataclass(frozen=True)
class CellPlace:
    """Where a failing cell stands: its number among all cells (1-based), and its first line in the .py mirror."""

    cell: int
    mirror_line: int | None


def diagnose(
    records: Iterable[LogRecord],
    status: RunStatus,
    facts: Facts = Facts(),  # noqa: B008 - frozen
    rules: tuple[Rule, ...] = RULES,
) -> Diagnosis:
    """Read the end of a log, however long it is. Never raises: what cannot be recognised is left None."""
    tail, count, went_on = _tail(records)
    text = _ANSI.sub("", tail)
    read = failure.read(text, status.message)
    failed = facts.text_only or status.state in (RunState.ERROR, RunState.UNKNOWN)
    if not failed and (status.state is not RunState.CANCELLED or read.execution_count is None):
        # It goes on, is complete or was ended from outside: an error that was printed before did not end it.
        read = Failure(None, (), "", "", (), read.report, read.before)
    case = Case(
        status.state,
        _stages(read, status.message, facts, failed=failed, went_on=went_on and read.execution_count is None),
        Text(text[-END:], sure=False),
        count,
        read.error,
        facts,
        steps="\n".join(f"{step.path}: {step.text}" for step in read.frames),
        in_library=read.raised_in_library,
        headed=read.execution_count is not None,
    )
    found = findings(case, rules)
    place, raised = read.place, read.raised
    return Diagnosis(
        read.execution_count,
        place.line if place else None,
        place.text if place else "",
        read.error,
        found,
        _evidence(read),
        (raised.cell or 0, raised.line) if raised and raised.line else None,
        raised.text if raised else "",
    )


def _stages(read: Failure, message: str, facts: Facts, *, failed: bool, went_on: bool) -> tuple[tuple[Text, ...], ...]:
    """Where a cause is looked for, the surest first: a rule that fits in one stage is not asked to beat a later one.

    What the run's state says; the error; what a command said that it reports; the errors that led to it. Not the
    traceback between them: the source lines in it may speak of anything. Without an error, the end of the log.
    After which the run went on: an error that was caught, perhaps.
    """
    stated = () if message.startswith("Exception encountered") else ((Text(message, sure=True),),)
    if not read.error and not failed:
        return stated
    if not read.error:
        last = _last(read.report, SAID_LINES if facts.text_only else LAST_LINES)
        return (*stated, (Text(last, sure=facts.text_only),))
    said = _last(read.before, SAID_LINES) if _BY_ANOTHER.match(read.error) else ""
    way = "\n".join(read.way)
    # What the team wrote into an error of its own is no word of Kaggle's: believed where its class says the same.
    own = read.in_own_words or read.error.startswith("SystemExit")
    whole = "" if own and not _TELLING.match(read.error) else read.whole
    return (*stated, (Text(whole, sure=not own and not went_on),), (Text(said, sure=False),), (Text(way, sure=False),))


def _evidence(read: Failure) -> tuple[str, ...]:
    """The last lines: of the report, and of what was said just before it.

    Of a traceback that is wholly a library's, papermill's say, only its error: what was said before tells more.
    """
    foreign = bool(read.frames) and all(frame.in_library for frame in read.frames)
    report = read.whole if foreign else read.report
    before = _last(read.before, LAST_LINES if foreign else BEFORE_LINES) if read.error else ""
    return tuple(row for row in f"{before}\n{_last(report, LAST_LINES)}".split("\n") if row)


def _last(text: str, count: int) -> str:
    return "\n".join([row for row in text[-END:].split("\n") if row.strip()][-count:])


def _tail(records: Iterable[LogRecord]) -> tuple[str, int, bool]:
    """The last million characters, of lines that may be cut in front; how many records there were; and whether
    something was said a good while after the last traceback.
    """
    kept: deque[str] = deque()
    size = count = 0
    stream, begins, carried = "", True, False
    raised = said = math.inf
    for record in records:
        count += 1
        if "Traceback (most recent call last)" in record.data:
            raised = said = record.time
        elif raised < math.inf and record.data.strip() and not failure.AFTERWARDS.search(record.data):
            said = record.time
        # Where records carry line ends, a line may come in several; what the other stream says is a line of its own.
        text = record.data if begins or (carried and record.stream == stream) else "\n" + record.data
        stream, begins = record.stream, text.endswith("\n")
        carried = carried or begins
        kept.append(text[-TAIL:])
        size += len(kept[-1])
        while size - len(kept[0]) >= TAIL:
            size -= len(kept.popleft())
    return "".join(kept), count, raised < math.inf and said - raised > WENT_ON


def place(notebook: bytes, mirror: bytes | None, execution_count: int) -> CellPlace | None:
    """The cell that "In [N]" names, in the notebook and in its percent mirror; None where it cannot be told.

    Empty code cells are not executed and have no number.
    """
    for count, (index, _) in enumerate(_code_cells(notebook), start=1):
        if count == execution_count:
            return CellPlace(index + 1, _mirror_line(mirror, index) if mirror is not None else None)
    return None


def count_of(notebook: bytes, line: int, text: str) -> int | None:
    """The N of the only code cell that has this text on this line; None where none has, or several have."""
    found = [
        count
        for count, (_, source) in enumerate(_code_cells(notebook), start=1)
        if text and [row.strip() for row in source.split("\n")[line - 1 : line]] == [text.strip()]
    ]
    return found[0] if len(found) == 1 else None


def _code_cells(notebook: bytes) -> list[tuple[int, str]]:
    """The cells that are executed: their number among all cells from 0, and their source."""
    found = []
    try:
        for index, cell in enumerate(json.loads(notebook)["cells"]):
            source = cell.get("source", "")
            text = "".join(source) if isinstance(source, list) else str(source)
            if cell.get("cell_type") == "code" and text.strip():
                found.append((index, text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    return found


def _mirror_line(mirror: bytes, index: int) -> int | None:
    # In py:percent every cell begins with a `# %%` marker, in the notebook's order; `# %%bash` is a magic in a cell.
    starts = [
        number
        for number, line in enumerate(mirror.decode("utf-8", errors="replace").split("\n"), start=1)
        if line == "# %%" or line.startswith("# %% ")
    ]
    return starts[index] + 1 if index < len(starts) else None
