"""Proves that one commit of many notebooks stages the mirror of each, and leaves nothing behind in git's folder."""

from __future__ import annotations

from pathlib import Path

from sahel_nb.notebook.pair import in_step
from tests.integration.commit.story import set_up
from tests.unit.notebook.shapes import simple


def test_every_notebook_gets_its_own_mirror(tmp_path: Path) -> None:
    clone = set_up(tmp_path / "o ŋ 'q")
    names = [f"k/n{number} ɓ" for number in range(4)] + ["a twin", "k/a twin"]
    for name in names:
        clone.git.write(f"{name}.ipynb", simple(f"name = {Path(name).stem!r}"))
    clone.git.write("kept.ipynb", simple("outputs = 'stay'"))
    clone.git.write(".gitattributes", clone.disk(".gitattributes") + b"kept.ipynb -filter\n")
    clone.must("add", ".")
    clone.must("commit", "-qm", "Many")
    for name in names:
        assert in_step(clone.committed(f"{name}.ipynb"), clone.committed(f"{name}.py"))
        assert Path(name).stem in clone.committed(f"{name}.py").decode()
    assert clone.committed("kept.ipynb") == simple("outputs = 'stay'")
    assert clone.status() == ""
    assert [path.name for path in (clone.root / ".git").glob("sahel-nb-staged-*")] == []
