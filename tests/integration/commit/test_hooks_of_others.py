"""Proves that a hook of another program runs where and as what it was, and that doctor knows when one does not.

The layouts are those that managers of hooks leave; they themselves are tried by `python -m tests.hook_managers`.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sahel_nb.config import Config
from sahel_nb.install import shipped
from sahel_nb.install.doctor import examine
from sahel_nb.install.hooks import Folders, HookState, state
from sahel_nb.install.install import install, uninstall
from sahel_nb.install.repository import initialize
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Check, Silent, Verdict
from tests.integration.commit.story import Clone, sahel_nb
from tests.integration.commit.test_install import files_of
from tests.support.git import Git, Origin
from tests.unit.notebook.shapes import simple

WITNESS = """
{
    echo "$0" "$(dirname "$0")" "$(basename "$0")" "$PWD" "$@"
    env | grep -v '^_=' | cut -d= -f1 | sort | tr '\\n' ' '
    ls "$(dirname "$0")"/beside-* 2>&1 || true
    case $0 in *pre-push*) cat | cut -d' ' -f1,3 ;; esac
} >>"$WITNESSED"
test ! -e stop
"""
"""Writes down all that a hook can know of how it was called, and refuses where there is a file `stop`."""
NAMES = ("pre-commit", "commit-msg", "pre-push", "post-commit")


def _write(path: Path, text: str, mode: int = 0o755) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _shell(git: Git) -> Git:
    folder = git.root / ".git/hooks"
    for name in NAMES:
        _write(folder / name, "#!/bin/sh" + WITNESS)
    _write(folder / "beside-it", "")
    return git


def _python(git: Git) -> Git:
    said = "import os, sys\nopen(os.environ['WITNESSED'], 'a').write(repr((__file__, sys.argv, os.getcwd())) + '\\n')\n"
    for name in NAMES:
        _write(git.root / ".git/hooks" / name, f"#!{sys.executable}\n{said}sys.exit(os.path.exists('stop'))\n")
    return git


def _linked(git: Git) -> Git:
    _write(git.root / ".git/checks/any.sh", "#!/bin/sh" + WITNESS)
    (git.root / ".git/hooks").mkdir(exist_ok=True)
    for name in NAMES:
        (git.root / ".git/hooks" / name).symlink_to("../checks/any.sh")
    return git


def _husky9(git: Git) -> Git:
    _write(
        git.root / ".husky/_/h", 'own=$(dirname "$(dirname "$0")")/$(basename "$0")\n[ -f "$own" ] || exit 0\n', 0o644
    )
    with (git.root / ".husky/_/h").open("a") as file:
        file.write('sh -e "$own" "$@"\nexit $?\n')
    for name in (*NAMES, "post-checkout", "post-merge", "prepare-commit-msg"):
        _write(git.root / ".husky/_" / name, '#!/usr/bin/env sh\n. "$(dirname "$0")/h"')
    for name in NAMES:
        _write(git.root / ".husky" / name, WITNESS, 0o644)
    git("config", "core.hooksPath", ".husky/_")
    return git


def _husky8(git: Git) -> Git:
    again = 'if [ -z "$inside" ]; then\n  export inside=1\n  sh -e "$0" "$@"\n  exit $?\nfi\n'
    _write(git.root / ".husky/_/husky.sh", again, 0o644)
    for name in NAMES:
        _write(git.root / ".husky" / name, '#!/usr/bin/env sh\n. "$(dirname -- "$0")/_/husky.sh"\n' + WITNESS)
    git("config", "core.hooksPath", ".husky")
    return git


def _husky4(git: Git) -> Git:
    folder = git.root / ".git/hooks"
    _write(folder / "husky.sh", '. "$(dirname "$0")/husky.local.sh"\n' + WITNESS, 0o644)
    _write(folder / "husky.local.sh", "manager=npm\n", 0o644)
    for name in NAMES:
        _write(folder / name, '#!/bin/sh\n# husky\n\n. "$(dirname "$0")/husky.sh"\n')
    return git


def _of_all_repositories(git: Git) -> Git:
    folder = git.root.parent / "every repository's ŋ"
    for name in NAMES:
        _write(folder / name, "#!/bin/sh" + WITNESS)
    git("config", "--global", "core.hooksPath", str(folder))
    return git


def _at_home(git: Git) -> Git:
    for name in NAMES:
        _write(Path.home() / "my hooks" / name, "#!/bin/sh" + WITNESS)
    git("config", "--global", "core.hooksPath", "~/my hooks/")
    return git


def _of_one_worktree(git: Git) -> Git:
    git("config", "extensions.worktreeConfig", "true")
    git("config", "--worktree", "core.hooksPath", "outils/crochets")
    for name in NAMES:
        _write(git.root / "outils/crochets" / name, "#!/bin/sh" + WITNESS)
    return git


def _in_a_linked_worktree(git: Git) -> Git:
    _shell(git)
    git.commit("a.txt")
    git("worktree", "add", "-q", "-b", "side", str(git.root.parent / "à côté"))
    return Git(git.root.parent / "à côté")


def _behind_an_include(git: Git) -> Git:
    """git puts what is set later behind our settings, where somebody's file has two sections."""
    _shell(git)
    (git.root / ".git/hooks").rename(git.root / "outils")
    (git.root / ".git/hooks").mkdir()
    with (git.root / ".git/config").open("a") as file:
        file.write("[include]\n\tpath = nothing\n[core]\n\thooksPath = outils\n")
    return git


