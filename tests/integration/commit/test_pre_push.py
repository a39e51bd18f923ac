"""Proves the last gate before the remote: history is looked at, not only its tip, and the worktree not at all."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from sahel_nb.hooks.history import parse_commits
from sahel_nb.hooks.pre_push import parse_updates
from sahel_nb.notebook.pair import mirror_of
from sahel_nb.notebook.strip import strip
from tests.integration.commit.story import Clone, Said, executed, kernel, set_up
from tests.support.git import Git, Origin
from tests.unit.notebook.shapes import simple

TOKEN = "hf_" + "aB3" * 11 + "x"
ZERO = "0" * 40


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = set_up(tmp_path / "o ŋ")
    made.must("remote", "add", "origin", str(Origin.create(tmp_path / "origin.git").path))
    return made


def pushed(clone: Clone, *refs: str, base: str = ZERO, remote: str = "origin", **env: str) -> Said:
    """The hook as git calls it, for a push of these revisions; nothing is sent."""
    runner = shlex.split(clone.git("config", "sahel-nb.hook"))
    updates = [ref.partition(":")[::2] for ref in refs]
    lines = [f"{rev} {clone.git('rev-parse', rev)} {to or 'refs/heads/main'} {base}\n" for rev, to in updates]
    done = subprocess.run(
        [*runner, "pre-push", remote, "url"],
        cwd=clone.root,
        input="".join(lines).encode(),
        capture_output=True,
        env={**os.environ, **env},
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def commit(clone: Clone, message: str, files: Mapping[str, str | bytes | None]) -> str:
    """A commit of exactly these contents, without filter and hooks; None removes."""
    for path, content in files.items():
        if content is None:
            clone.must("rm", "-q", "-f", "--", path)
        else:
            clone.git.write(path, content)
            oid = clone.git("hash-object", "-w", "--no-filters", "--", path)
            clone.must("update-index", "--add", "--cacheinfo", f"100644,{oid},{path}")
    clone.must("commit", "-q", "--no-verify", "--allow-empty", "-m", message)
    return clone.git.head()


def asked_of_git(clone: Clone, tmp_path: Path, *refs: str, **env: str) -> str:
    """Which git commands a push takes that must go through."""
    log, wrapper = tmp_path / "log", tmp_path / "bin" / "git"
    wrapper.parent.mkdir(exist_ok=True)
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(log))}\nexec {shutil.which("git")} "$@"\n')
    wrapper.chmod(0o755)
    log.write_text("")
    said = pushed(clone, *refs, PATH=f"{wrapper.parent}:{os.environ['PATH']}", **env)
    assert said.code == 0, said
    return log.read_text()


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
    clone.git.write("s.txt", TOKEN + "\n")
    clone.git.write(f"{name}.ipynb", executed(clone.disk(f"{name}.ipynb"), cell_1="alone = 1"))
    clone.git.write("notebooks/fula-model/kernel-metadata.json", '{"id": "awa/other"}')
    clone.must("add", ".")
    clone.must("commit", "-qm", "All of it", "--no-verify")
    said = clone.run("push", "-q")
    assert said.code != 0
    for code in ("SNB301", "SNB302", "SNB303", "SNB401"):
        assert code in said.err
    assert "hf_aB3" not in said.err
    clone.must("rm", "-q", "s.txt")
    clone.must("commit", "-qm", "Too late", "--no-verify")
    assert "s.txt: line 1" in pushed(clone, "HEAD", base=clone.git("rev-parse", "origin/main")).err


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


def test_what_was_found_clean_is_not_read_again(clone: Clone, tmp_path: Path) -> None:
    name = kernel(clone)
    commit(clone, "More", {"readme": "more\n"})
    first = asked_of_git(clone, tmp_path, "HEAD")
    assert "diff-tree" in first
    assert "cat-file" in first
    again = asked_of_git(clone, tmp_path, "HEAD")
    assert "rev-list" in again
    assert "diff-tree" not in again
    assert "cat-file" not in again
    # Under another name, and after a rebase: the blobs are known, and need not even be there.
    commit(clone, "Secret", {"s.txt": TOKEN})
    assert pushed(clone, "HEAD:refs/heads/x").code == 3
    assert pushed(clone, "HEAD:refs/heads/x").code == 3
    clone.must("reset", "-q", "--hard", "HEAD~1")
    oid = clone.git("rev-parse", "HEAD:readme")
    clone.must("commit", "-q", "--no-verify", "--amend", "-m", "Other words")
    (clone.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    assert "diff-tree" in asked_of_git(clone, tmp_path, "HEAD")
    # Other rules know nothing of it.
    said = pushed(clone, "HEAD", SAHEL_NB_PAIR_FORMAT="md:markdown")
    assert f"{name}.ipynb: SNB304 has no mirror" in said.err
    clone.must("config", "sahel-nb.pair.format", "md:markdown")
    assert pushed(clone, "HEAD").code == 3


def test_a_damaged_memory_is_forgotten(clone: Clone, tmp_path: Path) -> None:
    assert pushed(clone, "HEAD").code == 0
    (memory,) = (clone.root / ".git" / "sahel-nb" / "clean").iterdir()
    bad = commit(clone, "Secret", {"s.txt": TOKEN})
    memory.write_bytes(b"c" + bad.encode() + b"\n")  # without the first line it is not ours
    assert pushed(clone, "HEAD").code == 3
    memory.write_bytes(memory.read_bytes() + b"\nc" + bad.encode()[:20])
    assert pushed(clone, "HEAD").code == 3
    assert "diff-tree" not in asked_of_git(clone, tmp_path, "HEAD~1")


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


def meta(name: str, **more: object) -> str:
    explicit = {key: [] for key in ("dataset_sources", "competition_sources", "kernel_sources", "model_sources")}
    flags = {"is_private": True, "enable_gpu": False, "enable_tpu": False, "enable_internet": True}
    title = name.replace("-", " ").title()
    base = {
        "id": f"awa/{name}",
        "title": title,
        "code_file": "k.ipynb",
        "language": "python",
        "kernel_type": "notebook",
    }
    return json.dumps(base | explicit | flags | more)


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
    (gone, made) = parse_updates(f"(delete) {zero} refs/heads/x {one}\nHEAD@{{1 day ago}} {one} refs/heads/m {zero}\n")
    assert gone.deletes
    assert not made.deletes
    assert (made.ref, made.local, made.remote) == ("refs/heads/m", one, zero)
    raw = f":100644 100644 {one} {'2' * 40} M".encode()
    assert parse_commits([one.encode(), raw, b"a b", raw, b"c", b"3" * 40, b""]) == [
        (one, [parse_commits([b"x", raw, b"a b"])[0][1][0], parse_commits([b"x", raw, b"c"])[0][1][0]]),
        ("3" * 40, []),
    ]
