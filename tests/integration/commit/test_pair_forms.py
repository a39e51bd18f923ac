"""Proves that jupytext's own configuration is respected: the mirror lies where jupytext puts it, with its bytes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jupytext.cli
import pytest

from sahel_nb.errors import UsageError
from sahel_nb.hooks.forms import Forms, formats_in
from sahel_nb.notebook.pair import in_step, looks_like_mirror, mirror_of, notebook_from
from sahel_nb.notebook.strip import strip
from tests.integration.commit.story import Clone, executed, sahel_nb, set_up, sources_of
from tests.unit.notebook.shapes import simple


def notebook(**metadata: object) -> bytes:
    document = json.loads(simple("import os", "%matplotlib inline\nx = 'ŋ'"))
    document["cells"].append({"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["# Title\n", "text"]})
    document["cells"][0]["metadata"] = {"tags": ["parameters"], "custom": 1}
    document["metadata"] |= {"team": {"x": 1}, **metadata}
    return strip(json.dumps(document).encode())


TOML = "jupytext.toml"
FOLDERS = 'formats = "notebooks///ipynb,scripts///py:percent"\n'
CONFIGURATIONS = {
    "beside": (TOML, 'formats = "ipynb,py:percent"\n', "n ɓ/a.ipynb"),
    "folders": (TOML, FOLDERS, "notebooks/s/a.ipynb"),
    "a table of folders": (TOML, '[formats]\n"notebooks/" = "ipynb"\n"scripts/" = "py:percent"\n', "notebooks/a.ipynb"),
    "groups": (TOML, 'formats = ["notebooks///ipynb,scripts///py:percent", "ipynb,md"]\n', "n/a.ipynb"),
    "groups in one text": (TOML, 'formats = "notebooks///ipynb,scripts///py:percent;ipynb,md"\n', "notebooks/a.ipynb"),
    "not for this folder": (TOML, FOLDERS, "n/a.ipynb"),
    "a prefix": (TOML, 'formats = "ipynb,mirrors//py:percent"\n', "n/a.ipynb"),
    "a suffix": (TOML, 'formats = "ipynb,.pct.py:percent"\n', "n/a.ipynb"),
    "nearest": ("n/jupytext.toml", 'formats = "ipynb,py:hydrogen"\n', "n/a.ipynb"),
    "pyproject": ("pyproject.toml", '[tool.jupytext]\nformats = "ipynb,py:light"\n', "n/a.ipynb"),
    "pyproject of others": (
        "pyproject.toml",
        '[tool.black]\n# jupytext\n[tool.jupytext]\nformats = "ipynb,md"\n',
        "a.ipynb",
    ),
    "yaml": ("jupytext.yml", "formats: ipynb,md:myst\n", "n/a.ipynb"),
    "json": (".jupytext.json", '{"formats": "ipynb,auto:percent"}', "n/a.ipynb"),
    "preferred": (TOML, 'formats = "ipynb,py"\npreferred_jupytext_formats_save = "py:percent"\n', "a.ipynb"),
    "old names": (TOML, 'default_jupytext_formats = "ipynb,py:percent"\n', "a.ipynb"),
    "no cell metadata": (TOML, 'formats = "ipynb,py:percent"\ncell_metadata_filter = "-all"\n', "a.ipynb"),
    "no notebook metadata": (TOML, 'formats = "ipynb,py:percent"\nnotebook_metadata_filter = "-all"\n', "a.ipynb"),
    "magics": (TOML, 'formats = "ipynb,py:percent"\ncomment_magics = false\n', "a.ipynb"),
    "cell markers": (TOML, 'formats = "ipynb,py:percent"\ncell_markers = \'"""\'\n', "a.ipynb"),
    "hidden": (TOML, 'formats = "ipynb,md"\nhide_notebook_metadata = true\n', "a.ipynb"),
}


def without_version(mirror: bytes) -> bytes:
    """The one line that is left out on purpose: every upgrade of one member would change every mirror."""
    return b"".join(line for line in mirror.splitlines(True) if b"jupytext_version: " not in line)


