"""Which URLs are paths, and which paths a clone could have brought. Real git is asked what it opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.errors import Refused
from sahel_nb.repo.refs import RemoteRefs
from sahel_nb.repo.remote_path import is_inside, path_of, rewritten
from sahel_nb.repo.worktree import Worktree
from support.git import Git, run_git


@pytest.fixture
def repo(tmp_path: Path) -> Git:
    repo = Git.init(tmp_path / "nb")
    repo.commit("README.md")
    return repo


def url_of(repo: Git, remote: str) -> str:
    return RemoteRefs(Worktree.discover(repo.root), remote).url


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"url.ssh://host.example/.insteadOf": "team:"},
        {"url.a=b/.insteadOf": "team:", "url./srv/.insteadOf": "team:x"},
        {"url./one/.insteadOf": "te", "url./two/.insteadOf": "te", "url.https://h/.pushInsteadOf": "team:"},
    ],
)
def test_a_url_is_rewritten_as_git_does(repo: Git, settings: dict[str, str]) -> None:
    for key, value in settings.items():
        repo("config", "--add", key, value)
    listed = tuple(RemoteRefs(Worktree.discover(repo.root), "x")._everywhere)
    for url in ("team:nb.git", "team:x/nb.git", "/srv/nb.git", "git@host:team:nb"):
        reading, writing = rewritten(url, listed)
        assert reading == repo("ls-remote", "--get-url", url)
        repo("config", "remote.probe.url", url)
        assert writing == repo("remote", "get-url", "--push", "probe")


@pytest.mark.parametrize("url", ["{0}", "file://{0}", "../pl%C3%A9ace ŋ", "file://{0}/../place%20%C5%8B", "../place ŋ"])
def test_a_path_is_what_git_opens(repo: Git, tmp_path: Path, url: str) -> None:
    for name in ("place ŋ", "pl%C3%A9ace ŋ"):
        run_git("init", "-q", "--bare", str(tmp_path / name), cwd=tmp_path)
    shown = url.format(tmp_path / "place ŋ")
    run_git("push", "-q", shown, "HEAD:refs/x/y", cwd=repo.root)
    path = path_of(shown, repo.root)
    assert path is not None
    assert run_git("--git-dir=.", "for-each-ref", "--format=%(refname)", cwd=path) == "refs/x/y"


@pytest.mark.parametrize("url", ["https://h/x", "git@h:x", "ssh://h/x", "h:x", "ext::sh -c id"])
def test_an_address_of_a_host_is_no_path(repo: Git, url: str) -> None:
    assert path_of(url, repo.root) is None


@pytest.mark.parametrize(
    "url",
    ["./locks", "locks/../locks", "{root}/locks", "file://{root}/locks", "file://{root}/%6cocks", "../nb", "{root}/loc",
     "../link", "../linked/locks", "../link-to-git", "team:locks", "{root}/locks/"],
)  # fmt: skip
def test_a_remote_below_a_worktree_is_refused_however_it_is_spelt(repo: Git, tmp_path: Path, url: str) -> None:
    run_git("init", "-q", "--bare", "locks", cwd=repo.root)
    (repo.root / "loc.git").symlink_to("locks")
    repo("worktree", "add", "-q", str(tmp_path / "linked"))
    run_git("init", "-q", "--bare", "locks", cwd=tmp_path / "linked")
    (tmp_path / "link").symlink_to(repo.root / "locks")
    (tmp_path / "link-to-git.git").symlink_to(repo.root / "locks")
    repo("config", f"url.{repo.root}/.insteadOf", "team:")
    shown = url.format(root=repo.root)
    with pytest.raises(Refused, match="below the worktree: its hooks would run here"):
        url_of(repo, shown)
    repo("config", "remote.locks.url", shown)
    with pytest.raises(Refused, match="below the worktree"):
        url_of(repo, "locks")
    repo("config", "remote.locks.url", str(tmp_path / "elsewhere.git"))
    repo("config", "remote.locks.pushurl", shown)
    with pytest.raises(Refused, match="below the worktree"):
        url_of(repo, "locks")


def test_every_worktree_of_the_repository_counts(repo: Git, tmp_path: Path) -> None:
    repo("worktree", "add", "-q", str(tmp_path / "linked"))
    for root in (repo.root, tmp_path / "linked"):
        for other in (repo.root, tmp_path / "linked"):
            with pytest.raises(Refused, match="below the worktree"):
                url_of(Git(root), f"{other}/locks")


def test_a_submodule_takes_no_remote_from_the_repository_around_it(repo: Git, tmp_path: Path) -> None:
    part = Git.init(tmp_path / "part")
    part.commit("a.py")
    repo("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part.root), "part")
    inner = Git(repo.root / "part")
    for url in ("../locks", f"{repo.root}/locks"):
        with pytest.raises(Refused, match="below the worktree"):
            url_of(inner, url)
    assert url_of(inner, "origin") == str(part.root)


def test_other_places_and_gits_own_folder_are_fine(repo: Git, tmp_path: Path) -> None:
    worktree = Worktree.discover(repo.root)
    for path in (tmp_path / "nb.git", tmp_path / "nbx" / "y", repo.root / ".git/sahel-nb/locks.git", Path("/")):
        assert not is_inside(worktree, path)
    assert is_inside(worktree, repo.root)
    assert url_of(repo, "../other.git") == "../other.git"


def test_an_address_of_a_host_reaches_no_path_and_starts_no_program(repo: Git, tmp_path: Path) -> None:
    """Only what a person's own settings make of it does."""
    worktree = Worktree.discover(repo.root)
    other = tmp_path / "other.git"
    run_git("init", "-q", "--bare", str(other), cwd=tmp_path)
    repo("push", "-q", str(other), "HEAD:refs/x/y")
    address = "https://host.example/nb.git"
    only = RemoteRefs(worktree, address)._only
    assert "refs/x/y" in run_git("ls-remote", str(other), cwd=repo.root)
    for url in (str(other), f"file://{other}", f"ext::git-upload-pack {other}"):
        allowed = ("-c", "protocol.ext.allow=always")
        assert "refs/x/y" in run_git(*allowed, "ls-remote", url, cwd=repo.root)
        assert run_git(*allowed, *only, "ls-remote", url, cwd=repo.root, check=False) == ""
    repo("config", f"url.{other}.insteadOf", address)
    assert RemoteRefs(worktree, address).advertised("refs/x") == {"refs/x/y": repo.head()}
