"""What README and tutorial tell their readers to type does what they show, with the exit codes that they name."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminals import Block, Desk, Step, blocks, not_shown

from support.git import run_git
from support.service import Service

ROOT = Path(__file__).resolve().parents[2]
README, TUTORIAL = ROOT / "README.md", ROOT / "docs/tutorial.md"


def test_the_tutorial_from_an_empty_home(tmp_path: Path) -> None:
    with Desk(tmp_path / "home", tmp_path) as desk:
        assert desk.follow(TUTORIAL.read_text(encoding="utf-8")) == []


def test_the_readme_in_a_repository_that_a_team_shares(tmp_path: Path) -> None:
    remote, clone = tmp_path / "remote.git", tmp_path / "clone"
    run_git("init", "-q", "--bare", "-b", "main", str(remote), cwd=tmp_path)
    run_git("clone", "-q", str(remote), str(clone), cwd=tmp_path)
    for key, value in (("user.name", "Awa Diop"), ("user.email", "awa@lab.example")):
        run_git("config", key, value, cwd=clone)
    run_git("commit", "-q", "--allow-empty", "-m", "Begin", cwd=clone)
    run_git("push", "-q", "-u", "origin", "HEAD", cwd=clone)
    with Service(tmp_path / "service", users=("awa-diop",)) as kaggle:
        account = {
            "SAHEL_NB_KAGGLE": kaggle.url,
            "KAGGLE_USERNAME": "awa-diop",
            "KAGGLE_KEY": kaggle.key("awa-diop"),
        }
        with Desk(tmp_path / "home", clone, account) as desk:
            assert desk.follow(README.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("document", [README, TUTORIAL], ids=lambda path: path.stem)
def test_whatever_can_be_typed_is_run_or_says_why_it_is_not(document: Path) -> None:
    typed = [block for block in blocks(document.read_text(encoding="utf-8")) if block.kind in ("console", "sh")]
    assert typed
    assert [block.line for block in typed if not (block.terminal or block.note.startswith("not run: "))] == []
    assert [block.line for block in typed if block.terminal and block.kind != "console"] == []


def test_a_block_is_read_as_it_is_typed() -> None:
    text = "x\n<!-- terminal: awa, ends with 3 -->\n```console\n$ one \\\n> two\nsaid\n$ three\n```\n"
    assert blocks(text) == [Block(3, "console", "terminal: awa, ends with 3", "$ one \\\n> two\nsaid\n$ three\n")]
    assert blocks(text)[0].steps() == [Step("one \\\ntwo", ("said",), 0), Step("three", (), 3)]


def test_a_line_that_does_not_come_is_noticed(tmp_path: Path) -> None:
    with Desk(tmp_path / "home", tmp_path) as desk:
        for body, wrong in (
            ("$ echo a; echo b\na\nb", ""),
            ("$ echo a; echo b\nb\na", "never said: a"),
            ("$ false", "ended with 1, not 0"),
            ("$ cd ..; pwd\n…/…\n$ export X=ŋ\n$ echo $X\nŋ", ""),
        ):
            found = desk.follow(f"<!-- terminal: awa -->\n```console\n{body}\n```\n")
            assert ([*found, ""][0] == "") == (wrong == ""), found
            assert wrong in "".join(found)


def test_what_changes_from_run_to_run_is_compared_by_kind() -> None:
    said = "abcdef0 is origin/main, on 2031-01-02 at http://127.0.0.1:9"
    assert not_shown(("1234567 is …, on 2026-11-21 at http://127.0.0.1:45133",), said) == ""
    assert not_shown(("facade is …",), said) == "facade is …"
