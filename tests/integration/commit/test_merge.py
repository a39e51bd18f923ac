"""Two people on one notebook: every way in which git brings their work together ends in one consistent pair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from sahel_nb.config import Config
from sahel_nb.install.doctor import examine
from sahel_nb.install.install import install, uninstall
from sahel_nb.notebook.merge_lines import has_markers
from sahel_nb.notebook.pair import in_step, mirror_of
from sahel_nb.notebook.strip import is_stripped
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent, Verdict
from tests.integration.commit.story import Clone, executed, set_up, sources_of
from tests.support.git import Git, Origin
from tests.unit.notebook.edits import cell, notebook

NB, PY = "nb/fula ŋ.ipynb", "nb/fula ŋ.py"
CELLS = ("import os", "a = 1\nb = 2\nc = 3", "print(a)", "print(b)")


def pair(*sources: str) -> bytes:
    return notebook([cell("code", source.split("\n")) for source in sources])


def with_pair(root: Path) -> Clone:
    clone = set_up(root)
    clone.git.write(NB, pair(*CELLS))
    clone.must("add", ".")
    clone.must("commit", "-qm", "A pair")
    return clone


def edit(clone: Clone, message: str, *sources: str, **sources_by_cell: str) -> None:
    """Edit the notebook as Jupyter does, run it, and commit; the mirror follows."""
    data = pair(*sources) if sources else clone.disk(NB)
    clone.git.write(NB, executed(data, **sources_by_cell))
    clone.must("commit", "-qam", message)


def two_branches(clone: Clone, ours: dict[str, str], theirs: dict[str, str]) -> None:
    """`feature` and `main` each have one commit more than what they share; main is checked out."""
    clone.must("switch", "-qc", "feature")
    edit(clone, "Theirs", **theirs)
    clone.must("switch", "-q", "main")
    edit(clone, "Ours", **ours)


def settled(clone: Clone, *expected: str) -> None:
    """Nothing is left to do: the pair in HEAD and on disk says this, in both halves, and nothing shows as changed."""
    assert clone.status() == ""
    assert sources_of(clone.committed(NB)) == list(expected)
    assert sources_of(clone.disk(NB)) == list(expected)
    for commit in clone.git("rev-list", "HEAD", "--", NB).split("\n"):
        whole = clone.committed(NB, commit)
        assert is_stripped(whole)
        assert in_step(whole, clone.committed(PY, commit))
    opens(clone.disk(NB))


def opens(data: bytes) -> None:
    read: Any = nbformat.reads(data.decode(), as_version=4)
    nbformat.validate(read)


MINE = {"cell_0": "import os, sys", "cell_1": "a = 10\nb = 2\nc = 3"}
THEIRS = {"cell_1": "a = 1\nb = 2\nc = 30", "cell_3": "print(b, c)"}
BOTH = ("import os, sys", "a = 10\nb = 2\nc = 30", "print(a)", "print(b, c)")


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(["merge -q feature"], id="merge"),
        pytest.param(["rebase -q feature"], id="rebase"),
        pytest.param(["switch -q feature", "rebase -q main", "switch -q main", "merge -q feature"], id="onto"),
        pytest.param(["cherry-pick feature"], id="cherry-pick"),
        pytest.param(["merge -q --squash feature", "commit -qm Squashed"], id="squash"),
        pytest.param(["merge -q --no-commit feature", "commit -qm Merged"], id="no-commit"),
        pytest.param([*("checkout -q --detach", "reset -q --soft HEAD~1", "stash", "reset -q --hard feature"),
                      *("stash pop", "commit -qam Popped")], id="stash pop"),
    ],
)  # fmt: skip
def test_both_halves_changed_on_both_sides(tmp_path: Path, steps: list[str]) -> None:
    clone = with_pair(tmp_path / "r")
    two_branches(clone, MINE, THEIRS)
    for step in steps:
        clone.must(*step.split(" "))
    settled(clone, *BOTH)


def test_revert_of_an_older_commit(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    edit(clone, "One", **MINE)
    edit(clone, "Two", **THEIRS | {"cell_1": BOTH[1]})
    clone.must("revert", "--no-edit", "HEAD~1")
    settled(clone, "import os", THEIRS["cell_1"], "print(a)", "print(b, c)")


@pytest.mark.parametrize("how", ["--no-rebase", "--rebase"])
def test_two_clones_pull(tmp_path: Path, how: str) -> None:
    origin = Origin.create(tmp_path / "origin.git")
    awa = with_pair(tmp_path / "awa")
    awa.must("remote", "add", "origin", str(origin.path))
    awa.must("push", "-qu", "origin", "main")
    boubacar = Clone(origin.clone("boubacar"))
    install(Worktree.discover(boubacar.root), Silent())
    edit(awa, "New cells", "import os", CELLS[1], "awa()", CELLS[2], CELLS[3], "awa_at_the_end()")
    awa.must("push", "-q")
    edit(boubacar, "Moved", CELLS[3], "import os", "boubacar()", CELLS[1], CELLS[2])
    boubacar.must("pull", "-q", "--no-edit", how)
    result = sources_of(boubacar.disk(NB))
    assert sorted(result) == sorted([*CELLS, "awa()", "boubacar()", "awa_at_the_end()"])
    assert result.index("boubacar()") < result.index(CELLS[1]) < result.index("awa()") < result.index(CELLS[2])
    settled(boubacar, *result)
    boubacar.must("push", "-q")
    awa.must("pull", "-q")
    settled(awa, *result)


OURS_OR_THEIRS = ({"cell_1": "a = 1\nb = 20\nc = 3", "cell_2": "print('ours')"}, {"cell_1": "a = 1\nb = 21\nc = 3"})


def in_conflict(tmp_path: Path) -> Clone:
    clone = with_pair(tmp_path / "r")
    two_branches(clone, *OURS_OR_THEIRS)
    said = clone.run("merge", "feature")
    assert said.code == 1
    assert f"sahel-nb: {NB}: cell 2: both sides changed the same lines" in said.err
    return clone


MARKED = "a = 1\n<<<<<<< HEAD\nb = 20\n=======\nb = 21\n>>>>>>> feature\nc = 3"


def test_a_conflict_shows_in_both_halves_and_the_notebook_opens(tmp_path: Path) -> None:
    clone = in_conflict(tmp_path)
    assert clone.status() == f'UU "{NB}"\nUU "{PY}"'.replace("ŋ", "\\305\\213")
    opens(clone.disk(NB))
    assert sources_of(clone.disk(NB)) == ["import os", MARKED, "print('ours')", "print(b)"]
    assert f"\n{MARKED}\n" in clone.disk(PY).decode()
    assert in_step(clone.disk(NB), clone.disk(PY))
    clone.must("add", ".")
    said = clone.run("commit", "--no-edit")
    assert said.code == 1
    assert f"{NB}: cell 2, line 2: SNB207" in said.err
    clone.must("merge", "--abort")
    settled(clone, "import os", OURS_OR_THEIRS[0]["cell_1"], "print('ours')", "print(b)")


def test_the_base_is_shown_to_those_who_want_it(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    clone.git("config", "merge.conflictStyle", "diff3")
    two_branches(clone, *OURS_OR_THEIRS)
    assert clone.run("merge", "feature").code == 1
    assert "b = 20\n||||||| base\nb = 2\n=======\nb = 21\n" in clone.disk(PY).decode()
    assert in_step(clone.disk(NB), clone.disk(PY))


RESOLVED = ("import os", "a = 1\nb = 41\nc = 3", "print('ours')", "print(b)")


def test_resolved_in_the_mirror(tmp_path: Path) -> None:
    clone = in_conflict(tmp_path)
    clone.git.write(PY, clone.disk(PY).decode().replace(MARKED, RESOLVED[1]))
    clone.must("add", ".")
    clone.must("commit", "-q", "--no-edit")
    settled(clone, *RESOLVED)


def test_resolved_in_the_notebook(tmp_path: Path) -> None:
    clone = in_conflict(tmp_path)
    clone.git.write(NB, executed(clone.disk(NB), cell_1=RESOLVED[1]))
    clone.must("add", ".")
    clone.must("commit", "-q", "--no-edit")
    settled(clone, *RESOLVED)


@pytest.mark.parametrize("ours", [True, False])
def test_resolved_by_taking_one_side_of_one_half(tmp_path: Path, ours: bool) -> None:
    clone = in_conflict(tmp_path)
    clone.must("checkout", "--ours" if ours else "--theirs", PY)
    clone.must("add", ".")
    clone.must("commit", "-q", "--no-edit")
    settled(clone, *(("import os", "a = 1\nb = 20\nc = 3", "print('ours')", "print(b)") if ours else
                     ("import os", "a = 1\nb = 21\nc = 3", "print(a)", "print(b)")))  # fmt: skip


def test_merged_back_and_forth(tmp_path: Path) -> None:
    """Two merge bases, which git merges first: with a conflict in them, whose markers are longer."""
    clone = with_pair(tmp_path / "r")
    two_branches(clone, *OURS_OR_THEIRS)
    for branch, other in (("main", "feature"), ("feature", "main~1")):
        clone.must("switch", "-q", branch)
        assert clone.run("merge", "-m", "Crossed", other).code == 1
        edit(clone, f"Crossed into {branch}", *RESOLVED[:3], f"print('{branch}')")
    clone.must("switch", "-q", "main")
    said = clone.run("merge", "feature")
    assert said.code == 1
    assert said.err.count("sahel-nb:") == 1
    opens(clone.disk(NB))
    assert in_step(clone.disk(NB), clone.disk(PY))
    marked = [has_markers(source) for source in sources_of(clone.disk(NB))]
    assert marked == [False, False, False, True]


def test_deleted_here_and_changed_there(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    clone.must("switch", "-qc", "feature")
    edit(clone, "Changed", cell_1="a = 1\nb = 2\nc = 4")
    clone.must("switch", "-q", "main")
    edit(clone, "Deleted", CELLS[0], *CELLS[2:])
    assert clone.run("merge", "feature").code == 1
    expected = "<<<<<<< HEAD\n=======\na = 1\nb = 2\nc = 4\n>>>>>>> feature"
    assert sources_of(clone.disk(NB)) == [CELLS[0], expected, *CELLS[2:]]
    assert in_step(clone.disk(NB), clone.disk(PY))


def test_a_pair_that_came_up_on_both_sides(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    name = "nb/new"
    clone.must("switch", "-qc", "feature")
    clone.git.write(f"{name}.ipynb", pair("import os", "theirs()"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "Theirs")
    clone.must("switch", "-q", "main")
    clone.git.write(f"{name}.ipynb", pair("import os", "ours()"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "Ours")
    clone.run("merge", "feature")
    opens(clone.disk(f"{name}.ipynb"))
    assert in_step(clone.disk(f"{name}.ipynb"), clone.disk(f"{name}.py"))


def metadata(**changed: Any) -> str:
    known = {
        "id": "awa/fula-model",
        "title": "Fula model",
        "code_file": "fula ŋ.ipynb",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": False,
        "enable_tpu": False,
        "enable_internet": False,
        "dataset_sources": ["awa/words"],
    }
    return json.dumps(known | changed, indent=2, ensure_ascii=False) + "\n"


def test_kernel_metadata_is_merged_by_key(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    path = "nb/kernel-metadata.json"
    sides: dict[str, dict[str, Any]] = {
        "main": {"enable_gpu": True, "machine_shape": "NvidiaTeslaT4", "dataset_sources": ["awa/words", "awa/ours"]},
        "feature": {"enable_internet": True, "dataset_sources": ["awa/words", "awa/theirs"]},
    }
    clone.git.write(path, metadata())
    clone.must("add", ".")
    clone.must("commit", "-qm", "Metadata")
    clone.must("branch", "feature")
    for branch, changed in sides.items():
        clone.must("switch", "-q", branch)
        clone.git.write(path, metadata(**changed))
        clone.must("commit", "-qam", f"On {branch}")
    clone.must("switch", "-q", "main")
    clone.must("merge", "-q", "-m", "Merged", "feature")
    expected = sides["main"] | sides["feature"] | {"dataset_sources": ["awa/words", "awa/ours", "awa/theirs"]}
    assert json.loads(clone.disk(path)) == json.loads(metadata(**expected))
    assert clone.disk(path).decode() == metadata(**sides["main"] | expected)


def both_sides(clone: Clone, path: str, base: str, ours: str, theirs: str) -> None:
    clone.git.write(path, base)
    clone.must("add", ".")
    clone.must("commit", "-qm", "Base", "--no-verify")
    clone.must("switch", "-qc", "other")
    clone.git.write(path, theirs)
    clone.must("commit", "-qam", "Theirs", "--no-verify")
    clone.must("switch", "-q", "main")
    clone.git.write(path, ours)
    clone.must("commit", "-qam", "Ours", "--no-verify")


MODULE = ("x = 1\ny = 2\n", "x = 10\ny = 2\n", "x = 11\ny = 2\n")


def test_an_ordinary_module_is_merged_by_git_itself(tmp_path: Path) -> None:
    clone, plain = with_pair(tmp_path / "r"), Clone(Git.init(tmp_path / "plain"))
    for one in (clone, plain):
        both_sides(one, "src/module.py", *MODULE)
        assert one.run("merge", "other").code == 1
    assert clone.disk("src/module.py") == plain.disk("src/module.py")
    assert clone.git("check-attr", "merge", "--", "src/module.py", "nb/module.py").count(": unspecified") == 2
    clone.must("merge", "--abort")
    clone.must("merge", "-q", "-X", "theirs", "-m", "Merged", "other")
    assert clone.disk("src/module.py").decode() == MODULE[2]


def test_a_module_that_bears_a_notebooks_name_is_merged_as_text(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    clone.git.write("nb/tool.ipynb", pair("x"))
    both_sides(clone, "nb/tool.py", *MODULE)
    install(Worktree.discover(clone.root), Silent())
    assert "sahel-nb-mirror" in clone.git("check-attr", "merge", "--", "nb/tool.py")
    said = clone.run("merge", "other")
    assert said.code == 1
    assert said.err == ""
    assert clone.disk("nb/tool.py").decode() == "<<<<<<< ours\nx = 10\n=======\nx = 11\n>>>>>>> theirs\ny = 2\n"


@pytest.mark.parametrize("runner", ["/nowhere/python", "kill -9 $$;", "exit 3;"])
def test_a_driver_that_cannot_run_leaves_the_merge_to_git(tmp_path: Path, runner: str) -> None:
    clone = with_pair(tmp_path / "r")
    two_branches(clone, *OURS_OR_THEIRS)
    for name in ("notebook", "mirror"):
        key = f"merge.sahel-nb-{name}.driver"
        told = clone.git("config", key)
        start = told.index(f"merge {name}")
        # A command of its own, so that what ends is the driver and not the line that calls it.
        clone.git("config", key, f"sh -c '{runner}' {told[start:]}")
    assert clone.run("merge", "feature").code == 1
    assert b"<<<<<<< ours\nb = 20\n=======\nb = 21\n>>>>>>> theirs\n" in clone.disk(PY)
    assert b"<<<<<<<" in clone.disk(NB)
    assert b"b = 20" in clone.disk(NB)
    assert b"b = 21" in clone.disk(NB)


def test_what_is_no_notebook_is_merged_as_text(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    (clone.root / ".gitattributes").open("a").write("raw/* -filter\n")
    both_sides(
        clone,
        "raw/a.ipynb",
        '{\n"a": 1,\n"b":\n1,\n"c": 1\n',
        '{\n"a": 2,\n"b":\n1,\n"c": 1\n',
        '{\n"a": 1,\n"b":\n1,\n"c": 3\n',
    )
    said = clone.run("merge", "-m", "Merged", "other")
    assert said.code == 0, said
    assert "not valid JSON" in said.err
    assert clone.disk("raw/a.ipynb") == b'{\n"a": 2,\n"b":\n1,\n"c": 3\n'


def test_a_colleague_without_sahel_nb_gets_gits_merge(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    two_branches(clone, MINE, {"cell_3": "print(b, c)"})
    plain = Git(tmp_path / "plain")
    clone.git("clone", "-q", str(clone.root), str(plain.root))
    plain.become("Colleague")
    plain("merge", "-q", "-m", "Merged", "origin/feature")
    assert sources_of((plain.root / NB).read_bytes()) == [*BOTH[:1], MINE["cell_1"], "print(a)", "print(b, c)"]


def registered(clone: Clone) -> list[str]:
    path = clone.root / ".git" / "info" / "attributes"
    return [line for line in path.read_text().splitlines() if "sahel-nb-mirror" in line] if path.exists() else []


def test_new_mirrors_are_known_from_when_they_come(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    assert registered(clone) == ['"/nb/fula ŋ.py" merge=sahel-nb-mirror']
    clone.must("switch", "-qc", "feature")
    clone.git.write("b.ipynb", pair("x"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "Another")
    assert registered(clone)[1:] == ["/b.py merge=sahel-nb-mirror"]
    other = Clone(Git(tmp_path / "other"))
    clone.git("clone", "-q", "-b", "main", str(clone.root), str(other.root))
    install(Worktree.discover(other.root), Silent())
    assert len(registered(other)) == 1
    other.must("merge", "-q", "origin/feature")
    assert len(registered(other)) == 2


def test_uninstall_takes_the_drivers_out_and_leaves_what_is_not_ours(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    attributes = clone.root / ".git" / "info" / "attributes"
    attributes.write_bytes(b"*.png -text\n" + attributes.read_bytes() + b"*.csv -diff")
    worktree = Worktree.discover(clone.root)
    install(worktree, Silent())
    (row,) = (check for check in examine(worktree, Config(), {}, offline=True) if check.name == "merge")
    assert row.verdict is Verdict.OK
    uninstall(worktree, Silent())
    assert attributes.read_bytes() == b"*.png -text\n*.csv -diff"
    assert clone.git("config", "--get-regexp", r"^merge\.", check=False) == ""
    (row,) = (check for check in examine(worktree, Config(), {}, offline=True) if check.name == "merge")
    assert (row.verdict, row.mend) == (Verdict.WARNING, "sahel-nb install")
    clone.git.write("c.ipynb", pair("x"))
    clone.git.write("c.py", mirror_of(pair("x")))
    clone.must("add", "c.py", "c.ipynb")
    install(worktree, Silent())
    assert "/c.py merge=sahel-nb-mirror" in registered(clone)
