"""A command that is named to be typed works from where it was named, whatever the folder is called."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.commit.story import IN_STEP, Clone, Said, sahel_nb, set_up
from tests.support.git import Git
from tests.unit.notebook.shapes import simple


def typed(said: Said, begins: str) -> str:
    (command,) = re.findall(rf"^ *(?:\$ )?({begins}.*?)(?: &&|  +#|$)", said.err, re.M)
    return str(command)


@pytest.mark.parametrize("folder", ["ml", "un dossier/ŋ 'q'", "-x", "."])
def test_what_init_and_new_say_to_add_can_be_added(tmp_path: Path, folder: str) -> None:
    clone = Clone(Git.init(tmp_path / "o ŋ"))
    here = clone.root / folder
    here.mkdir(parents=True, exist_ok=True)

    said = sahel_nb(clone, "init", cwd=here)
    subprocess.run(typed(said, "git add"), shell=True, cwd=here, check=True)
    names = {".gitattributes", ".gitignore", "jupytext.toml", "sahel-nb.toml"}
    assert set(clone.must("diff", "--cached", "--name-only").split()) == names

    made = sahel_nb(clone, "new", "fula-words", "--owner", "awa", cwd=here)
    subprocess.run(typed(made, "git add"), shell=True, cwd=here, check=True)
    assert "notebooks/fula-words/fula-words.ipynb" in clone.must("diff", "--cached", "--name-only")


def test_notebooks_that_are_older_than_the_tool_get_their_scripts(tmp_path: Path) -> None:
    git = Git.init(tmp_path / "o")
    names = ("a.ipynb", "n ɓ/b.ipynb")
    for name in names:
        git.write(name, simple("x = 1"))
    git.commit(*names, message="Before sahel-nb")
    clone = set_up(git.root)
    clone.must("add", "--renormalize", ".")
    clone.must("commit", "-qm", "Stripped", "--no-verify")

    asked = sahel_nb(clone, "pair", "--check")
    assert (asked.code, asked.err.count("out of step")) == (3, 3)
    assert typed(asked, "sahel-nb pair") == "sahel-nb pair"
    made = sahel_nb(clone, "pair")

    assert (made.code, made.err) == (0, "a.py was brought in step\nn ɓ/b.py was brought in step\n")
    assert (clone.root / "n ɓ/b.py").is_file()
    assert sahel_nb(clone, "pair", "--check").err == IN_STEP
    assert sahel_nb(clone, "pair").err == IN_STEP
    clone.must("add", ".")
    clone.must("commit", "-qm", "Scripts")
