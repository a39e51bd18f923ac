"""A notebook in R or Julia has a script in R or Julia, and stays what it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


@pytest.mark.parametrize("command", [("rehearse",), ("rehearse", "--fault", "push-cut"), ("run", "--local")])
def test_python_only_is_said_before_anything_starts(clone: Clone, command: tuple[str, ...]) -> None:
    r_kernel(clone)
    clone.must("add", "-A")
    clone.must("commit", "-qm", "One")
    said = sahel_nb(clone, command[0], "k", *command[1:])
    assert said.code == 3
    assert "k/eda.ipynb is in r: the embedded service runs Python only" in said.err
    assert "SAHEL_NB_KAGGLE=kaggle sahel-nb run awa/eda-in-r   # on Kaggle" in said.err
    assert not (clone.root / "runs").exists()
    assert json.loads(sahel_nb(clone, "local", "status", "--json").out)["running"] is False


@pytest.mark.parametrize(
    ("notebook", "language", "code"),
    [
        ({"name": "ir"}, "python", "SNB402"),
        ({"name": "ir"}, "r", ""),
        ({"name": "julia-1.10"}, "python", "SNB402"),
        ({"name": "xsql", "language": "sql"}, "python", "SNB402"),
        ({"name": "python3"}, "r", "SNB403"),
        ({"name": "python3", "language": "python"}, "python", ""),
    ],
)
def test_a_notebook_and_its_metadata_are_of_one_language(
    clone: Clone, notebook: dict[str, str], language: str, code: str
) -> None:
    whole = json.loads(simple("x <- c(1, 2) %in% 3" if notebook["name"] == "ir" else "x = 1"))
    whole["metadata"] = {"kernelspec": {"display_name": "?", **notebook}}
    clone.git.write("k/eda.ipynb", json.dumps(whole, indent=1))
    metadata = {"id": "awa/eda-in-r", "title": "eda in r", "code_file": "eda.ipynb", "language": language}
    flags = {"kernel_type": "notebook", "is_private": True, "enable_gpu": False, "enable_internet": True}
    clone.git.write("k/kernel-metadata.json", json.dumps(metadata | flags))
    found = json.loads(sahel_nb(clone, "lint", "--json").out)["findings"]
    assert [one["code"] for one in found] == ([code] if code else [])


def test_a_missing_kernel_is_that_of_the_metadata(clone: Clone) -> None:
    r_kernel(clone)
    whole = json.loads(clone.disk("k/eda.ipynb")) | {"metadata": {}}
    clone.git.write("k/eda.ipynb", json.dumps(whole, indent=1))
    assert sahel_nb(clone, "lint", "--fix", "k").code == 0
    assert json.loads(clone.disk("k/eda.ipynb"))["metadata"]["kernelspec"]["name"] == "ir"
    settings = json.loads(clone.disk("k/kernel-metadata.json")) | {"code_file": "below/eda.ipynb"}
    clone.git.write("k/kernel-metadata.json", json.dumps(settings))
    clone.git.write("k/below/eda.ipynb", json.dumps(whole, indent=1))
    assert sahel_nb(clone, "lint", "--fix", "k").code == 0
    assert json.loads(clone.disk("k/below/eda.ipynb"))["metadata"]["kernelspec"]["name"] == "ir"


@pytest.mark.parametrize("source", ["a.R", "a.ipynb"])
def test_new_from_something_in_r_is_in_r(clone: Clone, source: str) -> None:
    content = b"x <- c(1, 2)\n" if source == "a.R" else in_language("R", "ir", "x <- c(1, 2)")
    (clone.root.parent / source).write_bytes(content)
    said = sahel_nb(clone, "new", "eda-in-r", "--owner", "awa", "--from", f"../{source}", "--json")
    assert [Path(file).name for file in json.loads(said.out)["files"]] == [
        "eda-in-r.R", "eda-in-r.ipynb", "kernel-metadata.json",
    ]  # fmt: skip
    assert json.loads(clone.disk("notebooks/eda-in-r/kernel-metadata.json"))["language"] == "r"
    clone.must("add", "-A")
    clone.must("commit", "-qm", "One")
    assert sahel_nb(clone, "check", "--tree", "HEAD").code == 0


SCRIPTS = {
    ("python3", "python"): "py",
    ("ir", "R"): "R",
    ("ir", ""): "R",
    ("julia-1.10", "julia"): "jl",
    ("julia-1.10", ""): "jl",
    ("bash", "bash"): "sh",
    ("xsql", "sql"): "py",
    ("", ""): "py",
}


@pytest.mark.parametrize("formats", ["", "ipynb,py:percent", None])
def test_the_settings_that_init_writes_and_those_of_before_name_the_same_scripts(
    clone: Clone, formats: str | None
) -> None:
    """As jupytext's own manager has it for those that name a language: see the next test."""
    text = clone.disk("jupytext.toml") if formats is None else f'formats = "{formats}"\n'.encode() * bool(formats)
    forms = Forms(None, lambda path: text if path == "jupytext.toml" and text else None)
    for (name, language), end in SCRIPTS.items():
        kernelspec = {"name": name} | ({"language": language} if language else {})
        notebook = json.dumps({"cells": [], "metadata": {"kernelspec": kernelspec} if name else {}}).encode()
        form = forms.of_notebook(b"a/x.ipynb", notebook)
        assert form is not None
        assert form.mirror_path(b"a/x.ipynb") == b"a/x.%b" % end.encode()
        assert forms.notebook_of(b"a/x.%b" % end.encode()) == b"a/x.ipynb"
    assert forms.notebook_of(b"a/README.md") is None


