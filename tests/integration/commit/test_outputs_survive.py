"""Proves that no output that a person computed is lost by what they do with git: round trips give back every byte, and
a version that somebody else wrote comes with the outputs of the cells that nobody touched.

Each story is told with all kinds of notebooks at once: edited and executed, only executed again, new, two that are the
same but for their outputs, and a renamed one.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sahel_nb.notebook.strip import strip
from tests.integration.commit.story import Clone, set_up
from tests.support.git import Git, Origin
from tests.unit.notebook.shapes import simple

SOURCES = ("a", "b", "c", "d", "e")
MINE = ("a", "b, mine", "c", "d", "e")
THEIRS = ("a", "b", "c", "d, theirs", "e")
EDITED, AGAIN, NEW, RENAMED, BEFORE = "edited ŋ.ipynb", "k/again.ipynb", "new.ipynb", "renamed.ipynb", "before.ipynb"
TWINS = ("one/twin.ipynb", "two/twin.ipynb")
MOVED = {EDITED: "moved/edited.ipynb", AGAIN: "moved again.ipynb"}
WHO = {RENAMED: BEFORE, **{moved: path for path, moved in MOVED.items()}}
KINDS = (EDITED, AGAIN, *TWINS, RENAMED)
COMMITTED = (EDITED, AGAIN, *TWINS, BEFORE)


def called(who: str) -> str:
    """The last cell: no two notebooks are the same but the twins."""
    return f"name = {Path(who).stem!r}"


def ran(who: str, when: str, sources: tuple[str, ...] = SOURCES) -> bytes:
    """As Jupyter saves it. Every output says whose it is, and of which execution."""
    notebook = json.loads(simple(*sources, called(who)))
    for cell in notebook["cells"]:
        cell["outputs"][0]["text"] = [f"{who}: {''.join(cell['source'])}: {when}\n"]
        cell["metadata"] = {"scrolled": when == "second"}
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def theirs(path: str, sources: tuple[str, ...] = THEIRS) -> bytes:
    return strip(simple(*sources, called(WHO.get(path, path))))


@dataclass(frozen=True)
class Desk:
    """A clone in which notebooks were executed and committed once, and worked on since."""

    clone: Clone
    bob: Git

    def do(self, command: str) -> None:
        self.clone.must(*command.split())

    def work(self) -> dict[str, bytes]:
        """A second day: nothing of it is staged but the renaming."""
        self.clone.must("mv", BEFORE, RENAMED)
        done = {path: ran(path, "second") for path in (AGAIN, *TWINS, NEW)}
        done[EDITED] = ran(EDITED, "second", MINE)
        done[RENAMED] = ran(BEFORE, "second")
        for path, raw in done.items():
            self.clone.git.write(path, raw)
        return done

    def commit(self, message: str = "Mine") -> None:
        self.clone.must("add", ".")
        self.clone.must("commit", "-qm", message, "--no-verify")

    def on_disk(self, *paths: str) -> dict[str, bytes]:
        return {path: self.clone.disk(path) for path in paths}

    def lost(self, *paths: str) -> list[str]:
        """Each cell that was computed here, stands on disk as it was then, and has not the output it had."""
        found = []
        for path in paths:
            who = WHO.get(path, path)
            computed = (*SOURCES, *MINE, called(who)) if who == EDITED else (*SOURCES, called(who))
            cells = json.loads(self.clone.disk(path))["cells"]
            assert cells
            for cell in cells:
                source = "".join(cell["source"])
                text = "".join(line for out in cell["outputs"] for line in out["text"])
                if source in computed and not text.startswith(f"{who}: {source}: "):
                    found.append(f"{path}: {source}: {text!r}")
        return found

    def sources(self, path: str) -> list[str]:
        return ["".join(cell["source"]) for cell in json.loads(self.clone.disk(path))["cells"]]

    def bob_edits(self, *paths: str, sources: tuple[str, ...] = THEIRS) -> None:
        """Somebody without our outputs edits one cell of every notebook, and pushes."""
        for path in paths:
            self.bob.write(path, theirs(path, sources))
        self.bob("add", ".")
        self.bob("commit", "-qm", "Theirs", "--no-verify")
        self.bob("push", "-q", "origin", "HEAD:main")

    def branch_of_bob(self, *paths: str) -> None:
        """The same, as a branch of this clone."""
        self.bob_edits(*paths)
        self.do("fetch -q origin main:other")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    clone = set_up(tmp_path / "o ŋ 'q")
    for path in COMMITTED:
        # Yesterday: what was written in the same second as the index, git looks at more often than at other files.
        yesterday = clone.git.write(path, ran(path, "first")).stat().st_mtime - 86400
        os.utime(clone.root / path, (yesterday, yesterday))
    clone.must("add", ".")
    clone.must("commit", "-qm", "Notebooks", "--no-verify")
    origin = Origin.create(tmp_path / "origin.git")
    clone.must("remote", "add", "origin", str(origin.path))
    clone.must("push", "-q", "-u", "origin", "main", "--no-verify")
    bob = origin.clone("bob")
    bob("reset", "-q", "--hard", "origin/main")
    return Desk(clone, bob)


def _stash(desk: Desk) -> None:
    desk.do("stash -q")
    assert desk.lost(*COMMITTED) == []
    desk.do("stash pop -q")


def _stash_with_new(desk: Desk) -> None:
    desk.do("stash -q -u")
    assert not (desk.clone.root / NEW).exists()
    desk.do("stash pop -q")


def _stash_index(desk: Desk) -> None:
    desk.do("add .")
    desk.do("stash -q")
    desk.do("stash pop -q --index")


def _stash_patch_of_one(desk: Desk) -> None:
    desk.clone.must("stash", "push", "-q", "--", EDITED, AGAIN)
    desk.do("stash apply -q")


def _stash_to_branch(desk: Desk) -> None:
    desk.do("stash -q -u")
    desk.do("stash branch later")


def _switch_and_back(desk: Desk) -> None:
    desk.branch_of_bob(*COMMITTED)
    desk.commit()
    desk.do("switch -q other")
    assert desk.lost(*COMMITTED) == []
    assert desk.sources(EDITED) == [*THEIRS, called(EDITED)]
    desk.do("switch -q -")


def _checkout_and_back(desk: Desk) -> None:
    desk.branch_of_bob(*COMMITTED)
    desk.do("checkout -q -b mine")
    desk.commit()
    desk.do("checkout -q other")
    desk.do("checkout -q main")
    assert desk.lost(*COMMITTED) == []
    desk.do("checkout -q --detach other")
    desk.do("checkout -q mine")


def _switch_to_where_they_are_not(desk: Desk) -> None:
    desk.commit()
    desk.do("switch -q --orphan empty")
    assert not (desk.clone.root / EDITED).exists()
    desk.do("switch -q main")


def _reset_and_back(desk: Desk) -> None:
    desk.commit()
    desk.do("reset -q --hard HEAD~1")
    assert desk.lost(*COMMITTED) == []
    desk.do("reset -q --hard ORIG_HEAD")


def _merge_aborted(desk: Desk) -> None:
    desk.commit()
    desk.bob_edits(EDITED, sources=("a", "b, theirs", "c", "d", "e"))
    desk.do("fetch -q")
    desk.clone.run("merge", "-q", "--no-commit", "origin/main")
    desk.do("merge --abort")


def _rebase_aborted(desk: Desk) -> None:
    desk.commit()
    desk.bob_edits(EDITED, sources=("a", "b, theirs", "c", "d", "e"))
    desk.do("fetch -q")
    assert desk.clone.run("rebase", "-q", "origin/main").code != 0
    desk.do("rebase --abort")


def _pre_commit_framework(desk: Desk) -> None:
    """The real one: it puts unstaged changes aside with `git diff` and `git checkout`, and back with `git apply`."""
    hook = "{id: look, name: look, entry: git status --short, language: system, pass_filenames: false, verbose: true}"
    desk.clone.git.write(".pre-commit-config.yaml", f"repos: [{{repo: local, hooks: [{hook}]}}]\n")
    framework = (sys.executable, "-m", "pre_commit")
    desk.clone.must("-c", f"alias.framework=!'{framework[0]}' -m pre_commit", "framework", "install", "--overwrite")
    desk.clone.must("add", ".pre-commit-config.yaml")
    said = desk.clone.run("commit", "-m", "Not the notebooks", "--", ".pre-commit-config.yaml")
    assert said.code == 0, said
    assert "Stashing unstaged files" in said.out + said.err


def _worktree_added(desk: Desk) -> None:
    desk.do("add .")
    desk.do("worktree add -q ../second -b second")
    desk.clone.must("-C", "../second", "status", "--short")


ROUND_TRIPS: tuple[Callable[[Desk], None], ...] = (
    _stash,
    _stash_with_new,
    _stash_index,
    _stash_patch_of_one,
    _stash_to_branch,
    _switch_and_back,
    _checkout_and_back,
    _switch_to_where_they_are_not,
    _reset_and_back,
    _merge_aborted,
    _rebase_aborted,
    _pre_commit_framework,
    _worktree_added,
)


@pytest.mark.parametrize("there_and_back", ROUND_TRIPS, ids=lambda story: story.__name__.strip("_"))
def test_there_and_back_every_byte_is_as_it_was(desk: Desk, there_and_back: Callable[[Desk], None]) -> None:
    work = desk.work()
    there_and_back(desk)
    assert [path for path, raw in work.items() if desk.clone.disk(path) != raw] == []


def _pull_forward(desk: Desk) -> None:
    """Bob goes on from what we pushed: nothing of ours is merged, and our files are replaced."""
    desk.commit()
    desk.do("push -q --no-verify")
    desk.bob("pull", "-q")
    desk.bob_edits(EDITED, sources=("a", "b, mine", "c", "d, theirs", "e"))
    desk.bob_edits(*KINDS[1:], NEW)
    desk.do("pull -q --ff-only")


def _pull_and_merge(desk: Desk) -> None:
    desk.bob_edits(*COMMITTED)
    desk.commit()
    desk.do("pull -q --no-rebase --no-edit")


def _pull_and_rebase(desk: Desk) -> None:
    desk.bob_edits(*COMMITTED)
    desk.commit()
    desk.do("pull -q --rebase")


def _pull_with_autostash(desk: Desk) -> None:
    desk.bob_edits(*COMMITTED)
    desk.do("pull -q --rebase --autostash")


def _pull_between_stash_and_pop(desk: Desk) -> None:
    desk.bob_edits(*COMMITTED)
    desk.do("stash -q -u")
    desk.do("pull -q --ff-only")
    assert desk.lost(*COMMITTED) == []
    desk.do("stash pop -q")


def _pull_of_a_renaming(desk: Desk) -> None:
    """Bob moves notebooks, one of them edited on the way."""
    desk.commit()
    (desk.bob.root / "moved").mkdir()
    for path, moved in MOVED.items():
        desk.bob("mv", path, moved)
    desk.bob_edits(MOVED[EDITED])
    desk.do("pull -q --no-rebase --no-edit")


def _merge(desk: Desk) -> None:
    desk.branch_of_bob(*COMMITTED)
    desk.commit()
    desk.do("merge -q --no-edit other")


def _rebase_of_two_commits(desk: Desk) -> None:
    desk.branch_of_bob(*COMMITTED)
    desk.clone.must("commit", "-qm", "Mine", "--no-verify", EDITED)
    desk.commit("The rest")
    desk.do("rebase -q other")


def _rebase_by_merging(desk: Desk) -> None:
    desk.branch_of_bob(*COMMITTED)
    desk.commit()
    desk.do("rebase -q --rebase-merges --force-rebase other")


def _cherry_pick(desk: Desk) -> None:
    desk.branch_of_bob(*COMMITTED)
    desk.commit()
    desk.do("cherry-pick other")


def _revert(desk: Desk) -> None:
    desk.commit()
    desk.bob_edits(*COMMITTED)
    desk.do("pull -q --no-rebase --no-edit")
    desk.do("revert --no-edit origin/main")


def _apply(desk: Desk) -> None:
    """A patch by mail."""
    desk.branch_of_bob(*COMMITTED)
    patch = desk.clone.must("diff", "--binary", "main", "other", "--", EDITED, AGAIN, *TWINS)
    desk.clone.git.write(".git/theirs.patch", patch)
    desk.do("apply .git/theirs.patch")


MEETINGS: tuple[Callable[[Desk], None], ...] = (
    _pull_forward,
    _pull_and_merge,
    _pull_and_rebase,
    _pull_with_autostash,
    _pull_between_stash_and_pop,
    _pull_of_a_renaming,
    _merge,
    _rebase_of_two_commits,
    _rebase_by_merging,
    _cherry_pick,
    _revert,
    _apply,
)


@pytest.mark.parametrize("meeting", MEETINGS, ids=lambda story: story.__name__.strip("_"))
def test_what_others_did_comes_in_and_untouched_cells_keep_their_outputs(
    desk: Desk, meeting: Callable[[Desk], None]
) -> None:
    desk.work()
    meeting(desk)
    here = [MOVED.get(path, path) if meeting is _pull_of_a_renaming else path for path in KINDS]
    assert desk.lost(*here, NEW) == []
    assert "b, mine" in desk.sources(here[0])
    assert ("d, theirs" in desk.sources(here[0])) is (meeting is not _revert)
    desk.do("add --update")  # git compares sizes first: a notebook that was brought in may look modified until then
    staged = desk.clone.git("diff", "--cached", "--name-only", "--no-renames")
    assert sources_in_git(desk) == {path: desk.sources(path) for path in sources_in_git(desk)}, staged


def sources_in_git(desk: Desk) -> dict[str, list[str]]:
    names = desk.clone.git("-c", "core.quotepath=off", "ls-files", "--", "*.ipynb").split("\n")
    return {name: ["".join(cell["source"]) for cell in json.loads(desk.clone.staged(name))["cells"]] for name in names}


def _restore(desk: Desk) -> None:
    desk.clone.must("restore", "--staged", "--worktree", "--", ":/")


def _checkout_files(desk: Desk) -> None:
    desk.clone.must("checkout", "-q", "HEAD", "--", ":/")


def _reset_hard(desk: Desk) -> None:
    desk.do("reset -q --hard")


@pytest.mark.parametrize("throw_away", [_restore, _checkout_files, _reset_hard], ids=lambda do: do.__name__.strip("_"))
def test_changes_that_are_thrown_away_are_sources_not_outputs(desk: Desk, throw_away: Callable[[Desk], None]) -> None:
    work = desk.work()
    throw_away(desk)
    assert desk.lost(*COMMITTED) == []
    assert [path for path in (AGAIN, *TWINS) if desk.clone.disk(path) != work[path]] == []


def test_what_was_executed_since_git_wrote_the_file_is_kept_too(desk: Desk) -> None:
    desk.bob_edits(AGAIN)
    desk.do("pull -q --ff-only")
    desk.clone.git.write(AGAIN, ran(AGAIN, "second", THEIRS))
    desk.clone.must("restore", AGAIN)
    assert desk.clone.disk(AGAIN) == ran(AGAIN, "second", THEIRS)
    desk.clone.git.write(AGAIN, ran(AGAIN, "third", THEIRS))
    desk.clone.must("restore", AGAIN)
    assert desk.clone.disk(AGAIN) == ran(AGAIN, "third", THEIRS)


def test_each_worktree_gets_its_own_outputs_back(desk: Desk) -> None:
    desk.branch_of_bob(AGAIN)
    desk.clone.must("mv", BEFORE, RENAMED)
    desk.clone.git.write(AGAIN, ran(AGAIN, "second"))
    desk.do("add .")
    desk.do("worktree add -q ../linked -b linked")
    linked = Clone(Git(desk.clone.root.parent / "linked"))
    assert linked.disk(AGAIN) == ran(AGAIN, "second")
    linked.git.write(AGAIN, ran(AGAIN, "third"))
    linked.must("add", ".")
    for clone, when in ((desk.clone, "second"), (linked, "third")):
        clone.must("stash", "-q")
        clone.must("switch", "-q", "--detach", "other")
        clone.must("switch", "-q", "-")
        assert clone.disk(AGAIN) == ran(AGAIN, when)


def test_what_only_looks_at_a_blob_sees_what_is_committed(desk: Desk) -> None:
    desk.work()
    desk.do("add .")
    desk.commit()
    seen = desk.clone.git("-c", "core.quotepath=off", "cat-file", "--filters", f"HEAD:{AGAIN}") + "\n"
    assert seen.encode() == desk.clone.committed(AGAIN)
    desk.do("archive -o ../archive.tar HEAD")
    with tarfile.open(desk.clone.root.parent / "archive.tar") as archive:
        member = archive.extractfile(AGAIN)
        assert member is not None
        assert member.read() == desk.clone.committed(AGAIN)
