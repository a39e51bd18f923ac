"""Proves one commit through the real shim: pairs in step, work that is not staged left alone, secrets refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sahel_nb.notebook.pair import in_step, mirror_of
from sahel_nb.notebook.strip import is_stripped, strip
from tests.integration.commit.pushing import TOKEN, meta
from tests.integration.commit.story import Clone, executed, kernel, sahel_nb, set_up, sources_of
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return set_up(tmp_path / "o ŋ 'q")


@pytest.fixture
def name(clone: Clone) -> str:
    return kernel(clone)


def assert_in_step(clone: Clone, name: str) -> None:
    notebook, mirror = clone.committed(f"{name}.ipynb"), clone.committed(f"{name}.py")
    assert is_stripped(notebook)
    assert in_step(notebook, mirror)


def test_one_commit_strips_and_pairs(clone: Clone, name: str) -> None:
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="x = 'ŋ'"))
    clone.must("add", f"{name}.ipynb")
    clone.must("commit", "-qm", "Edit")
    assert clone.git("show", "--name-only", "--format=").split("\n") == [f"{name}.ipynb", f"{name}.py"]
    assert_in_step(clone, name)
    assert "x = 'ŋ'".encode() in clone.disk(f"{name}.py")
    assert b"computed" in clone.disk(f"{name}.ipynb")
    assert clone.status() == ""


def test_an_edited_mirror_brings_its_notebook_and_keeps_the_outputs(clone: Clone, name: str) -> None:
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb")))
    clone.git.write(f"{name}.py", clone.disk(f"{name}.py") + "\n# %%\nlast = 'ɓ'\n".encode())
    clone.must("commit", "-qam", "Edit the mirror")
    assert_in_step(clone, name)
    assert sources_of(clone.committed(f"{name}.ipynb"))[-1] == "last = 'ɓ'"
    assert b"computed" in clone.disk(f"{name}.ipynb")
    assert clone.git("diff", "--name-only") == ""


def test_a_new_notebook_gets_a_mirror(clone: Clone) -> None:
    clone.git.write("x/ŋ a.ipynb", simple("x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "New")
    assert_in_step(clone, "x/ŋ a")
    assert clone.disk("x/ŋ a.py") == clone.committed("x/ŋ a.py")
    assert clone.status() == ""


def test_both_halves_changed_alike_go_through(clone: Clone, name: str) -> None:
    notebook = executed(clone.disk(f"{name}.ipynb"), cell_1="both = 1")
    clone.git.write(f"{name}.ipynb", notebook)
    clone.git.write(f"{name}.py", mirror_of(notebook))
    clone.must("commit", "-qam", "Both")
    assert_in_step(clone, name)


def test_a_conflict_is_refused_and_nothing_is_written(clone: Clone, name: str) -> None:
    notebook = executed(clone.disk(f"{name}.ipynb"), cell_1="mine = 1")
    mirror = mirror_of(executed(notebook, cell_1="theirs = 2")) + b"\n# %%\nmore = 2\n"
    clone.git.write(f"{name}.ipynb", notebook)
    clone.git.write(f"{name}.py", mirror)
    before = clone.git.head()
    said = clone.run("commit", "-qam", "Conflict")
    assert said.code != 0
    assert f"{name}.ipynb" in said.err
    assert f"{name}.py" in said.err
    assert "cell 2: both sides changed the same lines" in said.err
    assert "sahel-nb pair --from notebook" in said.err
    assert clone.git.head() == before
    assert (clone.disk(f"{name}.ipynb"), clone.disk(f"{name}.py")) == (notebook, mirror)


def test_partly_staged_work_is_neither_lost_nor_swept_in(clone: Clone, name: str) -> None:
    staged = executed(clone.disk(f"{name}.ipynb"), cell_1="staged = 1")
    clone.git.write(f"{name}.ipynb", staged)
    clone.must("add", f"{name}.ipynb")
    later = executed(staged, cell_1="staged = 1\nnot_yet = 2")
    clone.git.write(f"{name}.ipynb", later)
    clone.must("commit", "-qm", "Part")
    assert_in_step(clone, name)
    assert b"not_yet" not in clone.committed(f"{name}.ipynb")
    assert b"not_yet" not in clone.committed(f"{name}.py")
    assert clone.disk(f"{name}.ipynb") == later


def test_a_pair_that_went_on_on_disk_stays_as_it_is_there(clone: Clone, name: str) -> None:
    """Jupyter writes both halves; only the notebook's first step is staged."""
    first = executed(clone.disk(f"{name}.ipynb"), cell_1="one = 1")
    clone.git.write(f"{name}.ipynb", first)
    clone.must("add", f"{name}.ipynb")
    second = executed(first, cell_1="two = 2")
    clone.git.write(f"{name}.ipynb", second)
    clone.git.write(f"{name}.py", mirror_of(second))
    clone.must("commit", "-qm", "First step")
    assert_in_step(clone, name)
    assert b"one = 1" in clone.committed(f"{name}.py")
    assert clone.disk(f"{name}.ipynb") == second
    assert clone.disk(f"{name}.py") == mirror_of(second)


