"""The five hooks of .pre-commit-hooks.yaml under the real pre-commit framework, cloned by it from a real git server.

The framework makes its environment as it does for everybody, with virtualenv and pip; only that pip finds the wheels in
a folder and not in an index. That takes most of the time of this test, so that one story tells everything.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.notebook.strip import strip
from tests.integration.commit.desk import ran
from tests.integration.commit.story import Clone, set_up, sources_of
from tests.support.git import Git, Origin, git_daemon, run_git
from tests.support.wheels import wheelhouse
from tests.unit.notebook.shapes import simple

ROOT = Path(__file__).resolve().parents[3]
PACKAGED = ("pyproject.toml", "README.md", "LICENSE", "sahel_nb", "bin", "hooks", "templates", ".pre-commit-hooks.yaml")
HOOKS = ("guard", "strip", "pair", "lint", "pre-push")
CONFIG = ".pre-commit-config.yaml"
EDITED, AGAIN, NEW, STAGED = "k/edited ŋ.ipynb", "again.ipynb", "new ɓ.ipynb", "k/staged.ipynb"
TOKEN = "KGAT_" + "09aa6cd9a4014929" + "151b265deac73652"


def published(folder: Path) -> Path:
    """This project as somebody hosts it: a bare repository with a tag."""
    tree = Git.init(folder / "tree")
    for name in PACKAGED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree.root / name)
    tree.commit(".", message="The project")
    tree("tag", "v0.1.0")
    run_git("clone", "-q", "--bare", str(tree.root), str(folder / "sahel-nb.git"), cwd=folder)
    return folder / "sahel-nb.git"


def configured(url: str) -> str:
    hooks = [{"id": f"sahel-nb-{name}"} for name in HOOKS]
    python = {"python": sys.executable}
    repos = [{"repo": url, "rev": "v0.1.0", "hooks": hooks}]
    return json.dumps({"default_language_version": python, "repos": repos})  # JSON is YAML


def framework(clone: Clone, *arguments: str) -> None:
    command = (sys.executable, "-m", "pre_commit", *arguments)
    done = subprocess.run(command, cwd=clone.root, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def commit(clone: Clone, message: str, code: int = 0) -> str:
    """`git commit` as a person types it; what was said."""
    said = clone.run("commit", "-m", message)
    assert said.code == code, said
    return said.out + said.err


def test_the_hooks_from_a_git_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published(tmp_path)
    wheels = wheelhouse(tmp_path / "wheels", "sahel-nb", "hatchling")
    for name, value in {
        "PRE_COMMIT_HOME": str(tmp_path / "le cadre ŋ"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": wheels.as_uri(),
        "PIP_NO_COMPILE": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "VIRTUALENV_CONFIG_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)
    with git_daemon(tmp_path) as server:
        alice, origin = a_team(tmp_path, f"{server}/sahel-nb.git")
        # --overwrite: here the framework is alone, without our own hooks before it.
        framework(alice, "install", "--install-hooks", "--overwrite", "-t", "pre-commit", "-t", "pre-push")
    # From here on the framework has what it needs: nobody serves it any longer.
    what_is_not_staged_survives(alice)
    what_a_hook_would_undo_survives(alice)
    bob = Clone(origin.clone("bob"))
    framework(bob, "install", "-t", "pre-commit", "-t", "pre-push")
    without_our_filter_the_hook_strips(bob)
    refused_when_committed(bob)
    refused_when_pushed(bob, origin)


def a_team(folder: Path, url: str) -> tuple[Clone, Origin]:
    """A clone with our filter and vault, notebooks that are pushed already, and the framework's configuration."""
    alice = set_up(folder / "o ŋ 'q")
    for path in (EDITED, AGAIN, STAGED):
        alice.git.write(path, ran(path, "first"))
    alice.git.write(CONFIG, configured(url))
    alice.must("add", ".")
    alice.must("commit", "-qm", "Notebooks")  # our own hooks write the mirrors
    origin = Origin.create(folder / "origin.git")
    alice.must("remote", "add", "origin", str(origin.path))
    alice.must("push", "-q", "-u", "origin", "main")
    return alice, origin


