"""A run looks for a notebook's mirror where pairing has put it, in the form in which it has written it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.cli.assembly import source_of
from sahel_nb.cli.context import Context
from sahel_nb.notebook.form import Form
from sahel_nb.notebook.pair import mirror_of
from sahel_nb.notebook.strip import strip
from sahel_nb.report.events import Verdict
from sahel_nb.run.preflight import examine_mirror
from support.git import Git
from tests.unit.notebook.shapes import simple

METADATA = (
    '{"id": "awa/fula-lid", "title": "Fula Lid", "code_file": "fula-lid.ipynb", "kernel_type": "notebook",'
    ' "language": "python"}'
)
ELSEWHERE = 'formats = "notebooks///ipynb,scripts///py:percent"\n'


@pytest.mark.parametrize(
    ("toml", "jupytext", "mirror", "fmt", "said"),
    [
        pytest.param("", "", "notebooks/ŋ/fula-lid.py", "py:percent", Verdict.OK, id="beside"),
        pytest.param("", ELSEWHERE, "scripts/ŋ/fula-lid.py", "py:percent", Verdict.OK, id="in another folder"),
        pytest.param('[pair]\nformat = "md"\n', ELSEWHERE, "notebooks/ŋ/fula-lid.md", "md", Verdict.OK, id="chosen"),
        pytest.param("", ELSEWHERE, "notebooks/ŋ/fula-lid.py", "py:percent", Verdict.WARNING, id="in the wrong one"),
        pytest.param("", ELSEWHERE, "scripts/ŋ/fula-lid.py", "", Verdict.FAILED, id="of something else"),
        pytest.param('[pair]\nformat = ""\n', "", "", "", None, id="pairing is off"),
    ],
)
def test_where_the_mirror_is(
    tmp_path: Path,
    toml: str,
    jupytext: str,
    mirror: str,
    fmt: str,
    said: Verdict | None,
) -> None:
    git = Git.init(tmp_path / "o")
    notebook = strip(simple("x = 1"))
    git.write("notebooks/ŋ/kernel-metadata.json", METADATA)
    git.write("notebooks/ŋ/fula-lid.ipynb", notebook)
    git.write("sahel-nb.toml", toml)
    git.write("jupytext.toml", jupytext)
    if mirror:
        git.write(mirror, mirror_of(notebook, Form(fmt)) if fmt else mirror_of(strip(simple("x = 2"))))
    git.commit(".", message="Kernel")

    source = source_of(Context(git.root), git.head(), "notebooks/ŋ")
    check = examine_mirror(source)

    assert (check.verdict if check else None) is said
    if check is not None:
        assert source.mirror_path in check.found
