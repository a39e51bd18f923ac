"""A clone is somebody else's work: links in it lead no command of ours out of it, and a refusal says what to type."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.commit.story import Clone, Said, executed, kernel, sahel_nb, set_up
from tests.unit.notebook.shapes import simple


@pytest.fixture
def embedded(clone: Clone) -> Iterator[None]:
    """A command may start the embedded service; it ends with the test."""
    yield
    sahel_nb(clone, "local", "stop")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Below the same folder there is one more, which is nobody's business."""
    (tmp_path / "outside").mkdir()
    bare = json.loads(simple("x = 1"))
    del bare["metadata"]["kernelspec"]
    (tmp_path / "outside" / "kept.ipynb").write_text(json.dumps(bare))
    return set_up(tmp_path / "o ŋ")


def outside(clone: Clone) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (clone.root.parent / "outside").rglob("*") if path.is_file()}


def refused(said: Said, *words: str) -> None:
    assert said.code != 0, said
    for word in words:
        assert word in said.err, said


def test_a_commit_writes_no_script_through_a_folder_that_is_a_link(clone: Clone) -> None:
    name = kernel(clone)
    before = outside(clone)
    clone.git.write("jupytext.toml", 'formats = "notebooks///ipynb,scripts///py:percent"\n')
    (clone.root / "scripts").symlink_to("../outside")
    clone.must("rm", "-q", f"{name}.py")
    clone.must("add", "-A", ".")
    clone.must("commit", "-qm", "Links", "--no-verify")
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_0="edited = 1"))
    clone.must("add", "-A", ".")

    refused(
        clone.run("commit", "-m", "typo"), "behind scripts, a link that leads out of the repository", "$ rm scripts"
    )
    refused(sahel_nb(clone, "pair"), "behind scripts, a link that leads out of the repository", "$ rm scripts")

    assert outside(clone) == before
    assert clone.must("diff", "--cached", "--name-only").split() == [f"{name}.ipynb"]
    (clone.root / "scripts").unlink()  # what was said to be typed
    clone.must("add", "-A", ".")
    clone.must("commit", "-qm", "typo")
    assert (clone.root / "scripts/fula-model/fula-model.py").is_file()


@pytest.mark.parametrize(
    "command",
    [
        ("strip", "linked.ipynb"),
        ("strip", "folder/kept.ipynb"),
        ("pair", "--from", "mirror", "linked.ipynb"),
        ("lint", "--fix", "linked.ipynb"),
        ("vault", "restore", "--to", "folder/new.ipynb", "a.ipynb"),
        ("new", "some-kernel", "--owner", "awa"),
        ("init",),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_no_command_writes_through_a_link(clone: Clone, command: tuple[str, ...]) -> None:
    clone.git.write("a.ipynb", executed(simple("x = 1")))
    clone.must("add", ".")
    for link, to in {
        "linked.ipynb": "../outside/kept.ipynb",
        "linked.py": "../outside/linked.py",
        "folder": "../outside",
        "notebooks": "../outside",
        "runs": "../outside",
    }.items():
        (clone.root / link).symlink_to(to)
    (clone.root / ".gitignore").unlink()
    (clone.root / ".gitignore").symlink_to("../outside/ignored")
    before = outside(clone)

    refused(sahel_nb(clone, *command))

    assert outside(clone) == before


@pytest.mark.usefixtures("embedded")
def test_outputs_do_not_go_through_one(clone: Clone) -> None:
    (clone.root / "runs").symlink_to("../outside")
    refused(sahel_nb(clone, "output", "awa/some-kernel@v1", "--local"), "runs is a link that leads out")
    assert list(outside(clone)) == ["kept.ipynb"]


def test_a_link_to_a_file_beside_it_is_followed(clone: Clone) -> None:
    clone.git.write("nb/a.ipynb", executed(simple("x = 1")))
    (clone.root / "a.ipynb").symlink_to("nb/a.ipynb")
    assert sahel_nb(clone, "strip", "a.ipynb").code == 0
    assert b"computed" not in clone.disk("nb/a.ipynb")
    assert (clone.root / "a.ipynb").is_symlink()


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize("which", ["runs", "runs/fula-model"])
def test_a_run_is_refused_before_it_starts_where_its_outputs_would_go_elsewhere(clone: Clone, which: str) -> None:
    kernel(clone)
    (clone.root / which).parent.mkdir(exist_ok=True)
    (clone.root / which).symlink_to(clone.root.parent / "outside")
    before = outside(clone)

    said = sahel_nb(clone, "rehearse")

    refused(said, f"{which} is", "a link that leads out of the repository", f"$ rm {which}")
    assert said.code == 3
    assert outside(clone) == before
    assert not os.path.lexists(clone.root.parent / ".gitignore")


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize("file", ["kernel-metadata.json", "fula-model.ipynb"])
def test_a_link_is_never_what_runs(clone: Clone, file: str) -> None:
    folder = clone.root / Path(kernel(clone)).parent
    secret = clone.root.parent / "outside" / file
    (folder / file).rename(secret)
    (folder / file).symlink_to(secret)
    clone.must("add", "-A", ".")
    clone.must("commit", "-qm", "Linked", "--no-verify")

    said = sahel_nb(clone, "run", "--dry-run", "--local", "notebooks/fula-model")

    assert said.code == 2, said
    assert json.loads(secret.read_bytes())  # it is as it was


@pytest.mark.parametrize(
    "name", ["sahel-nb.toml", "jupytext.toml", ".pre-commit-config.yaml", "fula-model.ipynb", "fula-model.py"]
)
def test_nothing_waits_for_a_pipe_behind_a_link(clone: Clone, name: str) -> None:
    """Git has links to /dev/zero and /dev/tty as it has others."""
    folder = (clone.root / f"{kernel(clone)}.ipynb").parent
    path = (clone.root if name.endswith(("toml", "yaml")) else folder) / name
    os.mkfifo(clone.root.parent / "pipe")
    path.unlink(missing_ok=True)
    path.symlink_to(clone.root.parent / "pipe")
    clone.must("add", "-A", ".")

    clone.run("commit", "-qm", "Links")
    for command in (("lint", "--fix"), ("pair",), ("pair", "--check"), ("status",), ("strip", str(path))):
        said = sahel_nb(clone, *command)
        assert "a bug of ours" not in said.err, said
    if name == "sahel-nb.toml":
        refused(sahel_nb(clone, "run"), "sahel-nb.toml cannot be read: it is no regular file")