def what_is_not_staged_survives(alice: Clone) -> None:
    """One notebook is committed while others are edited, executed again and new: the framework puts those aside."""
    fresh = "k/fresh ɗ.ipynb"
    sources = ("import os\n", "print(os.name)\n")
    work = {
        EDITED: ran(EDITED, "second", ("a", "b, mine", "c", "d", "e")),
        AGAIN: ran(AGAIN, "second"),
        NEW: ran(NEW, "second"),
        STAGED: ran(STAGED, "second", ("a", "b", "c, staged", "d", "e")),
        fresh: simple(*sources),
    }
    for path, raw in work.items():
        alice.git.write(path, raw)
    alice.must("add", STAGED, fresh)
    # The staged one goes on as well: its file is neither what is staged nor what is committed.
    work[STAGED] = ran(STAGED, "third", ("a", "b", "c, staged", "d, later", "e"))
    alice.git.write(STAGED, work[STAGED])

    # A hook of the framework changes files and stages nothing: the mirrors are there for the next attempt.
    said = commit(alice, "Two notebooks", code=1)
    assert "Unstaged files detected" in said
    assert {path: alice.disk(path) for path in work} == work
    mirrors = [path.removesuffix(".ipynb") + ".py" for path in (STAGED, fresh)]
    alice.must("add", *mirrors)
    said = commit(alice, "Two notebooks")
    assert "Unstaged files detected" in said
    assert {path: alice.disk(path) for path in work} == work

    changed = alice.git("-c", "core.quotepath=off", "diff", "--name-only", "HEAD~1", "HEAD").splitlines()
    assert sorted(changed) == sorted((STAGED, fresh, *mirrors))
    for path, staged in ((STAGED, "c, staged"), (fresh, "print(os.name)\n")):
        assert strip(alice.committed(path)) == alice.committed(path)
        assert sources_of(alice.committed(path))[1 if path == fresh else 2] == staged
        assert staged in alice.committed(path.removesuffix(".ipynb") + ".py").decode()
    assert "d, later" not in alice.committed(STAGED).decode()
    alice.must("push", "-q", "origin", "main")


def what_a_hook_would_undo_survives(alice: Clone) -> None:
    """The pair hook writes a mirror that has changes put aside: these do not fit any more, and the framework takes back
    what its hooks did. Nothing that anybody computed or wrote is lost by that."""
    mirror = STAGED.removesuffix(".ipynb") + ".py"
    alice.git.write(STAGED, ran(STAGED, "fourth", ("a", "b", "c, by notebook", "d", "e")))
    alice.must("add", STAGED)
    work = {
        STAGED: ran(STAGED, "fifth", ("a", "b", "c, by notebook", "d, later", "e")),
        EDITED: ran(EDITED, "fifth", ("a", "b, mine", "c", "d", "e")),
        AGAIN: ran(AGAIN, "fifth"),
        mirror: alice.disk(mirror).replace(b"c, staged", b"c, by hand"),
    }
    for path, raw in work.items():
        alice.git.write(path, raw)
    staged = alice.staged(STAGED)
    said = commit(alice, "Both halves", code=1)
    assert "Rolling back fixes" in said
    assert {path: alice.disk(path) for path in work} == work
    assert alice.staged(STAGED) == staged


def without_our_filter_the_hook_strips(bob: Clone) -> None:
    """Who has only the framework has no filter: what is staged has outputs, and the hook takes them out of the file."""
    bob.git.write(NEW, ran(NEW, "bob's"))
    bob.must("add", NEW)
    said = commit(bob, "Bob's", code=1)
    assert f"stripped {NEW}" in said
    assert bob.disk(NEW) == strip(ran(NEW, "bob's"))
    mirror = NEW.removesuffix(".ipynb") + ".py"
    bob.must("add", NEW, mirror)
    commit(bob, "Bob's")
    assert bob.committed(NEW) == strip(ran(NEW, "bob's"))
    assert "name = 'new ɓ'" in bob.committed(mirror).decode()


def refused_when_committed(bob: Clone) -> None:
    """Guard and lint name the place; nothing is committed."""
    before = bob.git.head()
    bob.git.write("k/notes ŋ.txt", f"token = {TOKEN}\n")
    bob.must("add", "-A")
    said = commit(bob, "A secret", code=1)
    assert "k/notes ŋ.txt: line 1" in said
    assert TOKEN not in said
    bob.must("rm", "-q", "-f", "k/notes ŋ.txt")
    bob.git.write("k/kernel-metadata.json", "{}\n")
    bob.must("add", "-A")
    said = commit(bob, "No metadata", code=1)
    assert "k/kernel-metadata.json" in said
    bob.must("rm", "-q", "-f", "k/kernel-metadata.json")
    assert bob.git.head() == before


def refused_when_pushed(bob: Clone, origin: Origin) -> None:
    """History that was committed past the hooks is seen, although the worktree and the tip have nothing wrong."""
    before = origin("rev-parse", "main")
    bob.commit_raw("raw.ipynb", ran("raw", "bob's"))
    bob.must("rm", "-q", "raw.ipynb")
    bob.must("commit", "-qm", "Repaired", "--no-verify")
    said = bob.run("push", "origin", "HEAD:main")
    assert said.code != 0, said
    assert "raw.ipynb" in said.out + said.err
    assert origin("rev-parse", "main") == before

    bob.must("reset", "-q", "--hard", "HEAD~2")
    bob.must("push", "-q", "origin", "HEAD:main")
    assert origin("rev-parse", "main") == bob.git.head() != before
