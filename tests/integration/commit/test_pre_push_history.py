"""Proves which commits a push answers for, and by which rules: merges, tags, shallow clones, ids, settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sahel_nb.notebook.pair import mirror_of
from sahel_nb.notebook.strip import strip
from tests.integration.commit.pushing import TOKEN, clone_to_push_from, commit, meta, pushed
from tests.integration.commit.story import Clone, executed, kernel
from tests.support.git import Git, Origin
from tests.unit.notebook.shapes import simple


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return clone_to_push_from(tmp_path)


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


def test_a_merge_answers_for_what_it_brings_itself(clone: Clone) -> None:
    """Somebody's raw notebook has been on the remote for years; a merge of it is not refused, what it adds is."""
    clone.must("config", "--remove-section", "filter.sahel-nb")  # so that git can live with the raw one
    notebook = strip(simple("x = 1"))
    commit(clone, "Long ago", {"raw.ipynb": simple("x = 1"), "a.ipynb": notebook, "a.py": mirror_of(notebook)})
    clone.must("push", "-q", "--no-verify", "origin", "main")
    base = clone.git.head()
    other = strip(simple("x = 2"))
    clone.must("switch", "-qc", "side")
    commit(clone, "Raw again", {"raw.ipynb": simple("x = 1", "y = 1")})
    commit(clone, "Both", {"a.ipynb": other, "a.py": mirror_of(other)})
    clone.must("push", "-q", "--no-verify", "origin", "side")
    clone.must("switch", "-q", "main")
    commit(clone, "Topic", {"readme": "mine\n"})
    clone.must("merge", "-q", "--no-edit", "side")
    assert pushed(clone, "HEAD", base=base).code == 0
    clone.must("reset", "-q", "--hard", "HEAD~1")
    clone.must("merge", "-q", "--no-commit", "side")
    merge = commit(clone, "Half of each side", {"a.py": mirror_of(notebook)})
    said = pushed(clone, "HEAD", base=base)
    assert f"{merge[:9]}:a.ipynb: SNB303" in said.err
    assert "raw.ipynb" not in said.err
    clone.must("reset", "-q", "--hard", "HEAD~1")
    clone.must("merge", "-q", "--no-commit", "side")
    commit(clone, "Sneaked in", {"s.txt": TOKEN})
    assert "s.txt: line 1: SNB301" in pushed(clone, "HEAD", base=base).err
    clone.must("reset", "-q", "--hard", "HEAD~1")
    clone.must("merge", "-q", "-s", "ours", "--no-edit", "side")
    assert pushed(clone, "HEAD", base=base).code == 0


def test_every_ref_of_the_push_and_whatever_a_tag_stands_for(clone: Clone) -> None:
    commit(clone, "Clean", {"readme": "hello\n"})
    clone.must("tag", "-a", "-m", "Clean", "clean")
    clone.must("switch", "-q", "--orphan", "aside")
    bad = commit(clone, "Secret", {"s.txt": TOKEN})
    clone.must("tag", "-a", "-m", "x", "bad")
    clone.must("tag", "-a", "-m", "x", "badder", "bad")
    clone.must("switch", "-qf", "main")
    assert pushed(clone, "HEAD", "clean:refs/tags/clean").code == 0
    for tag in ("bad", "badder"):
        assert f"{bad[:9]}:s.txt" in pushed(clone, "HEAD", f"{tag}:refs/tags/{tag}").err
    assert pushed(clone, "HEAD", f"{bad}:refs/notes/x").code == 3
    # A file, and a folder.
    clone.must("tag", "file", f"{bad}:s.txt")
    clone.must("tag", "-a", "-m", "x", "folder", f"{bad}^{{tree}}")
    assert "refs/tags/file: line 1: SNB301" in pushed(clone, "file:refs/tags/file").err
    assert "s.txt: line 1: SNB301" in pushed(clone, "folder:refs/tags/folder").err
    clone.must("tag", "clean-file", "HEAD:readme")
    clone.must("tag", "clean-folder", "HEAD^{tree}")
    assert pushed(clone, "clean-file:refs/tags/a", "clean-folder:refs/tags/b").code == 0
    said = clone.run("push", "-q", "origin", "main", "bad")
    assert said.code != 0
    assert "s.txt" in said.err
    # Our own locks, and what is taken away.
    assert pushed(clone, f"{bad}:refs/sahel/locks/x").code == 0
    clone.must("push", "-q", "--no-verify", "origin", "bad", "main")
    clone.must("push", "-q", "origin", ":bad")


def test_what_the_remote_has_as_far_as_is_known(clone: Clone, tmp_path: Path) -> None:
    commit(clone, "Old", {"raw.ipynb": simple("x = 1")})
    clone.must("push", "-q", "--no-verify", "origin", "main")
    commit(clone, "New", {"readme": "x\n"})
    url = clone.git("remote", "get-url", "origin")
    for remote in ("origin", url):
        assert pushed(clone, "HEAD:refs/heads/new", remote=remote).code == 0
        # Somebody has pushed to the branch since; --force would be needed.
        assert pushed(clone, "HEAD", base="1" * 40, remote=remote).code == 0
    # A remote that was never fetched has nothing.
    clone.must("remote", "add", "fork", str(Origin.create(tmp_path / "fork.git").path))
    for remote in ("fork", str(tmp_path / "fork.git"), "https://elsewhere.example/x"):
        assert "raw.ipynb: SNB103" in pushed(clone, "HEAD", remote=remote).err
    assert pushed(clone, "HEAD", base=clone.git("rev-parse", "HEAD~1"), remote="fork").code == 0


