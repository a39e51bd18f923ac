"""Of `sahel-nb strip` and nbstripout: settings, options, whether it is installed, and the words that are said."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.git import Git
from tests.integration.commit.side_by_side import Programs
from tests.integration.commit.strip_world import RICH, left, world


def test_keys_from_git(programs: Programs, tmp_path: Path) -> None:
    home = Git.init(tmp_path / "w")
    (tmp_path / "settings").mkdir()
    for scope, key, value in (
        ("--global", "extrakeys", "metadata.kernelspec"),
        ("--local", "extrakeys", "metadata.ignored"),
        ("--local", "keepmetadatakeys", "metadata.widgets cell.metadata.hidden"),
    ):
        home("config", scope, f"filter.nbstripout.{key}", value)
    home("config", "--add", "filter.nbstripout.extrakeys", "metadata.kaggle nonsense")
    shutil.copytree(home.root / ".git", tmp_path / "git")
    for options in ([], ["--global"], ["--system"], ["--extra-keys", "cell.metadata.vscode"], ["-t", "rich.ipynb"]):
        outcomes = []
        for program in ("nbstripout", "sahel-nb"):
            root = world(tmp_path / "w")
            shutil.copytree(tmp_path / "git", root / ".git")
            found, ended = left(programs, program, options, root, RICH)
            outcomes.append((found, ended.err))
        (theirs, their_words), (ours, our_words) = outcomes
        assert ours == theirs
        assert our_words == their_words
    assert b"kaggle" not in ours.out
    assert b"kernelspec" in ours.out
    assert b"widgets" in ours.out


def test_every_option_of_nbstripout_is_known() -> None:
    helps = [
        subprocess.run([sys.executable, "-m", *module], capture_output=True, check=True, text=True).stdout
        for module in (("nbstripout", "--help"), ("sahel_nb.cli.main", "strip", "--help"))
    ]
    theirs = re.search(r"^options:\n(.*?)\n\n", helps[0], re.MULTILINE | re.DOTALL) or re.search(
        r"^optional arguments:\n(.*?)\n\n", helps[0], re.MULTILINE | re.DOTALL
    )
    assert theirs
    pattern = r"(?<![\w-])--?[a-z][a-z-]*"
    wanted = {
        option for line in theirs[1].splitlines() if line.startswith("  -") for option in re.findall(pattern, line)
    }
    assert len(wanted) > 25
    assert wanted <= set(re.findall(pattern, helps[1]))


@pytest.mark.parametrize("option", ["--install", "--uninstall"])
def test_setting_up_is_a_command_of_its_own(programs: Programs, tmp_path: Path, option: str) -> None:
    ended = programs.run("sahel-nb", ["strip", option], tmp_path)
    assert ended.code == 2
    assert re.search(r"\$ sahel-nb (init|uninstall)", ended.err)
    assert list(tmp_path.iterdir()) == []


def test_whether_it_is_set_up_is_told(programs: Programs, tmp_path: Path) -> None:
    """The same exit codes as `nbstripout`'s, each of its own filter."""
    git = Git.init(tmp_path / "w")

    def told(program: str, *argv: str) -> tuple[int, bool]:
        ended = programs.run(program, argv, git.root)
        return ended.code, bool(ended.out)

    def both(*argv: str) -> tuple[int, bool]:
        ours, theirs = told("sahel-nb", "strip", *argv), told("nbstripout", *argv)
        assert ours == theirs
        return ours

    assert both("--is-installed") == (1, False)
    assert both("--status") == (1, True)
    assert programs.run("nbstripout", ["--install"], git.root).code == 0
    assert told("sahel-nb", "strip", "--is-installed") == (1, False)
    assert programs.run("nbstripout", ["--uninstall"], git.root).code == 0
    assert programs.run("sahel-nb", ["init"], git.root).code == 0
    assert told("sahel-nb", "strip", "--is-installed") == (1, False)
    assert programs.run("sahel-nb", ["install"], git.root).code == 0
    assert told("sahel-nb", "strip", "--is-installed") == (0, False)
    ended = programs.run("sahel-nb", ["strip", "--status"], git.root)
    assert ended.code == 0
    assert f"sahel-nb is installed in repository '{git.root}'" in ended.out.decode()
    assert re.search(r"^  clean = .* clean %f$", ended.out.decode(), re.MULTILINE)
    assert "filter: sahel-nb" in ended.out.decode()
    assert both("--is-installed", "--global") == (1, False)
    shutil.rmtree(git.root / ".git")
    assert both("--is-installed") == (1, False)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["half.ipynb"], "No valid notebook detected in 'half.ipynb'"),
        (["-t", "bom.ipynb"], "No valid notebook detected in 'bom.ipynb'"),
        (["--dry-run"], "No valid notebook detected on stdin"),
        (["contradicts.ipynb"], "cell metadata contradicts tags: `keep_output` is false, but `keep_output` in tags"),
        (["--extra-keys", "nonsense a.b", "a.ipynb"], "Ignoring invalid extra key `nonsense`"),
    ],
)
def test_the_words_that_a_script_may_look_for(programs: Programs, tmp_path: Path, argv: list[str], said: str) -> None:
    for program in ("nbstripout", "sahel-nb"):
        _, ended = left(programs, program, argv, world(tmp_path / "w"), RICH[:-9])
        assert said in ended.err
