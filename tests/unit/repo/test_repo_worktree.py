"""What the worktree says about itself: where it is, what is not committed, what waits for a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.config import CleanScope
from sahel_nb.errors import Refused, UsageError
from sahel_nb.repo.worktree import StatusKind, Worktree
from support.git import Git, Origin


@pytest.fixture
def repo(tmp_path: Path) -> Git:
    return Git.init(tmp_path / "nb")


def status(repo: Git) -> set[tuple[bytes, StatusKind, str]]:
    return {(entry.path, entry.kind, entry.text) for entry in Worktree.discover(repo.root).status()}


@pytest.mark.parametrize("name", ["plain", "with space", "ŋana ɓiɗɗo", "line\nend", "ünï", '"quoted"'])
def test_it_is_found_from_any_folder_below(tmp_path: Path, name: str) -> None:
    repo = Git.init(tmp_path / name)
    below = repo.root / "a" / "b"
    below.mkdir(parents=True)
    found = Worktree.discover(below)
    assert found == Worktree(repo.root, repo.root / ".git", repo.root / ".git")


def test_a_linked_worktree_shares_its_state(repo: Git, tmp_path: Path) -> None:
    repo.commit("a.txt")
    repo("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    linked = Worktree.discover(tmp_path / "linked")
    assert linked.root == tmp_path / "linked"
    assert linked.git_dir == repo.root / ".git/worktrees/linked"
    assert linked.common_dir == repo.root / ".git"
    assert linked.state_dir() == Worktree.discover(repo.root).state_dir() == repo.root / ".git/sahel-nb"
    assert linked.state_dir().is_dir()
    assert status(repo) == set()


def test_outside_and_bare_are_refused_with_a_way_on(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in a git repository") as caught:
        Worktree.discover(tmp_path)
    assert caught.value.hints == ("cd YOUR-CLONE", "git init  # for a new one, here")
    origin = Origin.create(tmp_path / "origin.git")
    with pytest.raises(UsageError, match="bare"):
        Worktree.discover(origin.path)
    repo = Git.init(tmp_path / "nb")
    with pytest.raises(UsageError, match="git's own folder"):
        Worktree.discover(repo.root / ".git")


def test_head_branch_and_revisions(repo: Git) -> None:
    worktree = Worktree.discover(repo.root)
    assert worktree.branch() == "main"
    with pytest.raises(Refused, match="no commit yet") as caught:
        worktree.head()
    assert caught.value.hints
    first = repo.commit("a.txt")
    repo("tag", "-a", "v1", "-m", "one")
    second = repo.commit("b.txt")
    assert worktree.head() == second
    assert worktree.resolve("v1") == worktree.resolve("HEAD~1") == worktree.resolve(first[:9]) == first
    for wrong in ("nothing", "HEAD:a.txt", "--all", ""):
        with pytest.raises(UsageError):
            worktree.resolve(wrong)
    repo("checkout", "-q", "--detach")
    assert worktree.branch() is None


def test_status_sees_everything_that_is_not_committed(repo: Git) -> None:
    repo.write(".gitignore", "runs/\n")
    repo.commit(".gitignore", "kept.txt", "changed.txt", "gone.txt", "moved.txt", "ɓ/ŋ.ipynb")
    assert status(repo) == set()
    repo.write("changed.txt", "other\n")
    (repo.root / "gone.txt").unlink()
    repo("mv", "moved.txt", "arrived.txt")
    repo.write("ɓ/ŋ.ipynb", "other\n")
    repo.write("new/deep/ɲ.txt")
    repo.write("line\nend.txt")
    repo.write("runs/ignored.txt")
    assert status(repo) == {
        (b"changed.txt", StatusKind.TRACKED, " M"),
        (b"gone.txt", StatusKind.TRACKED, " D"),
        (b"moved.txt", StatusKind.TRACKED, "D "),
        (b"arrived.txt", StatusKind.TRACKED, "A "),
        ("ɓ/ŋ.ipynb".encode(), StatusKind.TRACKED, " M"),
        ("new/deep/ɲ.txt".encode(), StatusKind.UNTRACKED, "??"),
        (b"line\nend.txt", StatusKind.UNTRACKED, "??"),
    }


def test_personal_settings_of_git_hide_nothing(repo: Git) -> None:
    repo.commit("a.txt")
    for key, value in {
        "status.showUntrackedFiles": "no",
        "status.relativePaths": "false",
        "status.branch": "true",
        "status.renames": "copies",
        "color.ui": "always",
        "core.quotePath": "true",
        "log.showSignature": "true",
    }.items():
        repo("config", key, value)
    repo.write("ŋ.txt")
    assert status(repo) == {("ŋ.txt".encode(), StatusKind.UNTRACKED, "??")}


def test_a_submodule_counts_with_what_is_in_it(repo: Git, tmp_path: Path) -> None:
    inner = Git.init(tmp_path / "inner")
    inner.commit("x.txt")
    repo("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "lib")
    repo("config", "-f", ".gitmodules", "submodule.lib.ignore", "all")
    repo.commit(".gitmodules", message="Add lib")
    assert status(repo) == set()
    (repo.root / "lib" / "new.txt").write_text("x")
    assert status(repo) == {(b"lib", StatusKind.TRACKED, " M")}


def test_status_takes_no_lock_that_a_person_needs(repo: Git) -> None:
    repo.commit("a.txt")
    (repo.root / ".git/index.lock").touch()
    assert status(repo) == set()


def test_what_waits_for_a_person_is_named(repo: Git) -> None:
    worktree = Worktree.discover(repo.root)
    repo.write("a.txt", "base\n")
    repo.commit("a.txt")
    repo("branch", "other")
    repo.write("a.txt", "ours\n")
    repo.commit("a.txt")
    repo("checkout", "-q", "other")
    repo.write("a.txt", "theirs\n")
    repo.commit("a.txt")
    assert worktree.in_progress() is None
    repo("merge", "main", check=False)
    assert worktree.in_progress() == "merge"
    assert status(repo) == {(b"a.txt", StatusKind.UNMERGED, "UU")}
    repo("merge", "--abort")
    repo("rebase", "main", check=False)
    assert worktree.in_progress() == "rebase"
    repo("rebase", "--abort")
    repo("cherry-pick", "main", check=False)
    assert worktree.in_progress() == "cherry-pick"
    repo("cherry-pick", "--abort")
    repo("bisect", "start")
    assert worktree.in_progress() == "bisect"


def test_settings_come_from_all_their_places(repo: Git) -> None:
    worktree = Worktree.discover(repo.root)
    assert worktree.git_config() == {}
    repo("config", "Sahel-NB.Run.Clean", "kernel")
    repo("config", "--add", "sahel-nb.lock.ttl", "1")
    repo("config", "--add", "sahel-nb.lock.ttl", "20")
    repo("config", "sahel-nb.dev.owner", "line\nend")
    assert worktree.git_config() == {
        "sahel-nb.run.clean": "kernel",
        "sahel-nb.lock.ttl": "20",
        "sahel-nb.dev.owner": "line\nend",
    }
    with pytest.raises(UsageError, match=r"sahel-nb\.dev\.owner has a character that cannot be printed"):
        worktree.config({})
    repo("config", "--unset-all", "sahel-nb.dev.owner")
    repo.write("sahel-nb.toml", '[run]\nclean = "tree"\noutputs = "out"\n[lock]\nttl = 5\n')
    config = worktree.config({"SAHEL_NB_LOCK_TTL": "30"})
    assert (config.run.clean, config.run.outputs, config.lock.ttl) == (CleanScope.KERNEL, "out", 30)
    repo.write("sahel-nb.toml", "[run\n")
    with pytest.raises(UsageError, match="not valid TOML"):
        worktree.config({})
