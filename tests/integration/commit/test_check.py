"""Proves `sahel-nb check`: what a push would refuse is found in any range or tree, and nothing else is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sahel_nb.hooks.check import Checked, check_default, check_range, check_tree
from sahel_nb.notebook.pair import mirror_of
from sahel_nb.notebook.strip import strip
from sahel_nb.repo.worktree import Worktree
from tests.integration.commit.pushing import TOKEN, clone_to_push_from, commit, meta
from tests.integration.commit.story import Clone, Said, sahel_nb
from tests.support.git import Git
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = clone_to_push_from(tmp_path)
    made.must("push", "-qu", "origin", "main")
    return made


def pair(name: str, notebook: bytes) -> dict[str, str | bytes | None]:
    return {f"{name}.ipynb": notebook, f"{name}.py": mirror_of(strip(notebook))}


def check(clone: Clone, *args: str, code: int = 0) -> Said:
    said = sahel_nb(clone, "check", *args)
    assert said.code == code, said
    return said


def found(clone: Clone, how: str = "", what: str = "") -> Checked:
    """The same without the command line: a quarter of a second each."""
    worktree = Worktree.discover(clone.root)
    if how == "--range":
        return check_range(worktree, what)
    return check_tree(worktree, what) if how == "--tree" else check_default(worktree)


def codes(checked: Checked) -> list[tuple[str, str, str]]:
    return [(one.version, one.finding.path, one.finding.code) for one in checked.found]


def test_what_a_later_commit_takes_back_stays_in_the_range(clone: Clone) -> None:
    first = commit(clone, "Outputs", pair("ŋ a", simple("x = 1")))
    second = commit(clone, "A token", {"tool.sh": f"export HF_TOKEN={TOKEN}\n"})
    third = commit(clone, "Metadata", {"k/kernel-metadata.json": "{}\n"})
    fourth = commit(clone, "Apart", pair("ŋ a", strip(simple("x = 1"))) | {"ŋ a.py": "# %%\ny = 2\n"})
    last = commit(
        clone, "Mended", pair("ŋ a", strip(simple("x = 1"))) | {"tool.sh": None, "k/kernel-metadata.json": None}
    )
    answer = found(clone, "--range", "origin/main..HEAD")
    assert sorted({(one, code) for one, _, code in codes(answer)}) == sorted(
        [(first, "SNB103"), (second, "SNB301"), (third, "SNB401"), (fourth, "SNB303")]
    )
    assert (answer.commits, answer.tip) == (5, last)
    printed = json.loads(check(clone, "--range", "origin/main..HEAD", "--json", code=3).out)
    assert (printed["schema"], printed["commits"], printed["tip"]) == ("sahel-nb.check/1", 5, last)
    assert [(one["commit"], one["path"], one["code"]) for one in printed["findings"]] == codes(answer)
    said = check(clone, code=3)
    assert f"error  {first[:9]}:ŋ a.ipynb: SNB103" in said.out
    assert "errors in 5 commits of" in said.err
    assert "1 commit of" in check(clone, "--range", "HEAD~1..HEAD").err
    assert f"the tree of {last[:9]}: clean" in check(clone, "--tree", "HEAD").err
    assert codes(found(clone, "--tree", first)) == [(first, "ŋ a.ipynb", "SNB103")]


def test_without_options_what_the_upstream_does_not_have(clone: Clone) -> None:
    commit(clone, "Outputs", pair("a", simple("x = 1")))
    check(clone, code=3)
    clone.must("push", "-q", "--no-verify")
    assert found(clone).commits == 0
    clone.must("checkout", "-q", "--detach")  # as CI does: no upstream, and then the whole tree counts
    answer = found(clone)
    assert (answer.base, [path for _, path, _ in codes(answer)]) == ("", ["a.ipynb"])


def test_the_worktree_and_the_index_are_not_looked_at(clone: Clone) -> None:
    clone.git.write("tool.sh", TOKEN)
    clone.git.write("a.ipynb", simple("x = 1"))
    clone.must("add", ".")
    assert found(clone).found == []
    assert found(clone, "--tree", "HEAD").found == []


def test_lint_is_asked_of_the_end_and_only_of_what_changed(clone: Clone) -> None:
    magic = strip(simple("%pip install nothing", "import os\nos.system('x')"))
    commit(clone, "Old", pair("old/k", magic))
    base = clone.git.head()
    commit(clone, "A cell that cannot be parsed", pair("new/k", strip(simple("def f(:\n    pass"))))
    broken = found(clone, "--range", f"{base}..HEAD")
    assert {path for _, path, _ in codes(broken)} == {"new/k.ipynb"}
    assert codes(broken)[0][2].startswith("SNB2")
    commit(clone, "Mended", pair("new/k", strip(simple("def f(): pass"))))
    assert found(clone, "--range", f"{base}..HEAD").found == []


def test_a_kernel_without_its_code_is_found_where_it_changed(clone: Clone) -> None:
    notebook = pair("nb/k", strip(simple("x = 1")))
    commit(clone, "A kernel", {"nb/kernel-metadata.json": meta("fula-model")} | notebook)
    base = clone.git.head()
    assert found(clone).found == []
    commit(clone, "Code gone", dict.fromkeys(notebook))
    (one,) = found(clone, "--range", f"{base}..HEAD").found
    assert (one.finding.path, one.finding.blocks) == ("nb/kernel-metadata.json", True)
    assert "k.ipynb" in one.finding.message


def test_rules_of_the_repository_hold_and_files_opt_out(clone: Clone) -> None:
    commit(clone, "Outputs", pair("a", simple("x = 1")))
    commit(clone, "Meant", {".gitattributes": clone.disk(".gitattributes") + b"a.ipynb -filter\n"})
    assert found(clone, "--tree", "HEAD").found == []
    commit(clone, "Rules", {"sahel-nb.toml": '[lint]\ndisable = ["SNB103"]\n'})
    commit(clone, "More outputs", pair("b", simple("x = 1")))
    assert found(clone, "--range", "HEAD~1..HEAD").found == []


def test_what_cannot_be_meant(clone: Clone) -> None:
    for arguments, said in (
        (["--range", "HEAD"], "is not a range of the form A..B"),
        (["--range", "main...HEAD"], "is not a range of the form A..B"),
        (["--range", "nowhere..HEAD"], "`nowhere` names no commit here"),
        (["--range", "HEAD..--all"], "`--all` names no commit here"),
        (["--tree", "nowhere"], "`nowhere` names no commit here"),
        (["--tree", "HEAD", "--range", "HEAD..HEAD"], "exclude each other"),
    ):
        assert said in check(clone, *arguments, code=2).err


def test_before_the_first_commit(tmp_path: Path) -> None:
    said = check(Clone(Git.init(tmp_path / "empty")), code=2)
    assert "there is no commit yet" in said.err


def test_a_shallow_clone_checks_what_it_has_and_says_what_it_has_not(clone: Clone, tmp_path: Path) -> None:
    commit(clone, "A token", {"tool.sh": TOKEN})
    commit(clone, "Taken back", {"tool.sh": None})
    last = commit(clone, "More", {"a.txt": "a\n"})
    clone.must("push", "-q", "--no-verify")
    shallow = Clone(Git(tmp_path / "shallow"))
    clone.git("clone", "-q", "--depth", "2", f"file://{tmp_path}/origin.git", str(shallow.root))
    assert found(shallow, "--range", "HEAD~1..HEAD").commits == 1
    said = check(shallow, "--range", "HEAD~3..HEAD", code=2)
    assert "has only a part of the history" in said.err
    assert "fetch-depth: 0" in said.err
    assert "$ git fetch --unshallow" in said.err
    assert found(shallow, "--tree", last).found == []
    # History is cut off between two commits that are here: what lies in between cannot be answered for.
    shallow.git("fetch", "-q", "--depth", "1", "origin", f"{clone.git('rev-parse', 'HEAD~3')}:refs/heads/base")
    assert "is cut off in between" in check(shallow, "--range", "base..HEAD", code=2).err
    shallow.must("fetch", "-q", "--unshallow")
    assert [code for _, _, code in codes(found(shallow, "--range", "base..HEAD"))] == ["SNB301"]