def forms_of(root: Path, chosen: str | None = None) -> Forms:
    def read(path: str) -> bytes | None:
        file = root / path
        return file.read_bytes() if file.is_file() else None

    return Forms(chosen, read)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_mirror_is_the_one_that_jupytext_writes(tmp_path: Path, name: str) -> None:
    file, text, path = CONFIGURATIONS[name]
    for at, content in ((file, text.encode()), (path, notebook())):
        (tmp_path / at).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / at).write_bytes(content)
    before = {one for one in tmp_path.rglob("*") if one.is_file()}
    jupytext.cli.jupytext(["--sync", "--quiet", str(tmp_path / path)])
    written = {one for one in tmp_path.rglob("*") if one.is_file()} - before
    forms = forms_of(tmp_path)
    form = forms.of_notebook(path.encode(), notebook())
    mirror = form.mirror_path(path.encode()) if form else None
    assert {tmp_path / os.fsdecode(mirror)} == written if mirror else not written
    if form is None or mirror is None:
        return
    theirs = (tmp_path / os.fsdecode(mirror)).read_bytes()
    assert mirror_of(notebook(), form) == without_version(theirs)
    assert forms.notebook_of(mirror) == path.encode()
    assert in_step(notebook(), theirs, form)
    assert looks_like_mirror(theirs, form)
    made = strip(notebook_from(theirs, notebook(), form))
    assert in_step(made, theirs, form)
    assert made == notebook() or name == "cell markers"  # jupytext writes those down in the notebook, too


@pytest.mark.parametrize("formats", ["ipynb,md", "ipynb,py:light", "notebooks///ipynb,scripts///py:percent"])
def test_a_notebook_says_itself_where_its_mirror_is(tmp_path: Path, formats: str) -> None:
    path = "notebooks/a.ipynb"
    own = notebook(jupytext={"formats": formats})
    (tmp_path / "notebooks").mkdir()
    (tmp_path / path).write_bytes(own)
    (tmp_path / TOML).write_text('formats = "ipynb,py:percent"\n')
    jupytext.cli.jupytext(["--sync", "--quiet", str(tmp_path / path)])
    (written,) = {one for one in tmp_path.rglob("*") if one.suffix in (".md", ".py")}
    forms = forms_of(tmp_path)
    form = forms.of_notebook(path.encode(), own)
    assert form is not None
    mirror = form.mirror_path(path.encode())
    assert mirror == str(written.relative_to(tmp_path)).encode()
    assert mirror_of(own, form) == without_version(written.read_bytes())
    assert formats_in(own) == formats_in(written.read_bytes()) == formats
    assert forms.notebook_of(mirror, written.read_bytes()) == path.encode()


def test_who_is_asked_first(tmp_path: Path) -> None:
    (tmp_path / TOML).write_text('formats = "ipynb,md"\n')
    own = notebook(jupytext={"formats": "ipynb,py:light"})

    def mirror(chosen: str | None, content: bytes) -> bytes | None:
        form = forms_of(tmp_path, chosen).of_notebook(b"a.ipynb", content)
        return form.mirror_path(b"a.ipynb") if form else None

    assert mirror("R:percent", own) == b"a.R"
    assert mirror(None, own) == b"a.py"
    assert mirror(None, notebook()) == b"a.md"
    assert mirror("", own) is None
    (tmp_path / TOML).unlink()
    assert mirror(None, notebook()) == b"a.py"
    assert mirror(None, notebook(jupytext={"formats": "ipynb"})) is None


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (".jupytext.py", "c.formats = 'ipynb,py'", "not run by a commit"),
        (TOML, "formats = ", "cannot be read"),
        (TOML, "formats = 3\n", "not of a kind that jupytext knows"),
        ("jupytext.yml", "[", "cannot be read"),
        ("jupytext.json", "[]", "not a table"),
        (TOML, 'formats = "ipynb,../mirrors//py:percent"\n', "leads out of its folder"),
        (TOML, 'formats = "ipynb,scripts///py:percent"\n', "a folder root for one half"),
    ],
)
def test_what_cannot_be_understood_is_said(tmp_path: Path, file: str, text: str, said: str) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(UsageError, match=said):
        forms_of(tmp_path).of_notebook(b"a.ipynb")


def test_headers_that_only_look_like_one() -> None:
    assert formats_in(b"# formats: ipynb,md\nx = 1\n") == ""
    assert formats_in(b"formats: a\n---\n") == ""
    assert formats_in(b'{"cells": [], "metadata": {"formats": 1}}') == ""
    assert (
        formats_in(b"# -*- coding: utf-8 -*-\n# ---\n# jupyter:\n#   jupytext:\n#     formats: ipynb,md\n")
        == "ipynb,md"
    )


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = set_up(tmp_path / "o ŋ")
    made.git.write(TOML, FOLDERS)
    made.git.write("notebooks/s/a.ipynb", simple("import os", "x = 1"))
    made.must("add", ".")
    made.must("commit", "-qm", "A pair in two folders")
    made.git.write("notebooks/s/a.ipynb", executed(made.disk("notebooks/s/a.ipynb")))
    return made


