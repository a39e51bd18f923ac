"""A notebook in R or Julia has a script in R or Julia, and stays what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sahel_nb.hooks.forms import Forms
from tests.integration.commit.story import IN_STEP, Clone, sahel_nb, set_up
from tests.unit.notebook.shapes import simple


def in_language(language: str, name: str, *sources: str) -> bytes:
    whole = json.loads(simple(*sources))
    whole["metadata"] = {
        "kernelspec": {"name": name, "display_name": language, "language": language},
        "language_info": {"name": language},
    }
    return json.dumps(whole, indent=1).encode()


def r_kernel(clone: Clone) -> None:
    clone.git.write("k/eda.ipynb", in_language("R", "ir", "x <- c(1, 2)"))
    metadata: dict[str, object] = {"id": "awa/eda-in-r", "title": "eda in r", "code_file": "eda.ipynb", "language": "r"}
    metadata |= {"kernel_type": "notebook", "is_private": True, "enable_gpu": False, "enable_internet": True}
    clone.git.write("k/kernel-metadata.json", json.dumps(metadata))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return set_up(tmp_path / "o")


@pytest.mark.parametrize(("language", "name", "end"), [("R", "ir", "R"), ("julia", "julia-1.10", "jl")])
def test_a_script_is_in_the_language_of_its_notebook(clone: Clone, language: str, name: str, end: str) -> None:
    clone.git.write("eda.ipynb", in_language(language, name, "x = 1"))
    clone.git.write("p.ipynb", simple("x = 1"))
    clone.must("add", "-A")
    clone.must("commit", "-qm", "One")
    scripts = {"eda.ipynb", f"eda.{end}", "p.ipynb", "p.py"}
    assert set(clone.must("show", "--name-only", "--format=").split()) == scripts
    assert sahel_nb(clone, "pair", "--check").err == IN_STEP
    assert sahel_nb(clone, "check", "--tree", "HEAD").code == 0

    text = clone.disk(f"eda.{end}")
    clone.git.write(f"eda.{end}", text.replace(b"x = 1", b"x = 2"))
    clone.must("commit", "-qam", "Two")
    made = json.loads(clone.committed("eda.ipynb"))
    assert "".join(made["cells"][0]["source"]) == "x = 2"
    assert made["metadata"]["kernelspec"]["name"] == name
    assert sahel_nb(clone, "check", "--tree", "HEAD").code == 0

    clone.git.write(f"eda.{end}", text.replace(b"x = 1", b"x = 3"))
    assert sahel_nb(clone, "pair").code == 0
    assert b"x = 3" in clone.disk("eda.ipynb")


def test_a_script_that_is_called_py_is_renamed_by_what_is_named(clone: Clone) -> None:
    r_kernel(clone)
    clone.must("config", "filter.sahel-nb.required", "true")
    clone.git.write("k/eda.py", "# ---\n# jupyter:\n#   kernelspec:\n#     name: ir\n# ---\n\n# %%\nx <- c(1, 2)\n")
    clone.must("add", "-A")
    clone.must("commit", "-qnm", "As an earlier version did")
    clone.git.write("k/eda.ipynb", in_language("R", "ir", "x <- c(1, 3)"))
    said = sahel_nb(clone, "pair", "k/eda.ipynb")
    assert said.code == 3
    command = "git mv k/eda.py k/eda.R"
    assert command in said.err
    refused = clone.run("commit", "-qam", "Three")
    assert command in refused.err
    clone.must("mv", "k/eda.py", "k/eda.R")
    assert sahel_nb(clone, "pair", "--from", "notebook", "k/eda.ipynb").code == 0
    clone.must("add", "k/eda.ipynb", "k/eda.R")
    clone.must("commit", "-qm", "Four")
    assert sahel_nb(clone, "check", "--tree", "HEAD").code == 0


def test_a_rehearsal_says_python_only_before_it_starts(clone: Clone) -> None:
    r_kernel(clone)
    clone.must("add", "-A")
    clone.must("commit", "-qm", "One")
    said = sahel_nb(clone, "rehearse", "k")
    sahel_nb(clone, "local", "stop")
    assert said.code == 3
    assert "k/eda.ipynb is in r: the embedded service runs Python only" in said.err
    assert not (clone.root / "runs").exists()


def test_where_a_mirror_may_be() -> None:
    forms = Forms(None)
    assert forms.mirrors_of(b"a/x.ipynb")[:3] == [b"a/x.py", b"a/x.R", b"a/x.jl"]
    assert forms.notebook_of(b"a/x.R") == b"a/x.ipynb"
    assert forms.notebook_of(b"a/x.md") is None


def test_a_folder_stands_for_the_notebooks_in_it(clone: Clone) -> None:
    for name in ("a/x.ipynb", "a/b/y.ipynb", "z.ipynb"):
        clone.git.write(name, simple("x = 1"))
    clone.git.write("empty/note.txt")
    assert sahel_nb(clone, "pair", "empty").err == IN_STEP
    assert sahel_nb(clone, "pair", "a").code == 0
    assert [path for path in ("a/x.py", "a/b/y.py", "z.py") if (clone.root / path).exists()] == ["a/x.py", "a/b/y.py"]
    assert sahel_nb(clone, "pair", ".").code == 0
    assert (clone.root / "z.py").exists()
