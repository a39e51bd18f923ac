"""Proves that our own shims and the pre-commit framework's live side by side, whichever was there first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.config import Config
from sahel_nb.install import shipped
from sahel_nb.install.doctor import examine
from sahel_nb.install.install import install, uninstall
from sahel_nb.notebook.pair import in_step
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent, Verdict
from tests.integration.commit.story import Clone, sahel_nb, set_up
from tests.support.git import Origin
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return set_up(tmp_path / "ours")


def _framework(clone: Clone, log: Path) -> None:
    said = {"language": "system", "always_run": True, "pass_filenames": False}
    both = [
        {"id": stage, "name": stage, "entry": f"sh -c 'echo {stage} >> \"{log}\"'", "stages": [stage], **said}
        for stage in ("pre-commit", "pre-push")
    ]
    config = {"repos": [{"repo": "local", "hooks": both}]}
    clone.git.write(".pre-commit-config.yaml", json.dumps(config))
    command = (sys.executable, "-m", "pre_commit", "install", "-t", "pre-commit", "-t", "pre-push")
    subprocess.run(command, cwd=clone.root, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("first", ["the framework", "ours"])
def test_both_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "framework"))
    clone, log = set_up(tmp_path / "o ŋ", install_it=first == "ours"), tmp_path / "log"
    _framework(clone, log)
    if first != "ours":
        install(Worktree.discover(clone.root), Silent())
    clone.git.write("a ɓ.ipynb", simple("x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "One")
    assert in_step(clone.committed("a ɓ.ipynb"), clone.committed("a ɓ.py"))
    assert log.read_text() == "pre-commit\n"

    origin = Origin.create(tmp_path / "origin.git")
    clone.must("push", "-q", str(origin.path), "main")
    assert log.read_text() == "pre-commit\npre-push\n"
    clone.commit_raw("raw.ipynb", simple("y = 1"))
    said = clone.run("push", "-q", str(origin.path), "main")
    assert said.code != 0
    assert "raw.ipynb" in said.err + said.out


@pytest.mark.parametrize(
    "order",
    [("ours", "framework", "ours"), ("framework", "ours", "framework"), ("ours", "framework", "ours", "framework")],
)
def test_both_run_once_whatever_is_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "framework"))
    clone, log = set_up(tmp_path / "o", install_it=False), tmp_path / "log"
    worktree = Worktree.discover(clone.root)
    for one in order:
        if one == "ours":
            install(worktree, Silent())
        else:
            _framework(clone, log)
    (row,) = (row for row in examine(worktree, Config(), {}, offline=True) if row.name == "hooks")
    clone.git.write("a.ipynb", simple("x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "One")
    assert in_step(clone.committed("a.ipynb"), clone.committed("a.py")), "ours has paired"
    assert log.read_text() == "pre-commit\n"
    origin = Origin.create(tmp_path / "origin.git")
    clone.must("push", "-q", str(origin.path), "main")
    assert log.read_text() == "pre-commit\npre-push\n"
    if order[-1] == "ours":
        assert row.verdict is Verdict.OK, row
    uninstall(worktree, Silent())
    clone.git.write("b.ipynb", simple("y = 1"))
    clone.must("add", "b.ipynb")
    clone.must("commit", "-qm", "Two")
    assert log.read_text() == "pre-commit\npre-push\npre-commit\n"


@pytest.mark.parametrize("where", ["pre-commit", "pre-commit.before-sahel-nb"])
def test_a_hook_of_ours_that_somebody_has_edited_is_kept_and_never_calls_itself(clone: Clone, where: str) -> None:
    hooks = clone.root / ".git/hooks"
    edited = (hooks / "pre-commit").read_text().replace("#!/bin/sh\n", "#!/bin/sh\n# mine\n")
    # As the hooks of older versions were, which did not know who calls them.
    edited = "".join(line for line in edited.splitlines(keepends=True) if 'SAHEL_NB_BEFORE" =' not in line)
    (hooks / where).write_text(edited)
    (hooks / where).chmod(0o755)
    said = sahel_nb(clone, "install")
    assert said.code == 0, said
    assert "it is kept as pre-commit.edited, which nothing runs" in said.err
    assert (hooks / "pre-commit.edited").read_text() == edited
    assert not (hooks / "pre-commit.before-sahel-nb").exists()
    clone.must("commit", "--allow-empty", "-qm", "It ends")


def test_what_somebody_has_added_to_a_hook_of_ours_is_not_lost(clone: Clone) -> None:
    hook = clone.root / ".git/hooks/pre-commit"
    ours = hook.read_text()
    for mine in ("echo mine\n", "echo mine, too\n", "echo mine\n"):
        hook.write_text(ours + mine)
        said = sahel_nb(clone, "install")
        assert "is kept as pre-commit.old" in said.err, said
        assert hook.read_text() == ours
    kept = sorted(path.name for path in hook.parent.glob("pre-commit.old*"))
    assert kept == ["pre-commit.old", "pre-commit.old1"]
    assert hook.with_name("pre-commit.old1").read_text() == ours + "echo mine, too\n"


def test_a_copy_of_ours_that_runs_first_ends(clone: Clone) -> None:
    hooks = clone.root / ".git/hooks"
    for name in shipped.HOOKS:
        (hooks / f"{name}.before-sahel-nb").write_bytes((hooks / name).read_bytes())
        (hooks / f"{name}.before-sahel-nb").chmod(0o755)
    clone.git.write("a.ipynb", simple("x = 1"))
    clone.must("add", ".")
    clone.must("commit", "-qm", "One")
    assert in_step(clone.committed("a.ipynb"), clone.committed("a.py"))