NOTEBOOK, MIRROR = "notebooks/s/a.ipynb", "scripts/s/a.py"


def test_a_mirror_in_another_folder_through_the_whole_way(clone: Clone) -> None:
    assert clone.committed(MIRROR) == mirror_of(clone.committed(NOTEBOOK))
    clone.git.write(MIRROR, clone.disk(MIRROR) + b"\n# %%\nedited = 1\n")
    clone.must("commit", "-qam", "Edit the mirror")
    assert sources_of(clone.committed(NOTEBOOK))[-1] == "edited = 1"
    assert b"computed" in clone.disk(NOTEBOOK)
    clone.git.write(NOTEBOOK, executed(clone.disk(NOTEBOOK), cell_1="x = 2"))
    assert sahel_nb(clone, "pair", "--check").code == 3
    assert sahel_nb(clone, "pair", MIRROR).err == f"{MIRROR} was brought in step\n"
    assert sahel_nb(clone, "pair", "--check").code == 0
    clone.must("commit", "-qam", "Edit the notebook")
    assert b"x = 2" in clone.committed(MIRROR)
    assert sahel_nb(clone, "check", "--range", "HEAD~1..HEAD").code == 0
    clone.must("mv", NOTEBOOK, "notebooks/b.ipynb")
    clone.must("commit", "-qm", "Rename")
    assert clone.git("ls-files", "scripts") == "scripts/b.py"


def test_what_is_pushed_is_held_against_the_configuration_of_its_time(clone: Clone) -> None:
    assert sahel_nb(clone, "check", "--range", "HEAD~1..HEAD").code == 0
    clone.git.write(TOML, 'formats = "ipynb,md"\n')
    clone.must("commit", "-qam", "Another format")
    clone.git.write("n/b.ipynb", simple("y = 1"))
    clone.git.write("n/own.ipynb", notebook(jupytext={"formats": "ipynb,py:light"}))
    clone.must("add", ".")
    clone.must("commit", "-qm", "More")
    assert clone.git("ls-files", "n").split("\n") == ["n/b.ipynb", "n/b.md", "n/own.ipynb", "n/own.py"]
    assert sahel_nb(clone, "check", "--range", "HEAD~1..HEAD").code == 0
    clone.must("rm", "-q", "--cached", "n/own.py")
    clone.must("commit", "-qm", "Without", "--no-verify")
    said = sahel_nb(clone, "check", "--range", "HEAD~1..HEAD")
    assert said.code == 3
    assert "SNB304" in said.err + said.out


def test_a_mirror_that_names_its_formats_leads_to_its_notebook(clone: Clone) -> None:
    clone.git.write("notebooks/own.ipynb", notebook(jupytext={"formats": "ipynb,md"}))
    clone.must("add", ".")
    clone.must("commit", "-qm", "Own")
    mirror = clone.disk("notebooks/own.md")
    assert b"formats: ipynb,md" in mirror
    clone.git.write("notebooks/own.md", mirror + b"\n```python\nlast = 1\n```\n")
    assert sahel_nb(clone, "pair").err == "notebooks/own.ipynb was brought in step\n"
    clone.must("checkout", "-q", "--", "notebooks/own.ipynb")
    clone.must("commit", "-qam", "Edit")
    assert sources_of(clone.committed("notebooks/own.ipynb"))[-1] == "last = 1"


def test_a_configuration_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    """Else the notebook would get a script of another form than its team's."""
    clone = set_up(tmp_path / "o")
    (clone.root / TOML).unlink(missing_ok=True)
    (clone.root / TOML).symlink_to("/dev/zero")
    clone.git.write("a.ipynb", notebook())
    clone.must("add", "a.ipynb")
    for said in (clone.run("commit", "-qm", "One"), sahel_nb(clone, "pair", "a.ipynb")):
        assert said.code != 0
        assert "jupytext.toml cannot be read: it is no regular file" in said.err
    assert not (clone.root / "a.py").exists()
