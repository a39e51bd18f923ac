"""The drivers as git has them: metadata by key, what is not theirs left to git, mirrors known as they come and go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sahel_nb.config import Config
from sahel_nb.install.doctor import examine
from sahel_nb.install.install import install, uninstall
from sahel_nb.notebook.pair import mirror_of
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent, Verdict
from tests.integration.commit.story import Clone, sahel_nb, set_up, sources_of
from tests.integration.commit.two_sides import NB, OURS_OR_THEIRS, PY, pair, two_branches, with_pair
from tests.support.git import Git


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


def test_an_id_that_both_sides_changed_stays_ours_and_is_a_conflict(tmp_path: Path) -> None:
    clone = with_pair(tmp_path / "r")
    path = "nb/kernel-metadata.json"
    ours, theirs = metadata(id="team/fula-model"), metadata(id="her/fula-model", enable_gpu=True)
    both_sides(clone, path, metadata(), ours, theirs)
    said = clone.run("merge", "-m", "Merged", "other")
    assert said.code == 1
    assert 'id is permanent: it stays "team/fula-model", theirs was "her/fula-model"' in said.err
    assert clone.disk(path).decode() == metadata(id="team/fula-model", enable_gpu=True)
    clone.must("add", ".")
    assert "SNB302" in clone.run("commit", "-q", "--no-edit").err  # main's id stands against theirs: a person decides
    assert clone.run("commit", "-q", "--no-edit", SAHEL_NB_ALLOW_ID_CHANGE="1").code == 0
    assert json.loads(clone.committed(path))["id"] == "team/fula-model"


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


@pytest.mark.parametrize("formats", ["nb///ipynb,scripts///py:percent", "ipynb,md:myst"])
def test_mirrors_that_lie_or_look_otherwise_are_merged_as_their_notebooks(tmp_path: Path, formats: str) -> None:
    clone = set_up(tmp_path / "r", install_it=False)
    clone.git.write("jupytext.toml", f'formats = "{formats}"\n')
    clone.git.write("nb/a.ipynb", pair("import os", "a = 1"))
    said = sahel_nb(clone, "install")
    assert said.code == 0, said
    clone.must("add", ".")
    clone.must("commit", "-qm", "A pair")
    (mirror,) = (name for name in clone.git("ls-files").split() if name in ("scripts/a.py", "nb/a.md"))
    assert registered(clone) == [f"/{mirror} merge=sahel-nb-mirror"]
    assert "    ok  merge" in sahel_nb(clone, "doctor", "--offline").out
    for branch, other in (("other", "theirs()"), ("main", "ours()")):
        clone.must("switch", "-q", *(["-c"] if branch == "other" else []), branch)
        clone.git.write("nb/a.ipynb", pair("import os", other, "a = 1"))
        clone.must("commit", "-qam", branch)
    clone.must("merge", "-q", "-m", "Merged", "other")
    assert sources_of(clone.committed("nb/a.ipynb")) == ["import os", "ours()", "theirs()", "a = 1"]
    assert clone.committed(mirror).count(b"s()") == 2
    assert sahel_nb(clone, "pair", "--check").code == 0
