"""The Python in a cell, as Kaggle reads it: IPython's own syntax taken out, so that `ast` can read the rest.

What IPython does before it hands a cell to Python is described in IPython.core.inputtransformer2 (prompts, indentation,
cell magics; magics, commands and help where a statement begins) and IPython.core.prefilter (a cell of one line may
leave the % of a magic out). Kaggle's image has Python 3.12; a verdict does not depend on the interpreter that runs us.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
import warnings

KAGGLE_PYTHON = (3, 12)
"""The grammar that decides. Newer syntax fails there; older interpreters of ours read it by python312.py."""

_CELL_MAGIC = re.compile(r"%%(\w+)(?!\w*\?)")
_PYTHON_MAGICS = frozenset(("time", "timeit", "capture", "prun", "memit", "python", "python3"))
_ESCAPED = re.compile(r"(\s*)(?:%|!|\?|/\S|[,;]\S)")
_ASSIGNED = re.compile(r"([^=#]*[^=#!<>:+\-*/%&|^@~]=\s*)(?:!(?!=)|%\s*\w)")
_HELP = re.compile(r"(\s*)(?:.*[\s;=(])?%{0,2}(?!\d)[\w*]+(?:\.\w+|\[-?\d+\])*\?{1,2}\s*$")
_CLASSIC = re.compile(r"\s*>>>")
_CLASSIC_PROMPT = re.compile(r"\s*(?:>>>|\.\.\.)[ \t]?")
_IPYTHON_PROMPT = re.compile(r"(?:(?:\[(?:nav|ins)\])? )?In \[\d+\]: |\s*\.{3,}: ?")
_TOKEN = re.compile(r"""#.*|\\.|(?:'''|\"{3})|['"]|[\[\](){}]""")
_WORD = re.compile(r"\s*([A-Za-z_]\w*)\s*(.?)")
_LINE_MAGICS = frozenset(
    """
    alias alias_magic autoawait autocall automagic autosave bookmark cat cd clear cls code_wrap colors conda
    config connect_info cp debug dhist dirs doctest_mode ed edit env gui hist history killbgscripts ldir
    less lf lk ll load load_ext loadpy logoff logon logstart logstate logstop ls lsmagic lx macro magic
    mamba man matplotlib micromamba mkdir more mv notebook page pastebin pdb pdef pdoc pfile pinfo pinfo2
    pip popd pprint precision prun psearch psource pushd pwd pycat pylab qtconsole quickref recall rehashx
    reload_ext rep rerun reset reset_selective rm rmdir run save sc set_env store subshell sx system tb time
    timeit unalias unload_ext uv who who_ls whos xdel xmode
    """.split()  # noqa: SIM905  a list of words
)


def python_of(source: str) -> str | None:
    """The cell as plain Python with as many lines; None where a magic makes it another language."""
    lines = _without_prompts(textwrap.dedent(source).split("\n"))
    first = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    if first < len(lines) and (magic := _CELL_MAGIC.match(lines[first])):
        if magic[1] not in _PYTHON_MAGICS:
            return None
        body = python_of("\n".join(lines[first + 1 :]))
        return None if body is None else "\n".join([*[""] * (first + 1), *body.split("\n")][: len(lines)])
    return "\n".join(_without_magics(lines))


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
            if plain is None or _is_automagic(plain):
                return None
            return _parse(plain)


def _without_prompts(lines: list[str]) -> list[str]:
    """Lines that were copied from a session: `>>> x`, `... y`, or `In [1]: x`, `...: y`."""
    if any(map(_CLASSIC.match, lines)):
        lines = textwrap.dedent("\n".join(_CLASSIC_PROMPT.sub("", line, count=1) for line in lines)).split("\n")
    first = next((line for line in lines if line.strip()), "")
    if _IPYTHON_PROMPT.match(first):
        lines = [_IPYTHON_PROMPT.sub("", line, count=1) for line in lines]
    return lines


def _without_magics(lines: list[str]) -> list[str]:
    """Each line that IPython takes for itself as `pass`: where a statement begins, not in a text or in brackets."""
    kept: list[str] = []
    state = _State()
    continued = False
    for line in lines:
        if continued:
            continued = line.rstrip().endswith("\\")
            kept.append("")
            continue
        if not state.inside:
            replaced = _replaced(line)
            if replaced is not None:
                continued = line.rstrip().endswith("\\")
                kept.append(replaced)
                continue
        state.read(line)
        kept.append(line)
    return kept


def _replaced(line: str) -> str | None:
    if match := _ESCAPED.match(line):
        return match[1] + "pass"
    if match := _ASSIGNED.match(line):
        return match[1] + "None"
    if line.rstrip().endswith("?") and (match := _HELP.match(line)):
        return match[1] + "pass"
    return None


class _State:
    """Whether the next line continues something: a text of several lines, brackets, or a line that ends in `\\`."""

    def __init__(self) -> None:
        self._quote = ""
        self._depth = 0
        self._continues = False

    @property
    def inside(self) -> bool:
        return bool(self._quote) or self._depth > 0 or self._continues

    def read(self, line: str) -> None:
        at = 0
        while match := _TOKEN.search(line, at):
            token, at = match[0], match.end()
            if self._quote:
                if token.startswith("#"):
                    at = match.start() + 1
                elif token == self._quote:
                    self._quote = ""
                elif len(token) == 3 and len(self._quote) == 1:
                    at = match.start() + 1
                    if token[0] == self._quote:
                        self._quote = ""
            elif token[0] in "'\"":
                self._quote = token
            elif token[0] in "([{":
                self._depth += 1
            elif token[0] in ")]}":
                self._depth = max(self._depth - 1, 0)
        self._continues = line.endswith("\\")
        if len(self._quote) == 1 and not self._continues:
            self._quote = ""  # a text that does not end on its line is an error, which the parser names


def _is_automagic(plain: str) -> bool:
    """A cell of one line may leave out the % of a line magic: `pip install x`, `ls /`."""
    lines = plain.strip("\n").split("\n")
    word = _WORD.match(lines[0])
    return len(lines) == 1 and word is not None and word[1] in _LINE_MAGICS and word[2] not in ("=", "!")


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source, "cell", feature_version=KAGGLE_PYTHON)
    except (ValueError, RecursionError, MemoryError) as exc:  # null bytes, absurd nesting
        raise SyntaxError(str(exc)) from exc
    except SyntaxError:
        if sys.version_info >= KAGGLE_PYTHON:
            raise
        from sahel_nb.notebook.python312 import as_older_python

        older = as_older_python(source)
        if older == source:
            raise
        return ast.parse(older, "cell")
