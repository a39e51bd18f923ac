"""Proves each lint rule by a hit and by a near miss."""

from __future__ import annotations

import pytest

from sahel_nb.notebook.document import parse
from sahel_nb.notebook.finding import Severity
from sahel_nb.notebook.lint import installs_packages, lint_notebook
from sahel_nb.notebook.strip import strip
from tests.unit.notebook.shapes import simple


def codes(*cells: str, committed: bool = False) -> list[str]:
    data = strip(simple(*cells)) if committed else simple(*cells)
    return [finding.code for finding in lint_notebook(data, "a.ipynb", committed=committed)]


@pytest.mark.parametrize(
    ("code", "hit", "miss"),
    [
        ("SNB201", "def f(:\n    pass", "def f():\n    pass"),
        ("SNB201", "x = = 1", "%timeit x\n!ls -l *.py\nfiles = !ls\nx?\nawait go()"),
        ("SNB201", "print 'old'", "%%bash\nfor x in 1; do echo $x; done"),
        ("SNB201", "%%time\nx = = 1", "%%time\nx = 1"),
        ("SNB201", "if x:\n!ls", "if x:\n    !ls \\\n      -l\n"),
        ("SNB202", "open('/home/awa/data.csv')", "open('/home/jovyan/data.csv')"),
        ("SNB202", "p = '/Users/awa/x'", "url = 'https://x.org/Users/awa'"),
        ("SNB202", r"p = 'C:\\Users\\awa'", "p = Path.home() / 'x'"),
        ("SNB203", "open('/kaggle/input/fula-corpus/a.txt')", "open('/kaggle/input/datasets/awa/fula-corpus/a.txt')"),
        ("SNB203", "p = f'/kaggle/input/{slug}'", "root = Path('/kaggle/input')"),
        ("SNB203", "P = ['/kaggle/input/fula']", "P = ['/kaggle/input/datasets/awa/fula', '/kaggle/input/fula']"),
        ("SNB203", "'/kaggle/input/datasets-of-mine/x'", "'/kaggle/input/competitions/x'"),
        ("SNB204", "for x in tqdm(rows):\n    pass", "for x in tqdm(rows, mininterval=10):\n    pass"),
        ("SNB204", "for x in trange(9):\n    pass", "from tqdm import tqdm"),
        ("SNB204", "tqdm(f(1))", "tqdm(f(1), disable=True)"),
        ("SNB205", "!kaggle datasets download x/y", "# run `kaggle datasets download` at home"),
        ("SNB205", "subprocess.run(['kaggle', 'kernels'])", "subprocess.run(['ls', 'kaggle'])"),
        ("SNB205", "os.system('kaggle kernels list')", "import kaggle_datasets"),
        ("SNB206", "x = input('name?')", "x = sys.stdin.input()"),
        ("SNB206", "print(input())", "def input():\n    return 1\nprint(input())"),
    ],
)
def test_rules_on_cells(code: str, hit: str, miss: str) -> None:
    assert code in codes(hit)
    assert code not in codes(miss)


def test_text_that_looks_like_a_magic_is_python() -> None:
    assert codes('x = """\n%d of\n!not shell\n"""') == []


def test_other_languages_are_not_parsed() -> None:
    r_notebook = simple("x <- 1").replace(b'"language": "python"', b'"language": "R"')
    assert lint_notebook(r_notebook, "a.ipynb") == []


def test_places_are_named() -> None:
    (finding,) = lint_notebook(simple("x = 1", "a = 1\nb = input()"), "nb/a.ipynb")
    assert str(finding) == "nb/a.ipynb: cell 2, line 2: SNB206 waits for input: nobody can type on Kaggle"
    assert finding.to_json()["severity"] == "error"


def test_whole_notebooks() -> None:
    assert [f.code for f in lint_notebook(b"{", "a.ipynb")] == ["SNB101"]
    bare = simple("x").replace(b'"kernelspec"', b'"other"')
    assert [f.code for f in lint_notebook(bare, "a.ipynb")] == ["SNB102"]
    assert [f.code for f in lint_notebook(simple("x"), "a.ipynb", committed=True)] == ["SNB103"]
    assert lint_notebook(simple("x"), "a.ipynb") == []
    assert codes("x", committed=True) == []


@pytest.mark.parametrize("name", ["conda-env-fula-py", "python2", "venv"])
def test_a_kernel_that_only_one_machine_has_is_a_warning(name: str) -> None:
    named = simple("x").replace(b'"python3"', f'"{name}"'.encode())
    (finding,) = lint_notebook(named, "a.ipynb")
    assert (finding.code, finding.severity, repr(name) in finding.message) == ("SNB102", Severity.WARN, True)


def test_size_counts_without_outputs() -> None:
    assert codes("x = '" + "y" * 1_000_001 + "'") == ["SNB104"]
    large_output = simple("x").replace(b"said", b"said" * 300_000)
    assert lint_notebook(large_output, "a.ipynb") == []


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("!pip install x", True),
        ("%pip install -q x", True),
        ("!pip install --no-index --find-links=/kaggle/input/datasets/a/wheels x", False),
        ("!pip install /kaggle/input/datasets/a/wheels/x.whl", False),
        ("# !pip install x", False),
        ("!pip list", False),
    ],
)
def test_what_downloads_packages(cell: str, found: bool) -> None:
    assert bool(installs_packages(parse(simple("y = 1", cell)))) is found
