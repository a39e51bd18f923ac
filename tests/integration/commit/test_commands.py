"""Proves init, install, new, strip, pair and lint as people type them, in processes of their own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sahel_nb.kernels.metadata import Metadata
from sahel_nb.notebook.pair import in_step
from sahel_nb.notebook.strip import is_stripped, strip
from tests.integration.commit.pushing import meta
from tests.integration.commit.story import Clone, executed, kernel, sahel_nb, set_up
from tests.support.git import Git
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return set_up(tmp_path / "o ŋ")


def test_from_an_empty_repository_to_a_committed_kernel(tmp_path: Path) -> None:
    clone = Clone(Git.init(tmp_path / "team ɗ"))
    assert sahel_nb(clone, "init").code == 0
    clone.must("add", ".")
    clone.must("commit", "-qm", "Set up")
    assert sahel_nb(clone, "install").code == 0
    said = sahel_nb(clone, "new", "fula-langid", "--owner", "awa", "--gpu", "--dataset", "team/corpus", "--public")
    assert said.code == 0, said
    assert "sahel-nb run notebooks/fula-langid" in said.err
    folder = "notebooks/fula-langid"
    metadata = Metadata.from_json(clone.disk(f"{folder}/kernel-metadata.json"))
    assert metadata.problems() == ()
    assert str(metadata.ref) == "awa/fula-langid"
    assert (metadata.raw["machine_shape"], metadata.raw["enable_gpu"]) == ("NvidiaTeslaT4", True)
    assert (metadata.raw["dataset_sources"], metadata.raw["is_private"]) == (["team/corpus"], False)
    notebook, mirror = clone.disk(f"{folder}/fula-langid.ipynb"), clone.disk(f"{folder}/fula-langid.py")
    assert is_stripped(notebook)
    assert in_step(notebook, mirror)
    clone.must("add", ".")
    clone.must("commit", "-qm", "Kernel")
    assert clone.status() == ""
    assert sahel_nb(clone, "new", "fula-langid", "--owner", "awa").code == 3
    listed = json.loads(sahel_nb(clone, "init", "--json").out)
    assert {one["outcome"] for one in listed["files"]} == {"unchanged"}
    assert sahel_nb(clone, "uninstall").code == 0
    assert "sahel-nb" not in clone.git("config", "--local", "--list")


@pytest.mark.parametrize("template", ["blank", "blank-r", "langid"])
def test_every_template_makes_a_kernel_that_lint_accepts(clone: Clone, template: str) -> None:
    said = sahel_nb(clone, "new", "fula-model", "--owner", "awa", "--template", template, "--json")
    assert said.code == 0, said
    made = json.loads(said.out)
    assert made["kernel"] == "awa/fula-model"
    found = json.loads(sahel_nb(clone, "lint", "--json").out)["findings"]
    assert [one for one in found if one["severity"] == "error"] == []
    for file in made["files"]:
        text = clone.disk(file)
        assert b"{owner}" not in text or not file.endswith(".json")
    clone.must("add", ".")
    clone.must("commit", "-qm", "Kernel")


def test_new_says_what_is_wrong(clone: Clone) -> None:
    no_owner = sahel_nb(clone, "new", "fula-model")
    assert no_owner.code == 2
    assert "--owner" in no_owner.err
    title = sahel_nb(clone, "new", "fula-model", "--owner", "awa", "--title", "Another Thing")
    assert title.code == 2
    assert "another-thing" in title.err
    short = sahel_nb(clone, "new", "abc", "--owner", "awa")
    assert short.code == 2
    unknown = sahel_nb(clone, "new", "fula-model", "--owner", "awa", "--template", "nothing")
    assert "blank" in unknown.err
    assert not (clone.root / "notebooks").exists() or not list((clone.root / "notebooks").iterdir())
    clone.git("config", "sahel-nb.owner", "team")
    assert sahel_nb(clone, "new", "fula-model").code == 0


def test_new_from_a_script_and_from_a_notebook(clone: Clone) -> None:
    clone.git.write("old.py", "print('one cell')\n")
    clone.git.write("old.ipynb", simple("x = 'ŋ'", "y = 2").replace(b'"kernelspec"', b'"other"'))
    for source in ("old.py", "old.ipynb"):
        name = "from-" + source.replace(".", "-")
        said = sahel_nb(clone, "new", name, "--owner", "awa", "--from", source)
        assert said.code == 0, said
        notebook = clone.disk(f"notebooks/{name}/{name}.ipynb")
        assert is_stripped(notebook)
        assert json.loads(notebook)["metadata"]["kernelspec"]["name"] == "python3"


def test_strip_in_nbstripouts_place(clone: Clone) -> None:
    raw = simple("x = 'ŋ'")
    assert sahel_nb(clone, "strip", stdin=raw).out.encode() == strip(raw)
    path = clone.git.write("a ŋ.ipynb", raw)
    said = sahel_nb(clone, "strip", "--dry-run", "a ŋ.ipynb")
    assert (said.code, said.out) == (0, "Dry run: would have stripped a ŋ.ipynb\n")
    assert sahel_nb(clone, "strip", "--verify", "a ŋ.ipynb").code == 1
    assert sahel_nb(clone, "strip", "-t", "a ŋ.ipynb").out.encode() == strip(raw)
    assert path.read_bytes() == raw
    path.chmod(0o600)
    assert sahel_nb(clone, "strip", "a ŋ.ipynb").code == 0
    assert path.read_bytes() == strip(raw)
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.stat()
    assert sahel_nb(clone, "strip", "--verify", "a ŋ.ipynb").code == 0
    assert sahel_nb(clone, "strip", "a ŋ.ipynb").code == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    clone.git("config", "filter.nbstripout.extrakeys", "metadata.kernelspec")
    assert "kernelspec" not in sahel_nb(clone, "strip", stdin=raw).out
    broken = clone.git.write("b.ipynb", b"{")
    said = sahel_nb(clone, "strip", "b.ipynb")
    assert said.code == 1
    assert "b.ipynb" in said.err
    assert broken.read_bytes() == b"{"


def test_pair_on_disk(clone: Clone) -> None:
    name = kernel(clone)
    assert sahel_nb(clone, "pair").code == 0
    assert sahel_nb(clone, "pair", "--check").code == 0
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="x = 1"))
    assert sahel_nb(clone, "pair", "--check").code == 3
    said = sahel_nb(clone, "pair", "--json", cwd=clone.root / "notebooks")
    (outcome,) = json.loads(said.out)["pairs"]
    assert outcome == {"notebook": f"{name}.ipynb", "written": [f"{name}.py"], "removed": [], "problem": ""}
    assert b"x = 1" in clone.disk(f"{name}.py")
    clone.git.write(f"{name}.py", clone.disk(f"{name}.py").replace(b"x = 1", b"x = 2") + b"\n# %%\nlate = 1\n")
    conflict = sahel_nb(clone, "pair")
    assert conflict.code == 3
    assert "--from notebook" in conflict.err
    assert sahel_nb(clone, "pair", "--from", "mirror").code == 2
    assert sahel_nb(clone, "pair", "--from", "mirror", f"{name}.py").code == 0
    assert in_step(clone.disk(f"{name}.ipynb"), clone.disk(f"{name}.py"))
    assert b"computed" in clone.disk(f"{name}.ipynb")
    assert sahel_nb(clone, "pair", "missing.ipynb").code == 2


def test_lint_fix_and_json(clone: Clone) -> None:
    clone.git.write("kernel-metadata.json", meta("any-model", code_file="./a.ipynb"))
    clone.git.write("a.ipynb", simple("x").replace(b'"kernelspec"', b'"other"'))
    said = sahel_nb(clone, "lint", "--json", "a.ipynb")
    assert said.code == 3
    (finding,) = json.loads(said.out)["findings"]
    assert (finding["code"], finding["path"]) == ("SNB102", "a.ipynb")
    assert sahel_nb(clone, "lint", "--fix", "a.ipynb").code == 0
    assert b"said 0" in clone.disk("a.ipynb")


def test_lint_fix_puts_metadata_right_and_ends_with_what_to_add(clone: Clone) -> None:
    name = kernel(clone)
    path = f"{name.rpartition('/')[0]}/kernel-metadata.json"
    value = json.loads(clone.disk(path))
    clone.git.write(path, json.dumps(value | {"competition_sources": ["c/titanic"], "id_no": 7}))
    said = sahel_nb(clone, "lint", "--fix")
    assert (said.code, said.err.splitlines()[-1]) == (0, f"to commit it: $ git add -- {path}"), said
    fixed = json.loads(clone.disk(path))
    assert (fixed["competition_sources"], "id_no" in fixed) == (["titanic"], False)
    assert sahel_nb(clone, "lint").out == ""
    clone.git.write(path, json.dumps(value | {"dataset_sources": ["datasets/o/s"], "model_sources": ["a/b"]}))
    half = sahel_nb(clone, "lint", "--fix")
    assert (half.code, half.err.splitlines()[-1].strip()) == (3, f"$ git add -- {path}"), half


def test_lint_reads_metadata_with_its_code(clone: Clone) -> None:
    name = kernel(clone)
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="!pip install x"))
    found = json.loads(sahel_nb(clone, "lint", "--json").out)["findings"]
    assert [(one["code"], one["severity"]) for one in found] == [("SNB405", "warn")]  # the image may have it
    (clone.root / f"{name}.ipynb").unlink()
    found = json.loads(sahel_nb(clone, "lint", "--json", "notebooks").out)["findings"]
    assert [one["code"] for one in found] == ["SNB404"]


def test_a_code_file_below_its_metadata_is_looked_at_like_one_beside_it(clone: Clone) -> None:
    name = kernel(clone)
    place = f"{name.rpartition('/')[0]}/kernel-metadata.json"
    code = f"{name.rpartition('/')[2]}.ipynb"
    value = json.loads(clone.disk(place)) | {"code_file": f"src/ŋ/{code}", "enable_internet": False}
    clone.git.write(place, json.dumps(value))
    clone.git.write(f"{name.rpartition('/')[0]}/src/ŋ/{code}", clone.disk(f"{name}.ipynb"))
    clone.must("rm", "-qf", f"{name}.ipynb", f"{name}.py")
    clone.must("add", "-A")
    clone.must("commit", "-qm", "Below")
    assert sahel_nb(clone, "check", "--tree", "HEAD").code == 0
    bad = executed(clone.disk(f"{name.rpartition('/')[0]}/src/ŋ/{code}"), cell_1="for x in:\n    pass\n!pip install y")
    clone.git.write(f"{name.rpartition('/')[0]}/src/ŋ/{code}", bad)
    found = json.loads(sahel_nb(clone, "lint", "--json").out)["findings"]
    assert {(one["code"], one["severity"]) for one in found} == {("SNB201", "error"), ("SNB405", "warn")}
    clone.must("add", "-A")
    said = clone.run("commit", "-qm", "Bad")
    assert (said.code, "SNB201" in said.err) == (1, True), said


def test_hook_verbs_as_the_framework_calls_them(clone: Clone) -> None:
    runner = clone.git("config", "sahel-nb.hook")

    def hook(rest: str) -> tuple[int, str]:
        done = subprocess.run(f"{runner} {rest}", shell=True, cwd=clone.root, capture_output=True)
        return done.returncode, done.stderr.decode()

    name = kernel(clone)
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="y = 1"))
    assert hook(f"pair {name}.ipynb") == (1, f"sahel-nb: {name}.py was brought in step\n")
    assert hook(f"pair {name}.ipynb {name}.py")[0] == 0
    raw = clone.disk(f"{name}.ipynb")
    assert hook(f"strip {name}.ipynb") == (0, "")  # the filter sees to what is staged; the outputs are somebody's work
    assert clone.disk(f"{name}.ipynb") == raw
    clone.git.write("new ŋ.ipynb", raw)
    assert hook("strip 'new ŋ.ipynb' README.md") == (1, "stripped new ŋ.ipynb\n")
    assert hook("strip 'new ŋ.ipynb'") == (0, "")
    assert hook(f"lint {name}.ipynb notebooks/fula-model/kernel-metadata.json")[0] == 0
    assert hook(f"guard {name}.ipynb notebooks/fula-model/kernel-metadata.json") == (0, "")
    printed = json.loads(simple("print(key)"))
    printed["cells"][0]["outputs"][0]["text"] = ["hf_" + "aB3" * 11 + "x\n"]
    clone.git.write("leak.ipynb", json.dumps(printed, indent=1))
    code, err = hook("guard leak.ipynb")
    assert code == 3
    assert "cell 1" in err
    assert hook("nonsense")[0] == 2
    assert hook("strip --what")[0] == 2


@pytest.mark.parametrize("code_file", ["../../../elsewhere.ipynb", "/etc/passwd", "a\0b.ipynb", "", "x" * 5000])
def test_a_code_file_that_lies_elsewhere_is_a_finding(clone: Clone, code_file: str) -> None:
    """And not what git says about a path out of its repository."""
    path = clone.root / kernel(clone)
    metadata = path.parent / "kernel-metadata.json"
    metadata.write_text(json.dumps(json.loads(metadata.read_text()) | {"code_file": code_file}))
    clone.must("add", "-A", ".")

    said = clone.run("commit", "-qm", "Elsewhere")

    assert said.code == 1, said
    assert "kernel-metadata.json: " in said.err, said
    assert "code_file" in said.err, said
    assert "a bug of ours" not in said.err, said


def test_metadata_that_is_nested_without_an_end_is_a_finding(clone: Clone) -> None:
    metadata = (clone.root / kernel(clone)).parent / "kernel-metadata.json"
    metadata.write_text("[" * 100_000)
    clone.must("add", "-A", ".")

    for said in (clone.run("commit", "-qm", "Deep"), sahel_nb(clone, "lint")):
        assert "SNB401" in said.err + said.out, said
