"""The Python in a cell: what IPython takes for itself, and Kaggle's grammar under every interpreter of ours.

The witness is IPython itself: a cell is fine here where IPython's transformation of it compiles, and nowhere else.
"""

from __future__ import annotations

import ast
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from sahel_nb.notebook.python312 import as_older_python
from sahel_nb.notebook.source import python_of, tree_of

IPYTHON = [
    "!ls", "!!ls", "%pip install x\nimport x", "if x:\n    !ls\n    %cd y", "!ls \\\n -la\nx = 1",
    "!echo \"it's\"\nx = 'a'\n!ls", "files = !ls", "df['a'] = !ls -l", "x = %time 1", "a.b, c = !ls", "int?", "?int",
    "*int*?", "x.y??\ny = 1", "a = b?", "%time?", "%%time\nx = 1", "%%time\n%%capture\n!ls\nx", "%%bash\nfoo bar",
    "%%html\n<b>", "%%nobody knows it\nno python", "\n\n%%bash\nx y", ",f a b", ";f a b", "/f x",
    ">>> x = 1\n... ", ">>> for a in b:\n...     print(a)", "    >>> x = 1\n    >>> y",
    "In [1]: x = 1\n   ...: y = 2", "   x = 1\n   y = 2", "x = f(\n  1,\n)\n!ls", "print('%s' % x)\n!ls", "a %= 2\n!ls",
    's = """\n!no command"""\n!ls', "s = '''\nwhat?\n'''\n%cd x", "x = [\n  1, 2]\n%matplotlib inline",
    "x = 1 # why?\n!ls",

    "% pip install x\nimport y", "! ls", "x = % time 1", "await x", "async with a as b, c: pass",
]  # fmt: skip
AUTOMAGIC = ["pip install --quiet --no-index x || true", "ls /", "cd ..", "matplotlib inline", "load_ext autoreload\n"]
NOT_PYTHON = [
    "x = = 1", "print 1", "foo install x", "pip install x\nimport x", "ls /\nx = 1", "pip = = 1", "def f(:",
    "x = (1\n!ls",
    "for\n!ls", "x = 1 +\n%cd y", "if x:\n!ls", "!ls\nif", '"""\n!ls', "f(a?, b)",
]  # fmt: skip
PYTHON_312 = [
    'f"{d["a"]}"', "f'{a['b']}'", 'f"{"\\n".join(a)}"', 'f"{f"{f"{1}"}"}"', 'f"{\n 1 +\n 2}"', 'f"{x # why\n}"',
    'f"{(lambda x: x)(1):>{d["w"]}}"', 'f"{x=}{y!r:{d["a"]}}" "b"', '"a" f"{d["a"]}" "c"',
    'f"\\N{EM DASH}{d["a"]}{{}}"',
    'rf"\\{d["a"]}"', 'f"""{d["""a"""]}"""', "type X = int", "type X[T] = list[T]",
    "def f[T: int, *Ts, **P](x: T) -> T: return x", "class A[T](B): pass", "class A[\n  T,\n]:\n  pass",
    "async def f[T](): pass", '!ls\nprint(f"{d["a"]}")', "type = 1\ntype[0] = 2\nx = type [0]",
]  # fmt: skip
NOT_PYTHON_312 = [
    'f"{}"', 'f"{d["a"]} }"', 'f"{d["a"]!z}"', 'f"{1 if }{d["a"]}"', 'f"{a b}{d["a"]}"', 'f"{d["a"]', "class A[]: pass",
    'x = f"{d["a"]}" = ', "def f[](): pass", "type X",
]  # fmt: skip
NEWER = ["def f[T=int](): pass", "class A[T = int]: pass", 't"{x}"', "try: x\nexcept A, B: y"]


def is_python(source: str) -> bool:
    try:
        tree_of(source)
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("source", [*IPYTHON, *PYTHON_312, *AUTOMAGIC])
def test_a_cell_that_runs_on_kaggle(source: str) -> None:
    assert is_python(source)


@pytest.mark.parametrize("source", [*NOT_PYTHON, *NOT_PYTHON_312, *NEWER])
def test_a_cell_that_does_not(source: str) -> None:
    assert not is_python(source)


def by_ipython(source: str) -> bool:
    try:
        ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError):
        return False
    return True


@pytest.mark.parametrize("source", [*IPYTHON, *NOT_PYTHON])
def test_the_samples_are_what_ipython_makes_of_them(source: str) -> None:
    assert by_ipython(source) == (source in IPYTHON)


PIECES = st.sampled_from(
    ["!ls", "%cd x", "x = !ls", "y = %time 1", "a?", "x = 1", "if x:", "    y = 2", "    !ls", ">>> z", "f(", "1,", ")",
     "'''", '"""', "s = 'it?'", "# !x", "%%time", "%%bash", "", "s = 'a' \\", " 'b'", "  c = 3", "print 1"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=6).map("\n".join))
def test_any_cell_is_what_ipython_makes_of_it(source: str) -> None:
    first = next((line for line in source.split("\n") if line.strip()), "")
    if first.startswith("%%") or ">>>" in source or ("a?" in source and ("f(" in source or "\\" in source)):
        # %%time's body is looked at here and not there; prompts among other lines, and help in the middle of a call,
        # are nothing that anybody writes.
        return
    assert is_python(source) == by_ipython(source)


@given(st.lists(PIECES, max_size=6).map("\n".join))
def test_no_line_goes_or_comes(source: str) -> None:
    plain = python_of(source)
    assert plain is None or plain.count("\n") == source.count("\n")


@pytest.mark.parametrize("source", [one for one in (*PYTHON_312, *NOT_PYTHON_312) if not one.startswith("!")])
def test_what_312_can_read_is_the_same_by_311(source: str) -> None:
    """By the interpreter itself where it is new enough, and by what an older one is given in its place."""
    as_it_is = source if sys.version_info >= (3, 12) else None
    for text in filter(None, (as_it_is, _older(source))):
        try:
            ast.parse(text)
        except SyntaxError:
            assert source in NOT_PYTHON_312
        else:
            assert source in PYTHON_312


def _older(source: str) -> str:
    try:
        return as_older_python(source)
    except SyntaxError:
        return "not a python"
