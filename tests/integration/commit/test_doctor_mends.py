"""Doctor, on one thing broken at a time: what it says of it, and that --fix leaves a clone with nothing to say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sahel_nb.config import Config
from sahel_nb.install.doctor import examine
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Verdict
from tests.integration.commit.story import Clone, Said, executed, sahel_nb, set_up
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return set_up(tmp_path / "lab ŋ")


def rows(clone: Clone, *args: str) -> dict[str, tuple[str, str, str]]:
    said = sahel_nb(clone, "doctor", "--offline", "--json", *args)
    found = json.loads(said.out)
    assert found["schema"] == "sahel-nb.doctor/1"
    return {one["name"]: (one["verdict"], one["found"], one["mend"]) for one in found["checks"]}


def config(*words: str) -> Callable[[Clone], object]:
    return lambda clone: clone.git("config", *words)


def moved(clone: Clone) -> object:
    python = clone.git("config", "filter.sahel-nb.process").split(" ")[0]
    return clone.git("config", "filter.sahel-nb.process", f"{python} -I -S '/gone ŋ/launch.py' filter")


@pytest.mark.parametrize(
    ("spoil", "name", "word"),
    [
        (config("--remove-section", "filter.sahel-nb"), "filter", "outputs would be committed"),
        (config("filter.sahel-nb.required", "false"), "filter", "not required"),
        (moved, "filter", "/gone ŋ/launch.py is gone"),
        (lambda clone: (clone.root / ".git/hooks/pre-push").unlink(), "hooks", "pre-push"),
    ],
)
def test_what_would_let_outputs_into_git_fails_and_is_mended(
    clone: Clone, spoil: Callable[[Clone], object], name: str, word: str
) -> None:
    spoil(clone)
    verdict, found, mend = rows(clone)[name]
    assert (verdict, mend) == ("failed", "sahel-nb install")
    assert word in found
    clone.git.write("a.ipynb", executed(simple("x = 1")))
    assert rows(clone, "--fix")[name][0] == "ok"


def test_a_filter_that_has_moved_is_set_anew_while_notebooks_are_modified(clone: Clone) -> None:
    clone.git.write("a.ipynb", simple("x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "One")
    clone.git.write("a.ipynb", executed(simple("x = 1")))
    moved(clone)
    assert clone.run("add", ".").code != 0
    found = rows(clone, "--fix")
    assert (found["filter"][0], found["phantoms"][0]) == ("ok", "ok")
    assert clone.status() == ""


def test_settings_that_cannot_be_read_are_a_row_and_the_others_are_there(clone: Clone) -> None:
    clone.git.write("sahel-nb.toml", "[lock\n")
    clone.git("config", "--unset", "filter.sahel-nb.process")
    found = rows(clone, "--fix")
    assert found["settings"][0] == "failed"
    assert found["settings"][2] == "${EDITOR:-vi} sahel-nb.toml"
    assert found["filter"][0] == "failed", "nothing is set up by settings that nobody can read"
    said: Said = sahel_nb(clone, "doctor", "--offline")
    assert said.code == 3
    assert "FAIL  settings" in said.out
    assert "$ ${EDITOR:-vi} sahel-nb.toml" in said.err


def test_what_init_wrote_and_nobody_committed_is_named(clone: Clone) -> None:
    assert rows(clone)["settings"][0] == "ok"
    clone.must("rm", "--quiet", "--cached", ".gitattributes")
    verdict, found, mend = rows(clone)["settings"]
    assert (verdict, mend) == ("warning", 'git add .gitattributes && git commit -m "Set up sahel-nb"')
    assert ".gitattributes is not in git" in found


def test_a_filter_that_has_kept_its_old_name_and_is_ours_is_fine(clone: Clone) -> None:
    """docs/how-to/from-nbstripout.md: the attributes stay as the others of the team have them."""
    clone.git.write(".gitattributes", "*.ipynb filter=nbstripout\n")
    assert rows(clone)["attributes"][0] == "failed"
    clone.git("config", "filter.nbstripout.process", clone.git("config", "filter.sahel-nb.process"))
    found = rows(clone)
    assert found["attributes"] == ("ok", "*.ipynb filter=nbstripout, which is sahel-nb in this clone", "")
    assert found["nbstripout"][0] == "ok"


def test_why_the_lock_remote_does_not_answer_is_gits_reason(clone: Clone, tmp_path: Path) -> None:
    clone.git("remote", "add", "origin", str(tmp_path / "gone.git"))
    said = json.loads(sahel_nb(clone, "doctor", "--json").out)
    (row,) = (one for one in said["checks"] if one["name"] == "lock remote")
    assert (row["verdict"], row["mend"]) == ("failed", "git ls-remote origin")
    assert row["found"].startswith("origin: ")
    assert "gone.git' does not appear to be a git repository" in row["found"]


@pytest.mark.parametrize("content", ["{", "[]", '{"username": "awa"}', '{"username": "awa", "key": ""}'])
def test_a_key_that_was_cut_is_no_credential(clone: Clone, tmp_path: Path, content: str) -> None:
    key = tmp_path / "kaggle.json"
    key.write_text(content)
    key.chmod(0o600)
    worktree = Worktree.discover(clone.root)
    checks = examine(worktree, Config(), {"KAGGLE_CONFIG_DIR": str(tmp_path)}, offline=True)
    (row,) = (one for one in checks if one.name == "credentials")
    assert (row.verdict, row.mend) == (Verdict.FAILED, "kaggle auth login")
    key.write_text('{"username": "awa", "key": "0123"}')
    checks = examine(worktree, Config(), {"KAGGLE_CONFIG_DIR": str(tmp_path)}, offline=True)
    assert [one.verdict for one in checks if one.name == "credentials"] == [Verdict.OK]


def test_a_notebook_that_was_cut_is_named_with_a_way_on(clone: Clone) -> None:
    """git itself fails then: whatever compares the worktree with a commit runs the filter."""
    clone.git.write("it's ŋ.ipynb", simple("x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "One")
    clone.git.write("it's ŋ.ipynb", b'{"cells": [{"cell_type": "co')
    verdict, found, mend = rows(clone)["phantoms"]
    assert verdict == "failed"
    assert found == "it's ŋ.ipynb: the notebook is not valid JSON: Unterminated string starting at line 1, column 26"
    said = sahel_nb(clone, "doctor", "--offline", "--fix")
    assert said.code == 3, said
    assert found in said.out
    assert f"$ {mend}" in said.err
    subprocess.run(["sh", "-c", mend], cwd=clone.root, check=True)
    assert rows(clone)["phantoms"][0] == "ok"
    assert clone.status() == '?? "it\'s \\305\\213.ipynb.broken"'


def test_the_rows_are_the_product(clone: Clone) -> None:
    said = sahel_nb(clone, "doctor", "--offline")
    assert "ok  filter" in said.out
    assert "ok  filter" not in said.err