LAYOUTS: tuple[Callable[[Git], Git], ...] = (
    _shell,
    _python,
    _linked,
    _husky9,
    _husky8,
    _husky4,
    _of_all_repositories,
    _at_home,
    _of_one_worktree,
    _in_a_linked_worktree,
    _behind_an_include,
)
layouts = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.__name__.strip("_"))


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    monkeypatch.setenv("WITNESSED", str(tmp_path / "witnessed"))
    made = Git.init(tmp_path / "o ŋ")
    (made.root / ".git/info").mkdir(exist_ok=True)
    (made.root / ".git/info/exclude").write_text(".husky\noutils\nstop\n")
    return made


def _row(git: Git) -> Check:
    checks = examine(Worktree.discover(git.root), Config(), {}, offline=True)
    return next(check for check in checks if check.name == "hooks")


def _witnessed(clone: Clone, message: str, origin: Path) -> str:
    """What the hooks wrote down over a commit that goes, one that is refused, and a push."""
    log = Path(os.environ["WITNESSED"])
    log.write_text("")
    clone.must("commit", "--allow-empty", "-qm", message)
    clone.git.write("stop")
    assert clone.run("commit", "--allow-empty", "-qm", "Refused").code == 1
    (clone.root / "stop").unlink()
    clone.must("push", "-qf", str(origin), "HEAD:refs/heads/main")
    return log.read_text().replace(clone.git.head(), "HEAD")


@layouts
def test_a_hook_runs_as_it_did(git: Git, layout: Callable[[Git], Git], tmp_path: Path) -> None:
    clone = Clone(layout(git))
    initialize(clone.root, Config(), pre_commit=False)
    first, second = Origin.create(tmp_path / "one.git").path, tmp_path / "two.git"
    shutil.copytree(first, second)
    worktree = Worktree.discover(clone.root)
    folders = (
        git.root / ".git",
        git.root / ".husky",
        git.root / "outils",
        Path.home(),
        tmp_path / "every repository's ŋ",
    )
    without = _witnessed(clone, "One", first).replace(str(first), "REMOTE")
    assert without
    before = [{name: one for name, one in files_of(folder).items() if _lasting(name)} for folder in folders]

    install(worktree, Silent())
    assert (_row(clone.git).verdict, _row(clone.git).mend) == (Verdict.OK, "")
    assert _witnessed(clone, "One", second).replace(str(second), "REMOTE") == without
    clone.git.write("a.ipynb", simple("x = 1"))
    clone.must("add", "a.ipynb")
    clone.must("commit", "-qm", "Ours ran as well")
    assert clone.committed("a.py")

    uninstall(worktree, Silent())
    after = [{name: one for name, one in files_of(folder).items() if _lasting(name)} for folder in folders]
    for one, other in zip(after, before, strict=True):
        assert one.keys() == other.keys()
        assert one == other
    assert Folders.of(worktree).used == Folders.of(worktree).theirs


