"""Rules on notebooks that save a run: what would fail on Kaggle, or surprise, is said before quota is spent.

    SNB101  cannot be read as a notebook                     SNB202  a path of somebody's home
    SNB102  names no kernel, or one that nobody else has     SNB203  the old layout of /kaggle/input
    SNB103  carries outputs or counts (only where committed) SNB204  a progress bar that may flood the log
    SNB104  more than Kaggle takes                           SNB205  calls the kaggle command
    SNB201  a cell is not valid Python                       SNB206  waits for keyboard input
                                                             SNB207  an unresolved merge conflict

Rules on kernel-metadata.json, alone and together with its notebook, are in hooks/lint.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sahel_nb.links import typed
from sahel_nb.notebook.document import Cell, CellKind, Document, NotebookError, parse
from sahel_nb.notebook.finding import Finding, Severity
from sahel_nb.notebook.merge_lines import marked_line
from sahel_nb.notebook.source import tree_of
from sahel_nb.notebook.strip import is_stripped, strip

MAX_SOURCE_BYTES = 1_000_000  # beyond this the service answers 400

_HOME = re.compile(r"""(?<![\w./~-])(?:/home/(?!jovyan\b)[\w.-]+|/Users/[\w.-]+|[A-Za-z]:\\{1,2}Users\\{1,2}[\w.-]+)""")
_OLD_INPUT = re.compile(r"/kaggle/input/(?!(?:datasets|competitions|notebooks|models)(?:[/\"'\s]|$))[\w{]")
_NEW_INPUT = re.compile(r"/kaggle/input/(?:datasets|competitions|notebooks|models)/")
_BAR = re.compile(r"\b(?:tqdm|trange|tqdm_notebook|tnrange)\(")
_CALM = re.compile(r"\b(?:mininterval|disable)\s*=")
_KAGGLE_SHELL = re.compile(r"^\s*[!%](?:sx\s+|system\s+)?\s*kaggle\s+\w", re.MULTILINE)
_KAGGLE_CALL = re.compile(
    r"(?:os\.(?:system|popen)|subprocess\.\w+|getoutput)\(\s*\[?\s*[frb]{0,2}[\"']kaggle(?:[\"']|\s)"
)
_PIP = re.compile(r"^\s*[!%](?:pip3?|conda|mamba|apt(?:-get)?|python3? -m pip)\s+install\b(?P<rest>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """Where a rule looks: one code cell and, where it is Python, its tree."""

    cell: Cell
    tree: ast.Module | None

    def line_of(self, offset: int) -> str:
        return f"cell {self.cell.index + 1}, line {self.cell.source.count(chr(10), 0, offset) + 1}"


Hit = tuple[str, str]
"""Where, and what is wrong there."""


def lint_notebook(data: bytes, path: str, *, committed: bool = False) -> list[Finding]:
    """Every finding of every rule, in the order of the cells. `committed` also demands that the bytes are stripped."""
    try:
        document = parse(data)
        stripped = strip(data)
    except NotebookError as exc:
        return [Finding("SNB101", Severity.ERROR, path, "", exc.message)]
    found = [*_whole(document, data, stripped, path, committed)]
    for cell in document.cells():
        if line := marked_line(cell.source):
            found.append(_unresolved(path, f"cell {cell.index + 1}, line {line}"))
        elif cell.kind is CellKind.CODE:
            found += _cell(cell, path, is_python=_is_python(document))
    return found


def _unresolved(path: str, where: str) -> Finding:
    mend = "keep one of the two versions, or both, and take the lines <<<<<<<, ======= and >>>>>>> out"
    return Finding("SNB207", Severity.ERROR, path, where, "holds a merge conflict that nobody has resolved", mend)


def installs_packages(document: Document) -> str:
    """The first place that downloads packages, which needs `enable_internet`; empty where nothing does."""
    for cell in document.cells():
        if cell.kind is not CellKind.CODE:
            continue
        for match in _PIP.finditer(cell.source):
            # From files of a dataset it works without internet.
            if "--no-index" not in match["rest"] and "/kaggle/input" not in match["rest"]:
                return Place(cell, None).line_of(match.start())
    return ""


def _whole(document: Document, data: bytes, stripped: bytes, path: str, committed: bool) -> Iterator[Finding]:
    if document.major >= 4 and not document.kernel_name:
        yield Finding(
            "SNB102",
            Severity.ERROR,
            path,
            "",
            "names no kernel (metadata.kernelspec): the run dies before its first cell",
            f"sahel-nb lint --fix {typed(path)}"
            if document.language in ("", "python", "ipython", "r")
            else "choose its kernel in Jupyter, and save",
        )
    elif document.kernel_language == "python" and document.kernel_name not in ("", "python3"):
        yield Finding(
            "SNB102",
            Severity.WARN,
            path,
            "",
            f"asks for the kernel {document.kernel_name!r}, which a run does not find: Python is 'python3' there",
            "choose Python 3 as its kernel in your editor, and save",
        )
    if committed and not is_stripped(data):
        mend = f"sahel-nb install && git add --renormalize {typed(path)}"
        yield Finding("SNB103", Severity.ERROR, path, "", "is not stripped", mend)
    if len(stripped) > MAX_SOURCE_BYTES:
        size = f"{len(stripped) / 1e6:.1f} MB"
        yield Finding(
            "SNB104",
            Severity.ERROR,
            path,
            "",
            f"has {size} without outputs; Kaggle takes 1 MB",
            "move data and attached images into a dataset",
        )


def _cell(cell: Cell, path: str, is_python: bool) -> list[Finding]:
    found: list[Finding] = []
    tree = None
    if is_python:
        try:
            tree = tree_of(cell.source)
        except SyntaxError as exc:
            where = f"cell {cell.index + 1}, line {exc.lineno or 1}"
            found.append(Finding("SNB201", Severity.ERROR, path, where, f"is not valid Python: {exc.msg}"))
    place = Place(cell, tree)
    for code, severity, rule, mend in _RULES:
        found += [Finding(code, severity, path, where, message, mend) for where, message in rule(place)]
    return found


def _home_paths(place: Place) -> Iterator[Hit]:
    for match in _HOME.finditer(place.cell.source):
        yield place.line_of(match.start()), f"{match[0]} is a folder of one machine; it is not there on Kaggle"


def _old_input(place: Place) -> Iterator[Hit]:
    if _NEW_INPUT.search(place.cell.source):
        return  # a cell that knows the new layout keeps the old one for the sessions that still have it
    for match in _OLD_INPUT.finditer(place.cell.source):
        yield (
            place.line_of(match.start()),
            "/kaggle/input/<slug> has moved: datasets/<owner>/<slug>, competitions/<slug>, …",
        )


def _progress_bars(place: Place) -> Iterator[Hit]:
    for match in _BAR.finditer(place.cell.source):
        call = _call_text(place.cell.source, match.end())
        if not _CALM.search(call):
            yield place.line_of(match.start()), "a progress bar redraws faster than Kaggle's log takes it"


def _kaggle_command(place: Place) -> Iterator[Hit]:
    for regex in (_KAGGLE_SHELL, _KAGGLE_CALL):
        for match in regex.finditer(place.cell.source):
            line = place.line_of(match.start() + len(match[0]) - len(match[0].lstrip()))
            yield line, "calls the kaggle command, which may have no credentials inside a kernel"


def _keyboard(place: Place) -> Iterator[Hit]:
    if place.tree is None or "input" not in place.cell.source:  # walking a tree takes longer than all other rules
        return
    defined = {node.name for node in ast.walk(place.tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    calls = [node for node in ast.walk(place.tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    for node in calls:
        if isinstance(node.func, ast.Name) and node.func.id == "input" and "input" not in defined:
            yield f"cell {place.cell.index + 1}, line {node.lineno}", "waits for input: nobody can type on Kaggle"


_RULES: tuple[tuple[str, Severity, Callable[[Place], Iterator[Hit]], str], ...] = (
    ("SNB202", Severity.WARN, _home_paths, "put the data in a dataset and list it in dataset_sources"),
    ("SNB203", Severity.WARN, _old_input, "look in the new place first, then in the old one"),
    ("SNB204", Severity.WARN, _progress_bars, "pass mininterval=10, or disable=True"),
    ("SNB205", Severity.WARN, _kaggle_command, "use dataset_sources, or the kagglehub library"),
    ("SNB206", Severity.ERROR, _keyboard, "read it from a constant or a file"),
)


def _is_python(document: Document) -> bool:
    info = document.json["metadata"].get("language_info")
    kernelspec = document.json["metadata"].get("kernelspec")
    names = [entry.get(key) for entry, key in ((info, "name"), (kernelspec, "language")) if isinstance(entry, dict)]
    return all(name in (None, "python", "ipython") for name in (*names, document.language or None))


def _call_text(source: str, start: int) -> str:
    """The text between a call's parentheses, as far as they balance."""
    depth = 1
    for offset in range(start, len(source)):
        depth += {"(": 1, ")": -1}.get(source[offset], 0)
        if depth == 0:
            return source[start:offset]
    return source[start:]
