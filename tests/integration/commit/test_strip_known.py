"""Proves that many notebooks are passed without a look only where the index has just those that were seen stripped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.notebook.strip import strip
from tests.integration.commit.story import executed
from tests.support.git import Git
from tests.unit.notebook.shapes import simple

ROOT = Path(__file__).resolve().parents[3]
NAMES = [f"nb/ŋ {number}.ipynb" for number in range(45)]
KNOWN = ".git/sahel-nb/stripped"


class Hook:
    """`sahel-nb-hook` in an environment whose Python says that it was started."""

    def __init__(self, folder: Path, git: Git, package: Path = ROOT / "sahel_nb") -> None:
        self.git = git
        self._started = folder / "started"
        site_packages = folder / "lib" / "python3.x" / "site-packages"
        site_packages.mkdir(parents=True)
        (site_packages / "sahel_nb").symlink_to(package)
        (folder / "bin").mkdir()
        (folder / "pyvenv.cfg").touch()
        self._script = folder / "bin" / "sahel-nb-hook"
        python = folder / "bin" / "python"
        shutil.copy(ROOT / "bin" / "sahel-nb-hook", self._script)
        python.write_text(f'#!/bin/sh\n: >"{self._started}"\nexec "{sys.executable}" "$@"\n')
        for script in (self._script, python):
            script.chmod(0o755)

    def strip(self, *names: str, cwd: Path | None = None, **env: str) -> tuple[int, bool]:
        """The exit code, and whether Python was asked."""
        self._started.unlink(missing_ok=True)
        command = (str(self._script), "strip", *(names or NAMES))
        done = subprocess.run(command, cwd=cwd or self.git.root, env={**os.environ, **env}, timeout=60, check=False)
        return done.returncode, self._started.exists()

    @property
    def known(self) -> Path:
        return self.git.root / KNOWN


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    """Notebooks that are committed and stripped, and were looked at once."""
    git = Git.init(tmp_path / "o ŋ")
    for number, name in enumerate(NAMES):
        git.write(name, strip(simple("import os", f"x = {number}  # ɓ")))
    git.commit(*NAMES)
    made = Hook(tmp_path / "un env", git)
    assert made.strip() == (0, True)
    assert made.strip() == (0, False)
    return made


def test_the_order_and_what_else_is_named_do_not_matter(hook: Hook) -> None:
    assert hook.strip(*reversed(NAMES)) == (0, False)
    assert hook.strip(*NAMES, "nb/none.ipynb") == (2, True)
    assert hook.strip(*NAMES, "--help") == (2, True)
    hook.git.write("nb/new.ipynb", executed(simple("x = 1")))  # git does not know it
    assert hook.strip(*NAMES, "nb/new.ipynb") == (1, True)
    assert hook.strip(*NAMES, "nb/new.ipynb") == (0, True)
    assert hook.strip(*NAMES[:42]) == (0, True)


def test_what_is_staged_is_looked_at(hook: Hook) -> None:
    hook.git.write(NAMES[3], executed(simple("x = 1")))
    hook.git("add", NAMES[3])
    assert hook.strip() == (1, True)
    assert hook.strip() == (0, True)  # on disk: the index has the outputs yet
    assert hook.strip() == (0, True)
    hook.git("add", NAMES[3])
    assert hook.strip() == (0, True)
    assert hook.strip() == (0, False)


def test_one_more_notebook(hook: Hook) -> None:
    for content, code in ((strip(simple("y = 1")), 0), (executed(simple("y = 2")), 1)):
        hook.git.write("nb/more.ipynb", content)
        hook.git("add", "nb/more.ipynb")
        assert hook.strip(*NAMES, "nb/more.ipynb") == (code, True)
    hook.git("add", "nb/more.ipynb")
    assert hook.strip(*NAMES, "nb/more.ipynb") == (0, True)
    assert hook.strip(*NAMES, "nb/more.ipynb") == (0, False)


def test_outputs_that_are_on_disk_alone_are_left_there(hook: Hook) -> None:
    whole = executed(strip(simple("import os", "x = 7  # ɓ")))
    hook.git.write(NAMES[7], whole)
    assert hook.strip() == (0, False)
    hook.known.unlink()
    assert hook.strip() == (0, True)
    assert hook.strip() == (0, False)
    assert (hook.git.root / NAMES[7]).read_bytes() == whole


def test_an_index_that_holds_outputs_is_not_known_however_the_disk_looks(hook: Hook) -> None:
    name = NAMES[5]
    clean = (hook.git.root / name).read_bytes()
    hook.git.write(name, executed(clean))
    hook.git("add", name)
    hook.git.write(name, clean)
    assert hook.strip() == (0, True)
    hook.git.write(name, executed(clean))
    assert hook.strip() == (1, True)


def test_another_index_is_another_list(hook: Hook, tmp_path: Path) -> None:
    index = tmp_path / "index"
    shutil.copy(hook.git.root / ".git" / "index", index)
    hook.git.write(NAMES[0], executed(simple("y = 1")))
    env = {**os.environ, "GIT_INDEX_FILE": str(index)}
    subprocess.run(("git", "add", NAMES[0]), cwd=hook.git.root, env=env, check=True)
    assert hook.strip(GIT_INDEX_FILE=str(index)) == (1, True)


@pytest.mark.parametrize("cut", [0, 1, 5000, -1])
def test_what_a_crash_or_a_person_left_is_no_answer(hook: Hook, cut: int) -> None:
    whole = hook.known.read_bytes()
    hook.known.write_bytes(whole[:cut] if cut >= 0 else whole + b"\n")
    assert hook.strip() == (0, True)
    assert hook.known.read_bytes() == whole


@pytest.mark.parametrize("rule", ["hooks/strip_files.py", "notebook/strip_check.py", "notebook/strip_fast.py"])
def test_other_rules_look_again(hook: Hook, tmp_path: Path, rule: str) -> None:
    package = tmp_path / "package" / "sahel_nb"
    shutil.copytree(ROOT / "sahel_nb", package, ignore=shutil.ignore_patterns("__pycache__"))
    upgraded = Hook(tmp_path / "upgraded", hook.git, package)
    assert upgraded.strip() == (0, False)
    with (package / rule).open("a") as file:
        file.write("# another rule\n")
    assert upgraded.strip() == (0, True)
    assert upgraded.strip() == (0, False)
    assert hook.strip() == (0, True)


def test_a_few_and_other_folders_are_not_written_down(hook: Hook, tmp_path: Path) -> None:
    hook.known.unlink()
    assert hook.strip(*NAMES[:3]) == (0, True)
    assert hook.strip(*(Path(name).name for name in NAMES), cwd=hook.git.root / "nb") == (0, True)
    hook.git("worktree", "add", "-q", str(tmp_path / "linked"))
    assert hook.strip(cwd=tmp_path / "linked") == (0, True)
    assert not hook.known.exists()
