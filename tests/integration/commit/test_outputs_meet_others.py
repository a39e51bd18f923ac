"""Proves that what others wrote comes in, and that cells which nobody touched keep the outputs that were computed here.

`pytest -rP` shows what was counted.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sahel_nb.repo.phantom import phantoms
from sahel_nb.repo.worktree import Worktree
from tests.integration.commit.desk import (
    AGAIN,
    BEFORE,
    COMMITTED,
    EDITED,
    KINDS,
    MOVED,
    NEW,
    RENAMED,
    THEIRS,
    TWINS,
    Desk,
    counted,
    desk_in,
    ran,
)
from tests.integration.commit.story import Clone
from tests.integration.commit.test_outputs_survive import ROUND_TRIPS
from tests.support.git import Git


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_in(tmp_path)


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


def _merge_as_before_git_2_34(desk: Desk) -> None:
    """merge-recursive asks for a file's new content while the old one stands."""
    desk.branch_of_bob(*COMMITTED)
    desk.commit()
    desk.do("merge -q -s recursive --no-edit other")


def _switch_with_work_in_hand(desk: Desk) -> None:
    desk.branch_of_bob(*COMMITTED)
    desk.do("reset -q")  # git takes nothing along that is staged
    desk.clone.must("restore", BEFORE)
    desk.do("switch -q --merge other")


def _patch_by_mail_three_ways(desk: Desk) -> None:
    desk.branch_of_bob(*COMMITTED)
    desk.commit()
    desk.clone.git.write(".git/theirs.patch", desk.clone.must("format-patch", "-1", "--stdout", "other"))
    desk.do("am -q -3 .git/theirs.patch")


MEETINGS: tuple[tuple[str, Callable[[Desk], None]], ...] = (
    ("pull", _pull_forward),
    ("pull", _pull_and_merge),
    ("pull", _pull_and_rebase),
    ("pull", _pull_with_autostash),
    ("pull", _pull_between_stash_and_pop),
    ("pull", _pull_of_a_renaming),
    ("merge", _merge),
    ("rebase", _rebase_of_two_commits),
    ("rebase", _rebase_by_merging),
    ("merge", _merge_as_before_git_2_34),
    ("switch", _switch_with_work_in_hand),
    ("am", _patch_by_mail_three_ways),
    ("cherry-pick", _cherry_pick),
    ("revert", _revert),
    ("apply", _apply),
)


@pytest.mark.parametrize(
    ("command", "meeting"), [pytest.param(*one, id=one[1].__name__.strip("_")) for one in MEETINGS]
)
def test_what_others_did_comes_in_and_untouched_cells_keep_their_outputs(
    desk: Desk, command: str, meeting: Callable[[Desk], None]
) -> None:
    desk.work()
    meeting(desk)
    here = [MOVED.get(path, path) if meeting is _pull_of_a_renaming else path for path in KINDS]
    lost = desk.lost(*here, NEW)
    counted(command, [*here, NEW], lost)
    assert lost == []
    assert {len(desk.sources(path)) for path in (*here, NEW)} == {len(THEIRS) + 1}
    assert "b, mine" in desk.sources(here[0])
    assert ("d, theirs" in desk.sources(here[0])) is (meeting is not _revert)
    # A patch leaves alone what was only executed again, and not added since.
    assert phantoms(Worktree.discover(desk.clone.root)) == ([RENAMED.encode()] if meeting is _apply else [])
    desk.do("add --update")  # what was not committed yet
    staged = desk.clone.git("diff", "--cached", "--name-only", "--no-renames")
    assert sources_in_git(desk) == {path: desk.sources(path) for path in sources_in_git(desk)}, staged


def test_every_command_that_takes_notebooks_away_or_brings_them_is_among_the_stories() -> None:
    """`stash` is looked at on the way of `stash pop`."""
    told = {command for command, _ in (*ROUND_TRIPS, *MEETINGS)}
    assert told >= {"stash pop", "checkout", "switch", "pull", "rebase", "merge", "commit under pre-commit"}


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