def _lasting(name: str) -> bool:
    """Not what commits change, and our own state, which a reinstall finds again."""
    return not name.startswith(
        ("objects/", "refs/", "logs/", "index", "worktrees/", "HEAD", "COMMIT", "sahel-nb/", "info/")
    )


def test_a_layout_of_earlier_versions_goes_back(git: Git, tmp_path: Path) -> None:
    _husky9(git)
    folder = git.root / ".husky/_"
    theirs = files_of(folder)
    for name in shipped.HOOKS:  # as they were put there, with the hook that was renamed
        if (folder / name).exists():
            (folder / name).rename(folder / f"{name}.before-sahel-nb")
        _write(folder / name, f"#!/bin/sh\n# sahel-nb {name} hook\n# {name}.before-sahel-nb, sahel-nb.hook\n")
    assert _row(git).verdict is Verdict.FAILED
    said = sahel_nb(Clone(git), "doctor", "--fix", "--offline")
    assert "pre-commit: pre-commit.before-sahel-nb is called pre-commit again" in said.err, said
    assert _row(git).verdict is Verdict.OK
    after = {name: one for name, one in files_of(folder).items() if not name.endswith(".old")}
    assert after == theirs
    git.write("stop")
    assert Clone(git).run("commit", "--allow-empty", "-qm", "Refused").code == 1


def test_husky_that_sets_its_folder_again_changes_nothing(git: Git) -> None:
    install(Worktree.discover(git.root), Silent())
    _husky9(git)
    row = _row(git)
    assert (row.verdict, row.mend) == (Verdict.FAILED, "sahel-nb install")
    assert row.found.startswith("git looks in .husky/_; not ours or not there: ")
    install(Worktree.discover(git.root), Silent())
    _husky9(git)
    assert _row(git).verdict is Verdict.OK
    git("config", "--unset", "core.hooksPath")
    assert sahel_nb(Clone(git), "install").code == 0
    assert _row(git).found == "installed", "back in the folder that git looks in by itself"


def _lefthook(git: Git, *names: str) -> None:
    """What `lefthook install` does in the folder that git names: what is not its own is renamed."""
    folder = (git.root / git("rev-parse", "--git-path", "hooks")).resolve()
    for name in names:
        path = folder / name
        if path.exists() and "LEFTHOOK" not in path.read_text():
            path.rename(folder / f"{name}.old")
        _write(path, f'#!/bin/sh\n[ "$LEFTHOOK" = 0 ] && exit 0\n[ ! -e sync ] || sh sync\n{WITNESS}')


def test_lefthook_after_us(git: Git) -> None:
    install(Worktree.discover(git.root), Silent())
    _lefthook(git, "pre-commit", "pre-push")
    assert _row(git).found == "git looks in .git/hooks; not ours or not there: pre-commit, pre-push"
    clone = Clone(git)
    said = clone.run("commit", "--allow-empty", "-qm", "Nobody has looked at this")
    assert "put its pre-commit hook in the place of ours" in said.err
    assert "$ sahel-nb doctor --fix" in said.err
    for _ in range(2):
        sahel_nb(clone, "doctor", "--fix", "--offline")
        row = _row(git)
        assert row.verdict is Verdict.OK
        assert row.found.startswith("installed in .git/hooks/sahel-nb; .git/hooks/pre-commit and ")
        assert not (git.root / ".git/hooks/pre-commit.old").exists(), "lefthook uninstall would put it back"
        git.write("stop")
        assert clone.run("commit", "--allow-empty", "-qm", "Refused").code == 1
        (git.root / "stop").unlink()
        _lefthook(git, "pre-commit", "pre-push", "commit-msg")
        assert _row(git).verdict is Verdict.FAILED


def test_lefthook_that_renews_its_hooks_while_it_runs(git: Git) -> None:
    _lefthook(git, "pre-commit")
    install(Worktree.discover(git.root), Silent())
    own = git.root / ".git/hooks/sahel-nb"
    renew = "mv pre-commit pre-commit.old; cp ../pre-commit pre-commit; echo '# new' >> pre-commit"
    git.write("sync", f"rm sync; cd '{own}'; {renew}\n")
    clone = Clone(git)
    said = clone.run("commit", "--allow-empty", "-qm", "One")
    assert said.code == 0, said
    assert "what was put in the place of ours" in said.err
    assert state(own / "pre-commit") is HookState.OURS
    assert (git.root / ".git/hooks/pre-commit").read_text().endswith("# new\n")
    assert _row(git).verdict is Verdict.OK


