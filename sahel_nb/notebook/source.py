"""The Python in a cell: IPython's own syntax taken out, so that `ast` can read the rest."""

from __future__ import annotations

import ast
import re
import warnings

_CELL_MAGIC = re.compile(r"^\s*%%(\w+)")
_PYTHON_MAGICS = frozenset(("time", "timeit", "capture", "prun", "memit", "python", "python3"))
_LINE = re.compile(r"^(\s*)(?:%[\w.]|!|\?)")
_ASSIGNED = re.compile(r"^(\s*[\w.,\s\[\]]+=\s*)(?:!|%\w).*$")
_HELP = re.compile(r"^\s*[\w.]+\?\??\s*$")


def python_of(source: str) -> str | None:
    """The cell as plain Python with as many lines; None where a cell magic makes it another language."""
    lines = source.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), None)
    if first is not None and (magic := _CELL_MAGIC.match(lines[first])):
        if magic[1] not in _PYTHON_MAGICS:
            return None
        lines[first] = ""
    kept: list[str] = []
    in_magic = False
    for line in lines:
        if in_magic:
            in_magic = line.rstrip().endswith("\\")
            kept.append("")
        elif match := _LINE.match(line):
            in_magic = line.rstrip().endswith("\\")
            kept.append(match[1] + "pass")
        elif match := _ASSIGNED.match(line):
            kept.append(match[1] + "None")
        else:
            kept.append("" if _HELP.match(line) else line)
    return "\n".join(kept)


def tree_of(source: str) -> ast.Module | None:
    """The cell's syntax tree; None where it is not Python. Raises `SyntaxError` for Python that cannot be parsed.

    Code as written comes first: a line that begins with % or ! can also be the inside of a text.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in strings are the author's affair
        try:
            return _parse(source)
        except SyntaxError:
            plain = python_of(source)
            return None if plain is None else _parse(plain)


def _parse(source: str) -> ast.Module:
    try:
        # Cells may await at top level, as IPython does.
        return compile(source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)  # type: ignore[no-any-return]  # PyCF_ONLY_AST
    except (ValueError, RecursionError, MemoryError) as exc:  # null bytes, absurd nesting
        raise SyntaxError(str(exc)) from exc
