"""What a log says went wrong: the cell, the frames, the error, and the errors that led to it.

Three forms are read. A notebook's, as papermill and the embedded service report it, with IPython's traceback (of 7,
which Kaggle's image has, and of 8 and later):

    Exception encountered at "In [3]":
    KeyError                                  Traceback (most recent call last)
    Cell In[3], line 4                        /tmp/ipykernel_17/912.py in <cell line: 1>()
    ----> 4 words['ŋ']                        ----> 4 words['ŋ']
    KeyError: 'ŋ'

a traceback as Python itself prints it, and a syntax error, which has no traceback. An error may have several lines, and
they may look like errors: the name at the head of the traceback says where it begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

END = 20_000
LONGEST = 4_000
WAY = 10
"""Errors on the way to the last one that are looked at."""
_HEADING = "Exception encountered at"
_CELL = re.compile(r'Exception encountered at "In \[(\d+)\]"(?:: (.*))?')
_HEAD = re.compile(
    r"^(?:([A-Za-z_][\w.]*) +Traceback \(most recent call last\)|[ +]*(?:Exception Group )?Traceback \(most recent call"
    r" last\):)$",
    re.MULTILINE,
)
_FRAME = re.compile(
    r"^\s*(?:(?:Cell |File |Input )?In ?\[(?P<cell>\d+)\](?:, line (?P<at>\d+))?|<ipython-input-(?P<old>\d+)-[^>]*>"
    r"|File \"(?P<quoted>[^\"]+)\", line (?P<line>\d+)|File (?P<path>\S+?):(?P<number>\d+)"
    r"|(?P<bare>[/~]\S+\.py) in )(?P<rest>.*)$"
)
_ARROW = re.compile(r"^-+> (\d+) ?(.*)$")
_RAISES = re.compile(r"(?:raise|assert)\b")
_KERNEL_FILE = re.compile(r"/ipykernel_\d+/\d+\.py$")
_NESTED = re.compile(r"^PapermillExecutionError +Traceback \(most recent call last\)$", re.MULTILINE)
"""A notebook of the team's that runs another by papermill: the report of that one is the text of this one's error."""
_R_ERROR = re.compile(r"^(?:ERROR: )?(Error(?: in [^\n]{1,300}?)? ?: [^\n]*)", re.MULTILINE)
_LIBRARY = re.compile(r"(?:site|dist)-packages/|/lib(?:64)?/python\d|^<(?!tokenize>)|/bin/papermill$")
_TOKENIZED = "<tokenize>"
"""What Python calls the cell whose indentation it cannot read."""
_ERROR = re.compile(
    r"^((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Expired|Warning|NotFound)\b)(?:: (.*))?$",
    re.MULTILINE,
)
_LINK = re.compile(r"\n\n(?:The above exception was|During handling of the above)[^\n]*\s*$")
# What Kaggle does with a notebook after its run, failed or not, is no part of the error.
AFTERWARDS = re.compile(r"^\[NbConvertApp\]|^\S+\.py:\d+: \w*Warning: ", re.MULTILINE)
_CONVERSION = re.compile(
    r"^\[NbConvertApp\]|^\S*/(?:nbconvert/\S*|traitlets/\S*|mistune)\.py:\d+: \w*Warning: "
    r"|^  File \"\S*/jupyter-nbconvert\"",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Frame:
    """One step of a traceback. `cell` is the N of "In [N]"; None where the step does not say it, or is in no cell."""

    cell: int | None
    line: int | None
    text: str
    path: str = ""

    @property
    def in_notebook(self) -> bool:
        return self.cell is not None or self.path == _TOKENIZED or bool(_KERNEL_FILE.search(self.path))

    @property
    def in_library(self) -> bool:
        return not self.in_notebook and bool(_LIBRARY.search(self.path))

    @property
    def in_script(self) -> bool:
        return self.path.rpartition("/")[2] == "script.py"


@dataclass(frozen=True)
class Failure:
    """What went wrong, as far as a log tells."""

    execution_count: int | None
    frames: tuple[Frame, ...]
    """Of the error itself, the outermost first."""
    error: str
    """Its first line."""
    whole: str
    """All of its lines."""
    way: tuple[str, ...]
    """The errors that led to it, the last one first."""
    report: str
    before: str
    """What the log says before the report."""
    quoted: bool = False
    """The kernel's own code raised an error whose text is the traceback of something else."""

    @property
    def raised_in_library(self) -> bool:
        return bool(self.frames) and self.frames[-1].in_library

    @property
    def in_own_words(self) -> bool:
        """The kernel's own code raised it, so that its text is the team's and no library's."""
        return self.quoted or _own(self.frames)

    @property
    def place(self) -> Frame | None:
        """The step in the cell that failed, or the innermost one in the script."""
        own = [frame for frame in self.frames if frame.in_notebook]
        named = [frame for frame in own if frame.cell is not None and frame.cell == self.execution_count]
        script = [frame for frame in reversed(self.frames) if frame.in_script]
        return next(iter(named or own or script), None)

    @property
    def raised(self) -> Frame | None:
        """The innermost step in any cell, where that is another than `place`."""
        own = [frame for frame in self.frames if frame.in_notebook]
        return own[-1] if own and own[-1] != self.place else None


def _own(frames: tuple[Frame, ...]) -> bool:
    return bool(frames) and not frames[-1].in_library and _RAISES.match(frames[-1].text) is not None


