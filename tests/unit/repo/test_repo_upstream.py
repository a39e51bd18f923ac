"""Whether HEAD is pushed is true of the remote itself, not of what this clone last heard of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.errors import NetworkError, Refused
from sahel_nb.repo.upstream import upstream
from sahel_nb.repo.worktree import Worktree
from support.git import Git, Origin


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin.git")


@pytest.fixture
def awa(origin: Origin) -> Git:
    awa = origin.clone("awa")
    awa.commit("a.txt")
    awa.push()
    return awa


def test_pushed_ahead_and_behind(origin: Origin, awa: Git) -> None:
    worktree = Worktree.discover(awa.root)
    found = upstream(worktree)
    assert (found.remote, found.ref, found.url) == ("origin", "refs/heads/main", str(origin.path))
    assert (found.commit, found.ahead, found.behind, found.missing) == (awa.head(), 0, 0, "")
    assert found.in_step
    awa.commit("b.txt")
    assert (upstream(worktree).ahead, upstream(worktree).behind) == (1, 0)
    assert not upstream(worktree).in_step


def test_a_stale_tracking_ref_is_not_believed(origin: Origin, awa: Git) -> None:
    bob = origin.clone("bob")
    theirs = bob.commit("b.txt")
    bob.push()
    worktree = Worktree.discover(awa.root)
    assert upstream(worktree, refresh=False).in_step
    found = upstream(worktree)
    assert (found.commit, found.ahead, found.behind) == (theirs, 0, 1)
    # someone rewound the branch: what this clone believes to be pushed no longer is
    origin("update-ref", "refs/heads/main", awa.head())
    origin("update-ref", "-d", "refs/heads/main")
    gone = upstream(worktree)
    assert gone.commit is None
    assert "no branch main" in gone.missing
    assert gone.mend == "git push -u origin main:main"


def test_a_branch_that_merely_ends_like_ours_is_another(origin: Origin, awa: Git) -> None:
    awa("push", "-q", "origin", "HEAD:refs/heads/x/refs/heads/main")
    origin("update-ref", "-d", "refs/heads/main")
    assert upstream(Worktree.discover(awa.root)).commit is None


def test_nothing_to_compare_with_says_what_to_type(tmp_path: Path, awa: Git) -> None:
    lonely = Git.init(tmp_path / "lonely")
    with pytest.raises(Refused):
        upstream(Worktree.discover(lonely.root))
    lonely.commit("a.txt")
    found = upstream(Worktree.discover(lonely.root))
    assert (found.missing, found.mend) == ("main has no upstream", "git push -u origin main")
    awa("checkout", "-q", "-b", "local", "--track", "main")
    assert "this very clone" in upstream(Worktree.discover(awa.root)).missing
    awa("checkout", "-q", "--detach")
    assert "detached" in upstream(Worktree.discover(awa.root)).missing


def test_a_remote_given_as_a_url_has_no_tracking_ref_and_works(origin: Origin, awa: Git) -> None:
    awa("config", "branch.main.remote", str(origin.path))
    found = upstream(Worktree.discover(awa.root))
    assert found.in_step
    assert found.url == str(origin.path)


def test_a_shallow_clone_knows_where_it_stands(origin: Origin, awa: Git) -> None:
    for name in ("b", "c", "d"):
        awa.commit(name)
    awa.push()
    url = f"file://{origin.path}"
    awa("clone", "-q", "--depth=1", url, str(origin.path.parent / "thin"))
    thin = Git(origin.path.parent / "thin")
    assert upstream(Worktree.discover(thin.root)).in_step
    awa.commit("e")
    awa.push()
    found = upstream(Worktree.discover(thin.root))
    assert (found.ahead, found.behind) == (0, 1)


def test_no_answer_is_not_taken_for_an_answer(origin: Origin, awa: Git) -> None:
    origin.path.rename(origin.path.parent / "moved.git")
    with pytest.raises(NetworkError):
        upstream(Worktree.discover(awa.root))


def test_a_branch_whose_name_a_shell_would_run_is_quoted(awa: Git) -> None:
    awa("switch", "-q", "-c", "x;id>$(HOME)")
    assert upstream(Worktree.discover(awa.root)).mend == "git push -u origin 'x;id>$(HOME)'"