@pytest.mark.parametrize(
    ("language", "name", "end"), [("python", "python3", "py"), ("R", "ir", "R"), ("julia", "julia-1.10", "jl")]
)
def test_jupytext_goes_by_the_settings_that_init_writes(clone: Clone, language: str, name: str, end: str) -> None:
    """From both sides: the notebook is saved, and the script is."""
    clone.git.write("eda.ipynb", in_language(language, name, "x = 1"))
    jupytext = [sys.executable, "-m", "jupytext", "--quiet", "--sync"]
    subprocess.run([*jupytext, "eda.ipynb"], cwd=clone.root, check=True)
    assert {path.name for path in clone.root.glob("eda.*")} == {"eda.ipynb", f"eda.{end}"}
    script = clone.disk(f"eda.{end}").replace(b"x = 1", b"x = 2")
    clone.git.write(f"eda.{end}", script)
    later = (clone.root / "eda.ipynb").stat().st_mtime_ns + 10**9
    os.utime(clone.root / f"eda.{end}", ns=(later, later))
    subprocess.run([*jupytext, f"eda.{end}"], cwd=clone.root, check=True)
    assert b"x = 2" in clone.disk("eda.ipynb")
    clone.must("add", "-A")
    clone.must("commit", "-qm", "One")
    assert set(clone.must("show", "--name-only", "--format=").split()) == {"eda.ipynb", f"eda.{end}"}


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


def test_doctor_says_where_jupyter_writes_a_py_beside_a_script_in_r(clone: Clone) -> None:
    clone.git.write("jupytext.toml", 'formats = "ipynb,py:percent"\n')
    rows = {row["name"]: row for row in json.loads(sahel_nb(clone, "doctor", "--offline", "--json").out)["checks"]}
    assert rows["jupytext"]["verdict"] == "ok"
    r_kernel(clone)
    clone.must("add", "-A")
    clone.must("commit", "-qm", "One")
    rows = {row["name"]: row for row in json.loads(sahel_nb(clone, "doctor", "--offline", "--json").out)["checks"]}
    assert rows["jupytext"]["verdict"] == "warning"
    assert "a .py beside k/eda.R" in rows["jupytext"]["found"]