def test_a_replaced_object_is_pushed_as_it_is(clone: Clone) -> None:
    commit(clone, "Secret", {"s.txt": TOKEN})
    clone.must("replace", clone.git("rev-parse", "HEAD:s.txt"), clone.git("rev-parse", "HEAD:.gitignore"))
    assert "hf_" not in clone.git("show", "HEAD:s.txt")
    assert "s.txt: line 1" in pushed(clone, "HEAD").err


def test_a_shallow_clone_pushes_what_it_adds(clone: Clone, tmp_path: Path) -> None:
    commit(clone, "Old", {"raw.ipynb": simple("x = 1")})
    commit(clone, "Newer", {"readme": "x\n"})
    clone.must("push", "-q", "--no-verify", "origin", "main")
    url = f"file://{clone.git('remote', 'get-url', 'origin')}"
    clone.must("clone", "-q", "--depth=1", url, str(tmp_path / "shallow"))
    shallow = Clone(Git(tmp_path / "shallow"))
    shallow.git.become("Awa Diop")
    shallow.must("config", "sahel-nb.hook", clone.git("config", "sahel-nb.hook"))
    commit(shallow, "Mine", {"mine": "x\n"})
    assert pushed(shallow, "HEAD", base=clone.git.head()).code == 0
    # To a remote that has nothing goes all of it: the cut-off commit brings whatever it has, and is never remembered.
    assert "raw.ipynb" in pushed(shallow, "HEAD", remote="elsewhere").err
    commit(shallow, "Gone", {"raw.ipynb": None})
    shallow.must("checkout", "-q", "--orphan", "new")
    shallow.must("commit", "-qm", "As it is")
    assert pushed(shallow, "HEAD", remote="elsewhere").code == 0


def test_an_id_is_permanent_however_it_changes(clone: Clone) -> None:
    notebook = strip(simple("x = 1", "y = 2", "z = 3"))
    both = {"k.ipynb": notebook, "k.py": mirror_of(notebook)}
    a, b, c = ({f"{folder}/{name}": content for name, content in both.items()} for folder in "abc")
    key = "kernel-metadata.json"
    base = commit(clone, "Kernel", {**a, f"a/{key}": meta("first-model")})
    assert pushed(clone, "HEAD").code == 0

    def refused(*, twice: str = "") -> None:
        said = pushed(clone, "HEAD", base=base)
        assert "changes the permanent id awa/first-model to awa/second-model" in said.err
        if not twice:
            assert pushed(clone, "HEAD", base=base, SAHEL_NB_ALLOW_ID_CHANGE="1").code == 0
            assert pushed(clone, "HEAD", base=base).code == 3  # what was allowed once is not remembered
        clone.must("reset", "-q", "--hard", base)

    gone = dict.fromkeys([*a, f"a/{key}"])
    commit(clone, "In place", {f"a/{key}": meta("second-model")})
    commit(clone, "And back", {f"a/{key}": meta("first-model")})
    refused(twice="first-model to second-model and back: both commits say so")
    commit(clone, "Renamed with its folder", {**gone, **b, f"b/{key}": meta("second-model")})
    refused()
    commit(clone, "Taken away", {**gone})
    commit(clone, "And made anew", {**a, f"a/{key}": meta("second-model")})
    refused()
    # Nothing of this changes one.
    commit(clone, "Renamed", {**gone, **b, f"b/{key}": meta("first-model")})
    commit(clone, "Copied", {**c, f"c/{key}": meta("second-model")})
    assert pushed(clone, "HEAD", base=base).code == 0


def test_a_notebook_that_opted_out_then_or_later(clone: Clone) -> None:
    attributes = clone.disk(".gitattributes")
    raw = simple("x = 1")
    base = clone.git.head()
    commit(clone, "Raw", {"data/raw.ipynb": raw})
    assert "data/raw.ipynb: SNB103" in pushed(clone, "HEAD", base=base).err
    # Only the worktree says so: that is not what is pushed.
    clone.git.write(".gitattributes", attributes + b"data/*.ipynb -filter\n")
    assert pushed(clone, "HEAD", base=base).code == 3
    commit(clone, "Out", {".gitattributes": attributes + b"data/*.ipynb -filter\n"})
    assert pushed(clone, "HEAD", base=base).code == 0
    assert pushed(clone, "HEAD~1", base=base).code == 3  # without that commit it stays refused
    commit(clone, "In again, stripped", {".gitattributes": attributes, "data/raw.ipynb": None})
    said = pushed(clone, "HEAD", base=base)
    assert said.err.count("SNB103") == 1  # that of the commit before it opted out
    # Secrets have no way out.
    commit(clone, "Secret", {".gitattributes": b"* -filter\n", "data/s.ipynb": simple(f"t = '{TOKEN}'")})
    assert "data/s.ipynb: cell 1, line 1: SNB301" in pushed(clone, "HEAD", base=base).err


def test_each_commit_has_its_own_settings(clone: Clone) -> None:
    notebook = strip(simple("x = 1"))
    commit(clone, "Without mirrors", {"sahel-nb.toml": '[pair]\nformat = ""\n', "a.ipynb": notebook})
    commit(clone, "With", {"sahel-nb.toml": "", "a.py": mirror_of(notebook)})
    assert pushed(clone, "HEAD").code == 0
    commit(clone, "Broken", {"sahel-nb.toml": "[what]\n"})
    assert "sahel-nb.toml: SNB406 sahel-nb.toml: unknown section [what]" in pushed(clone, "HEAD").err
    clone.must("reset", "-q", "--hard", "HEAD~1")
    commit(clone, "Rules", {"sahel-nb.toml": '[lint]\ndisable = ["SNB103", "SNB301"]\n', "a.ipynb": simple("x = 1")})
    commit(clone, "Secret", {"s.txt": TOKEN})
    said = pushed(clone, "HEAD")
    assert "SNB103" not in said.err
    assert "SNB301" in said.err
