"""Proves the last gate before the remote, through the real shim: history is looked at, not only its tip."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.hooks.history import parse_commits
from sahel_nb.hooks.pre_push import parse_updates
from tests.integration.commit.story import Clone, executed, kernel, set_up
from tests.support.git import Origin
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = set_up(tmp_path / "o ŋ")
    made.must("remote", "add", "origin", str(Origin.create(tmp_path / "origin.git").path))
    return made


def test_clean_commits_go_out(clone: Clone) -> None:
    kernel(clone)
    clone.must("push", "-q", "-u", "origin", "main")
    clone.must("push", "-q", "origin", "main")
    clone.must("push", "-q", "origin", "main:refs/heads/other")
    clone.must("push", "-q", "origin", ":refs/heads/other")
    assert clone.git("rev-parse", "origin/main") == clone.git.head()


def test_outputs_deep_in_history_are_refused(clone: Clone) -> None:
    clone.commit_raw("a.ipynb", simple("x = 1"))
    raw = clone.git("rev-parse", "--short=9", "HEAD")
    clone.must("add", "--renormalize", ".")
    clone.must("commit", "-qm", "Stripped and paired")
    said = clone.run("push", "-q", "origin", "main")
    assert said.code != 0
    assert f"{raw}:a.ipynb: SNB103" in said.err
    assert f"{raw}:a.ipynb: SNB304" in said.err
    assert clone.run("push", "-q", "--no-verify", "origin", "main").code == 0
    # What the remote has already is not asked again.
    clone.git.write("README.md")
    clone.must("add", ".")
    clone.must("commit", "-qm", "More")
    clone.must("push", "-q", "origin", "main")


def test_secrets_mirrors_and_metadata_are_refused(clone: Clone) -> None:
    name = kernel(clone)
    clone.must("push", "-q", "-u", "origin", "main")
    clone.git.write("s.txt", "hf_" + "aB3" * 11 + "x\n")
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="alone = 1"))
    clone.git.write("notebooks/fula-model/kernel-metadata.json", '{"id": "awa/other"}')
    clone.must("add", ".")
    clone.must("commit", "-qm", "All of it", "--no-verify")
    said = clone.run("push", "-q")
    assert said.code != 0
    for code in ("SNB301", "SNB302", "SNB303", "SNB401"):
        assert code in said.err
    assert "hf_aB3" not in said.err


def test_a_dirty_kernel_folder_is_refused(clone: Clone) -> None:
    name = kernel(clone)
    clone.git.write("elsewhere.txt")
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb")))
    clone.must("push", "-q", "-u", "origin", "main")
    clone.git.write("notebooks/fula-model/helper.py")
    clone.git.write("README.md")
    clone.must("add", "README.md")
    clone.must("commit", "-qm", "More")
    said = clone.run("push", "-q")
    assert said.code != 0
    assert "?? notebooks/fula-model/helper.py" in said.err
    assert clone.run("push", "-q", SAHEL_NB_ALLOW_DIRTY="1").code == 0


def test_a_merge_is_looked_at_from_both_sides(clone: Clone) -> None:
    name = kernel(clone)
    clone.must("push", "-q", "-u", "origin", "main")
    clone.must("switch", "-qc", "side")
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="side = 1"))
    clone.must("commit", "-qam", "Side")
    clone.must("switch", "-q", "main")
    clone.git.write("README.md")
    clone.must("add", ".")
    clone.must("commit", "-qm", "Main")
    clone.must("merge", "-q", "--no-edit", "side")
    clone.must("push", "-q")


def test_a_merge_that_mixes_halves_is_named_afterwards(clone: Clone) -> None:
    name = kernel(clone)
    clone.must("switch", "-qc", "side")
    clone.git.write(f"{name}.py", clone.disk(f"{name}.py") + b"\n# %%\nside = 1\n")
    clone.must("commit", "-qam", "Mirror alone", "--no-verify")
    clone.must("switch", "-q", "main")
    clone.git.write("README.md")
    clone.must("add", ".")
    clone.must("commit", "-qm", "Main")
    said = clone.run("merge", "--no-edit", "side")
    assert said.code == 0
    assert "saying different things" in said.err


def test_a_checkout_names_notebooks_committed_with_outputs(clone: Clone) -> None:
    clone.must("switch", "-qc", "raw")
    clone.commit_raw("a.ipynb", simple("x = 1"))
    clone.must("switch", "-qf", "main")
    said = clone.run("switch", "raw")
    assert said.code == 0
    assert "a.ipynb: committed with outputs" in said.err
    assert "git add --renormalize" in said.err


def test_what_git_says_is_parsed() -> None:
    zero, one = "0" * 40, "1" * 40
    (gone, made) = parse_updates(f"(delete) {zero} refs/heads/x {one}\nrefs/heads/m {one} refs/heads/m {zero}\n")
    assert gone.deletes
    assert not made.deletes
    assert (made.ref, made.local, made.remote) == ("refs/heads/m", one, zero)
    raw = f":100644 100644 {one} {'2' * 40} M".encode()
    assert parse_commits([one.encode(), raw, b"a b", raw, b"c", b"3" * 40, b""]) == [
        (one, [parse_commits([b"x", raw, b"a b"])[0][1][0], parse_commits([b"x", raw, b"c"])[0][1][0]]),
        ("3" * 40, []),
    ]
