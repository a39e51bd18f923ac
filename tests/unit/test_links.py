"""Proves that no link of a repository leads a write out of it, and that what is a person's own is followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sahel_nb.errors import Refused
from sahel_nb.hooks.halves import Halves
from sahel_nb.hooks.inplace import replace
from sahel_nb.links import LeadsOut, folder_opened, inside, plain


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """With a folder beside it, and links in it that lead out in every way."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept.ipynb").write_text("theirs")
    root = tmp_path / "a répo ŋ"
    for folder in (".git/hooks", "notebooks/deep", "scripts"):
        (root / folder).mkdir(parents=True)
    (root / "notebooks" / "one.ipynb").write_text("ours")
    for link, to in {
        "out": "../outside",
        "far": str(tmp_path / "outside"),
        "file.ipynb": "../outside/kept.ipynb",
        "new.py": "../outside/new.py",
        "twice": "out",
        "notebooks/deep/out": "../../../outside",
        "hooks": ".git/hooks",
        "git": ".git",
        "loop": "loop",
        "ring": "gnir",
        "gnir": "ring",
        "in": "notebooks",
        "one.ipynb": "notebooks/one.ipynb",
        "later.py": "scripts/later.py",
        "stdin": "/dev/stdin",
    }.items():
        (root / link).symlink_to(to)
    return root


OUT = (
    *("out/x.py", "far/x.py", "file.ipynb", "new.py", "twice/x.py", "notebooks/deep/out/x.py", "out/new/folder/x.py"),
    *("hooks/pre-commit", "git/config", ".git/config", "scripts/../.GIT/config", "loop", "ring/x.py", "stdin"),
)


@pytest.mark.parametrize("path", OUT)
def test_nothing_is_written_through_a_link_that_leads_out(repository: Path, path: str) -> None:
    before = _everything(repository.parent)
    for write in (
        lambda: Halves(str(repository)).replace(path.encode(), b"data"),
        lambda: Halves(str(repository)).move(b"notebooks/one.ipynb", path.encode() + b"/moved"),
        lambda: replace(repository / path, b"data"),
    ):
        with pytest.raises(Refused):
            write()
        assert _everything(repository.parent) == before


@pytest.mark.parametrize("path", ["out/kept.ipynb", "far/kept.ipynb", "twice/kept.ipynb", "git/hooks"])
def test_nothing_is_read_or_removed_behind_one(repository: Path, path: str) -> None:
    files = Halves(str(repository))
    for change in (files.read, files.remove, lambda old: files.move(old, b"scripts/here")):
        with pytest.raises(LeadsOut):
            change(path.encode())  # type: ignore[operator]  # one of three, which differ in what they return


def test_a_link_itself_is_removed(repository: Path) -> None:
    Halves(str(repository)).remove(b"file.ipynb")
    assert not os.path.lexists(repository / "file.ipynb")
    assert (repository.parent / "outside" / "kept.ipynb").read_text() == "theirs"


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("in/two.py", "notebooks/two.py"),
        ("one.ipynb", "notebooks/one.ipynb"),
        ("later.py", "scripts/later.py"),
        ("scripts/new/folder/x.py", "scripts/new/folder/x.py"),
    ],
)
def test_a_link_that_stays_inside_is_followed_and_stays(repository: Path, path: str, real: str) -> None:
    Halves(str(repository)).replace(path.encode(), b"data")
    assert (repository / real).read_bytes() == b"data"
    assert not (repository / real).is_symlink()


def test_the_refusal_names_the_file_the_link_and_what_to_type(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository / "notebooks")
    with pytest.raises(LeadsOut) as behind:
        inside(f"{repository}/out/x.py", "out/x.py")
    assert behind.value.message == (
        f"out/x.py is behind ../out, a link that leads out of the repository, to {repository.parent}/outside/x.py"
    )
    assert behind.value.hints == ("rm ../out",)
    with pytest.raises(LeadsOut, match=r"file\.ipynb is a link that leads out of the repository"):
        inside(f"{repository}/file.ipynb", "file.ipynb")
    with pytest.raises(LeadsOut, match="a link that leads into git's own folder"):
        inside(f"{repository}/hooks/pre-commit", "hooks/pre-commit")


def test_links_that_lie_in_no_repository_are_the_users_own(repository: Path) -> None:
    mine = repository.parent / "mine.ipynb"
    mine.symlink_to("outside/kept.ipynb")
    replace(mine, b"data", b"theirs")
    assert mine.is_symlink()
    assert (repository.parent / "outside" / "kept.ipynb").read_bytes() == b"data"


def test_a_root_is_not_left_without_a_link_either(repository: Path) -> None:
    with pytest.raises(LeadsOut):
        inside(f"{repository}/../outside/x", root=str(repository))
    assert inside(f"{repository}/../outside/x") == f"{repository.parent}/outside/x"


def test_a_worktree_that_lies_below_git_is_one(repository: Path) -> None:
    below = repository / ".git" / "trees" / "side"
    below.mkdir(parents=True)
    (below / ".git").write_text("gitdir: ../../worktrees/side\n")
    assert inside(f"{below}/x.py", root=str(below)) == f"{below}/x.py"
    with pytest.raises(LeadsOut):
        inside(f"{below}/.git", root=str(below))


def test_a_link_that_is_put_in_the_way_meanwhile_is_not_followed(repository: Path) -> None:
    real = inside(f"{repository}/scripts/x.py").rpartition("/")[0]
    (repository / "scripts").rename(repository / "was")
    (repository / "scripts").symlink_to("../outside")
    with pytest.raises(OSError), folder_opened(real, make=True):
        pass
    with pytest.raises(OSError), open(repository / "new.py", "wb", opener=plain):
        pass
    assert not (repository.parent / "outside" / "new.py").exists()


def _everything(folder: Path) -> dict[str, str]:
    """Every file with its content, every link with where it leads."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        found[name] = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else "folder"
    return found