def read(text: str, message: str = "") -> Failure:
    """Never raises: what cannot be recognised is left empty. `message` is what the run's state says."""
    text = _without_conversion(text)
    start = max(text.rfind(_HEADING), 0)
    while start and (outer := text.rfind(_HEADING, 0, start)) >= 0 and _NESTED.search(text, outer, start):
        start = outer
    if not start and not text.startswith(_HEADING):
        start = max(0, len(text) - END)
    report, before = text[start:], text[:start]
    later = AFTERWARDS.search(report)
    if later and _HEADING in report:
        report = report[: later.start()]
    headed = _CELL.search(report) or _CELL.search(message)
    count = int(headed[1]) if headed else None
    begin, parts = _parts(report)
    if not parts:
        said = _R_ERROR.search(report) if headed or report.rstrip().endswith("Execution halted") else None
        error = (headed[2] or "") if headed else ""
        error = error or (said[1].strip() if said else "")
        return Failure(count, (), error, error, (), report, before)
    frames, whole = parts[-1]
    quoted = False
    if _HEADING in report:
        quoting = _part_at(report, begin)
        if quoting and not any(frame.cell == count for steps, _ in parts for frame in steps):
            frames, quoted = (*quoting, *frames), _own(quoting)
    else:
        report, before = report[begin:], before + report[:begin]
    if len(frames) == 1 and frames[0].path == "<string>":  # so Python 3.12 calls a cell that it cannot read
        frames = (replace(frames[0], path=_TOKENIZED),)
    if not any(frame.in_notebook for frame in frames):  # an error that carries the traceback of another process
        cells = (steps for steps, _ in reversed(parts) if any(step.in_notebook for step in steps))
        frames = (*next(cells, ()), *frames)
    way = tuple(said.split("\n", 1)[0][:LONGEST] for _, said in reversed(parts[-WAY - 1 : -1]))
    return Failure(count, frames, whole.split("\n", 1)[0], _ends(whole), way, report, before, quoted)


def _without_conversion(text: str) -> str:
    """The log up to where Kaggle converts the notebook for its page, if something had gone wrong before.

    A disk that is full lets papermill's own save fail, and the conversion of what it left fails again, last and loud.
    """
    begins = _CONVERSION.search(text)
    if begins is None:
        return text
    head = next(_HEAD.finditer(text), None)
    if head is None or head.start() > begins.start() or _HEADING in text[begins.start() :]:
        return text
    before = text[: begins.start()]
    if begins[0].startswith("  File"):  # in the midst of a traceback, perhaps the last of a chain
        heads = [one.start() for one in _HEAD.finditer(before)]
        while len(heads) > 1 and _LINK.search(before[heads[-2] : heads[-1]]):
            heads.pop()
        before = before[: heads[-1]]
    return before if _HEAD.search(before) else text


def _ends(text: str) -> str:
    """A text, or its ends where it is long: an error can be a megabyte of data, and rules look at every place in it."""
    return text if len(text) <= 2 * LONGEST else f"{text[:LONGEST]}\n{text[-LONGEST:]}"


def _parts(report: str) -> tuple[int, list[tuple[tuple[Frame, ...], str]]]:
    """Where the last traceback begins, and each one with its error, the first cause first."""
    heads = list(_HEAD.finditer(report))
    ends = [*(head.start() for head in heads), len(report)][1:]
    first = max(0, len(heads) - 1)
    while first and _LINK.search(report[heads[first - 1].end() : ends[first - 1]]):
        first -= 1
    found = []
    for head, end in list(zip(heads, ends))[first:]:  # noqa: B905 - without a head there is one end too many
        frames, error = _part(report[head.end() : end], head[1] or "")
        if error:
            found.append((frames, error))
    if found:
        return heads[first].start(), found
    last = next(reversed(list(_ERROR.finditer(report))), None)
    if last is None:
        return 0, []
    return last.start(), [(_frames(report[: last.start()].split("\n")), report[last.start() :].strip())]


def _part_at(report: str, begin: int) -> tuple[Frame, ...]:
    """The steps of the first traceback of a report, if it is not the one that begins there."""
    head = _HEAD.search(report)
    if head is None or head.start() >= begin:
        return ()
    return tuple(frame for frame in _part(report[head.end() : begin], head[1] or "")[0] if not frame.in_library)


def _part(text: str, name: str) -> tuple[tuple[Frame, ...], str]:
    """The steps of one traceback, and its error. Lines of source have their number before them, or are indented."""
    begins = re.compile(rf"(?:[\w.]+\.)?{re.escape(name)}(?:: |:?$)" if name else r"\S")
    lines = [line.removeprefix("  | ") for line in text.split("\n")]  # so a group of exceptions is indented
    for number, line in enumerate(lines):
        if begins.match(line):
            error = "\n".join(lines[number:])
            return _frames(lines[:number]), _LINK.split(error)[0].strip()
    return (), ""


def _frames(lines: list[str]) -> tuple[Frame, ...]:
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        step, arrow = _FRAME.match(line), _ARROW.match(line)
        if step:
            cell = step["cell"] or step["old"]
            at = step["at"] or step["line"] or step["number"]
            path = step["quoted"] or step["path"] or step["bare"] or ""
            after = lines[number + 1].strip() if number + 1 < len(lines) else ""
            frames.append(Frame(int(cell) if cell else None, int(at) if at else None, after, path))
        elif arrow and frames:
            frames[-1] = Frame(frames[-1].cell, int(arrow[1]), arrow[2].strip(), frames[-1].path)
    return tuple(frames)