def test_prek_in_a_folder_that_is_ours(git: Git) -> None:
    """prek puts its hook where core.hooksPath leads, and calls what was there."""
    _husky9(git)
    worktree = Worktree.discover(git.root)
    install(worktree, Silent())
    own, log = git.root / ".git/hooks/sahel-nb", Path(os.environ["WITNESSED"])
    shim = '#!/bin/sh\n# File generated by prek: x\n"$0.legacy" "$@" || exit $?\necho prek >>"$WITNESSED"\n'
    for name in ("pre-commit", "commit-msg"):
        (own / name).rename(own / f"{name}.legacy")
        _write(own / name, shim)
    assert _row(git).verdict is Verdict.OK
    install(worktree, Silent())
    clone = Clone(git)
    clone.must("commit", "--allow-empty", "-qm", "One")
    said = [line.split()[0] for line in log.read_text().splitlines() if line.startswith((".husky", "prek"))]
    assert said == [".husky/pre-commit", "prek", ".husky/commit-msg", "prek", ".husky/post-commit"]
    uninstall(worktree, Silent())
    assert (git.root / ".husky/_/pre-commit").read_text() == shim
    assert not own.exists()


def test_a_hook_that_is_not_executable_is_not_run_and_named(git: Git) -> None:
    _write(git.root / ".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n", 0o644)
    said = sahel_nb(Clone(git), "install")
    assert ".git/hooks/pre-commit: not executable, so that it does not run, as before" in said.err
    assert ".git/hooks/pre-commit: not executable, never run" in _row(git).found
    Clone(git).must("commit", "--allow-empty", "-qm", "One")
    (git.root / ".git/hooks/pre-commit").chmod(0o755)
    assert Clone(git).run("commit", "--allow-empty", "-qm", "Two").code == 1


def test_a_hook_that_comes_later_and_one_that_is_lost(git: Git) -> None:
    _shell(git)
    install(Worktree.discover(git.root), Silent())
    _write(git.root / ".git/hooks/post-rewrite", "#!/bin/sh" + WITNESS)
    clone = Clone(git)
    clone.must("commit", "--allow-empty", "-qm", "One")
    clone.must("commit", "--allow-empty", "--amend", "-qm", "Two")
    assert ".git/hooks/post-rewrite .git/hooks post-rewrite" in Path(os.environ["WITNESSED"]).read_text()
    _write(git.root / ".git/hooks/reference-transaction", "#!/bin/sh\nexit 0\n")
    row = _row(git)
    assert (row.verdict, row.found, row.mend) == (
        Verdict.FAILED,
        ".git/hooks/reference-transaction does not run, since ours are installed",
        "sahel-nb install",
    )
    assert sahel_nb(clone, "install").code == 0
    assert _row(git).verdict is Verdict.OK


def test_a_push_into_the_clone_and_a_clone_that_moves(git: Git, tmp_path: Path) -> None:
    _shell(git)
    _write(git.root / ".git/hooks/update", "#!/bin/sh" + WITNESS)
    initialize(git.root, Config(), pre_commit=False)
    install(Worktree.discover(git.root), Silent())
    git.commit("a.txt")
    log = Path(os.environ["WITNESSED"])
    log.write_text("")
    git("push", "-q", str(git.root), "HEAD:refs/heads/other")
    assert "hooks/update" in log.read_text()
    moved = Git(git.root.rename(tmp_path / "moved"))
    log.write_text("")
    Clone(moved).must("commit", "--allow-empty", "-qm", "One")
    assert ".git/hooks/pre-commit .git/hooks pre-commit" in log.read_text()
    moved.write("b.ipynb", simple("x = 1"))
    Clone(moved).must("add", "b.ipynb")
    Clone(moved).must("commit", "-qm", "Two")
    assert Clone(moved).committed("b.py"), "ours runs, too"