def test_unstaged_edits_of_the_other_half_are_a_conflict(clone: Clone, name: str) -> None:
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="nb = 1"))
    clone.must("add", f"{name}.ipynb")
    mirror = clone.disk(f"{name}.py") + b"\n# %%\nunstaged = 1\n"
    clone.git.write(f"{name}.py", mirror)
    said = clone.run("commit", "-qm", "Half")
    assert said.code != 0
    assert clone.disk(f"{name}.py") == mirror
    clone.must("checkout", "-q", "HEAD", "--", f"{name}.ipynb", f"{name}.py")
    clone.git.write(f"{name}.py", mirror)
    clone.must("add", f"{name}.py")
    notebook = executed(clone.disk(f"{name}.ipynb"), cell_1="unstaged = 2")
    clone.git.write(f"{name}.ipynb", notebook)
    assert clone.run("commit", "-qm", "Other half").code != 0
    assert clone.disk(f"{name}.ipynb") == notebook


def test_an_untracked_file_is_never_overwritten(clone: Clone) -> None:
    clone.git.write("a.ipynb", simple("x = 1"))
    module = clone.git.write("a.py", "def not_a_mirror():\n    pass\n")
    clone.must("add", "a.ipynb")
    said = clone.run("commit", "-qm", "New")
    assert said.code != 0
    assert "a.py" in said.err
    assert module.read_text() == "def not_a_mirror():\n    pass\n"
    clone.git.write("a.py", mirror_of(simple("x = 1")))
    clone.must("commit", "-qm", "New")
    assert_in_step(clone, "a")


def test_a_module_with_a_notebooks_name_is_left_alone(clone: Clone) -> None:
    clone.git.write("a.ipynb", strip(simple("x = 1")))
    clone.git.write("a.py", "def not_a_mirror():\n    pass\n")
    clone.must("add", ".")
    assert clone.run("commit", "-qm", "Both").code != 0
    clone.must("commit", "-qm", "Both", "--no-verify")
    clone.git.write("a.py", "def not_a_mirror():\n    return 1\n")
    clone.must("commit", "-qam", "The module")
    assert clone.committed("a.ipynb") == strip(simple("x = 1"))


def test_commit_of_some_paths_asks_for_both(clone: Clone, name: str) -> None:
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="some = 1"))
    said = clone.run("commit", "-qm", "Some", "--", f"{name}.ipynb")
    assert said.code != 0
    assert f"git commit {name}.ipynb {name}.py" in said.err
    clone.must("commit", "-qm", "Both", "--", f"{name}.ipynb", f"{name}.py")
    assert_in_step(clone, name)
    assert clone.status() == ""


def test_the_first_commit_and_amend(tmp_path: Path) -> None:
    clone = set_up(tmp_path / "fresh")
    clone.must("update-ref", "-d", "HEAD")
    clone.git.write("a.ipynb", simple("x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "First")
    assert_in_step(clone, "a")
    clone.git.write("a.ipynb", simple("x = 2"))
    clone.must("commit", "-qa", "--amend", "-m", "First, mended")
    assert_in_step(clone, "a")


def test_from_a_subfolder_and_a_linked_worktree(clone: Clone, name: str) -> None:
    linked = clone.root.parent / "linked ɗ"
    clone.must("worktree", "add", "-q", "-b", "side", str(linked))
    side = Clone(type(clone.git)(linked))
    side.git.write(f"{name}.ipynb", executed(side.disk(f"{name}.ipynb"), cell_1="side = 1"))
    side.must("-C", "notebooks", "commit", "-qam", "Side")
    assert_in_step(side, name)
    assert side.status() == ""


def test_secrets_and_changed_ids_are_refused(clone: Clone, name: str) -> None:
    token = "KGAT_" + "09aa6cd9a4014929" + "151b265deac73652"
    clone.git.write("settings.py", f"TOKEN = '{token}'\n")
    clone.must("add", "settings.py")
    said = clone.run("commit", "-qm", "Secret")
    assert said.code != 0
    assert "settings.py: line 1" in said.err
    assert token not in said.err
    clone.must("rm", "-qf", "settings.py")
    metadata = json.loads(clone.disk("notebooks/fula-model/kernel-metadata.json"))
    metadata |= {"id": "awa/other-model", "title": "Other Model"}
    clone.git.write("notebooks/fula-model/kernel-metadata.json", json.dumps(metadata, indent=2))
    clone.must("add", "-u")
    said = clone.run("commit", "-qm", "Id")
    assert said.code != 0
    assert "awa/fula-model to awa/other-model" in said.err
    assert "SAHEL_NB_ALLOW_ID_CHANGE" in said.err
    assert clone.run("commit", "-qm", "Id", SAHEL_NB_ALLOW_ID_CHANGE="1").code == 0


def test_what_the_filter_did_not_see_is_refused(clone: Clone) -> None:
    clone.git.write("a.ipynb", simple("x = 1"))
    clone.must("-c", "filter.sahel-nb.process=cat", "-c", "filter.sahel-nb.required=false", "add", "a.ipynb")
    assert clone.staged("a.ipynb") == simple("x = 1")
    said = clone.run("commit", "-qm", "Raw")
    assert said.code != 0
    assert "SNB103" in said.err
    clone.must("add", "--renormalize", "a.ipynb")
    clone.must("commit", "-qm", "Stripped")


def test_lint_errors_refuse_and_warnings_do_not(clone: Clone) -> None:
    clone.git.write("kernel-metadata.json", meta("any-model", code_file="a.ipynb"))
    clone.git.write("a.ipynb", simple("open('/home/awa/x')"))
    clone.must("add", ".")
    said = clone.run("commit", "-m", "Warned")
    assert said.code == 0
    assert "SNB202" in said.err
    clone.git.write("a.ipynb", simple("x = input()"))
    clone.must("add", "a.ipynb")
    assert clone.run("commit", "-m", "Refused").code != 0
    clone.git.write("sahel-nb.toml", '[lint]\ndisable = ["SNB206"]\n')
    clone.must("add", ".")
    clone.must("commit", "-qm", "Disabled")


def test_rules_about_a_run_are_advice_where_no_kernel_runs_the_notebook(clone: Clone) -> None:
    clone.git.write("lessons/a.ipynb", simple("name = input('who? ')", "print 1"))
    clone.must("add", ".")
    said = clone.run("commit", "-qm", "A lesson")
    assert said.code == 0
    assert " warn  lessons/a.ipynb: cell 1, line 1: SNB206" in said.err
    assert " warn  lessons/a.ipynb: cell 2, line 1: SNB201" in said.err
    assert sahel_nb(clone, "check", "--tree", "HEAD").code == 0
    assert sahel_nb(clone, "lint", "lessons").code == 0
    # A kernel in a folder above it runs it: refused wherever it is looked at.
    clone.git.write("kernel-metadata.json", meta("any-model", code_file="lessons/a.ipynb"))
    clone.git.write("lessons/a.ipynb", simple("name = input('who? ')", "print(1)"))
    clone.must("add", ".")
    assert "error  lessons/a.ipynb: cell 1, line 1: SNB206" in clone.run("commit", "-qm", "A kernel").err
    assert sahel_nb(clone, "lint", "a.ipynb", cwd=clone.root / "lessons").code == 3
    clone.must("commit", "-q", "--no-verify", "-m", "A kernel")
    assert sahel_nb(clone, "check", "--tree", "HEAD").code == 3


def test_what_the_team_excludes_is_not_linted_and_still_guarded(clone: Clone) -> None:
    clone.git.write("sahel-nb.toml", '[lint]\nexclude = ["archive/", "*.draft.ipynb"]\n')
    bad = simple("open('/home/awa/x')").replace(b'"kernelspec"', b'"other"')
    for path in ("archive/old/a.ipynb", "b.draft.ipynb", "c.ipynb"):
        clone.git.write(path, bad)
    clone.must("add", ".")
    said = clone.run("commit", "-qm", "Old ones")
    assert said.code == 0
    assert {line.split()[1] for line in said.err.splitlines() if "SNB" in line} == {"c.ipynb:"}
    for path, cwd in (("archive", clone.root), ("b.draft.ipynb", clone.root), ("old", clone.root / "archive")):
        assert (sahel_nb(clone, "lint", path, cwd=cwd).out, path) == ("", path)
    clone.git.write("archive/s.ipynb", simple(f"token = '{TOKEN}'"))
    clone.must("add", ".")
    assert "SNB301" in clone.run("commit", "-qm", "Secret").err


def test_without_anything_of_ours_nothing_happens(clone: Clone) -> None:
    clone.git.write("README.md", "hello\n")
    clone.must("add", ".")
    said = clone.run("commit", "-qm", "Readme")
    assert (said.code, said.err) == (0, "")


def test_a_conflict_in_the_json_is_resolved_in_the_mirror(clone: Clone, name: str) -> None:
    """As git leaves it where no merge driver is set."""
    for driver in ("notebook", "mirror"):
        clone.git("config", "--remove-section", f"merge.sahel-nb-{driver}")
    clone.must("switch", "-qc", "side")
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="side = 1"))
    clone.must("commit", "-qam", "Side")
    clone.must("switch", "-q", "main")
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="main = 1"))
    clone.must("commit", "-qam", "Main")
    assert clone.run("merge", "-q", "side").code != 0
    said = clone.run("add", f"{name}.ipynb")
    assert said.code != 0
    assert f"sahel-nb pair --from mirror {name}.ipynb" in said.err
    resolved = [
        line
        for line in clone.disk(f"{name}.py").splitlines(keepends=True)
        if not line.startswith((b"<<<<<<< ", b"=======", b">>>>>>> "))
    ]
    clone.git.write(f"{name}.py", b"".join(resolved))
    done = sahel_nb(clone, "pair", "--from", "mirror", f"{name}.ipynb")
    assert done.code == 0, done
    clone.must("add", "-u")
    clone.must("commit", "-qm", "Merged")
    assert_in_step(clone, name)
    assert any("main = 1\nside = 1" in source for source in sources_of(clone.committed(f"{name}.ipynb")))
