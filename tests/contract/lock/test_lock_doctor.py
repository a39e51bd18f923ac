"""`lock doctor`: what it says of remotes that are as they should be, and of each thing that can be wrong with one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.config import LockConfig, load
from sahel_nb.errors import NetworkError, Refused, UsageError
from sahel_nb.lock.clock import FakeClock
from sahel_nb.lock.doctor import Examined, examine, lock_files
from sahel_nb.lock.home import home_of, remotes
from sahel_nb.lock.setting import with_setting
from sahel_nb.lock.team import team_lock
from sahel_nb.repo.server_locks import stale_locks
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Check, Verdict
from support.git import Git, Origin
from support.locks import REF, FolderKaggle, Person, over_git
from support.reached import WAYS, reached

BRANCHES = "refs/heads/sahel-locks"


@dataclass
class Scene:
    origin: Origin
    clone: Git

    def look(self, **config: str) -> dict[str, Check]:
        rows = self.examined(**config).rows
        assert all(row.mend for row in rows if row.blocks or row.verdict is Verdict.WARNING), rows
        return {row.name: row for row in rows}

    def examined(self, **config: str) -> Examined:
        worktree = Worktree.discover(self.clone.root)
        home = home_of(worktree, LockConfig(**config))
        team = team_lock(worktree)
        told = {"remotes": remotes(worktree), "committed": (team.remote, team.prefix)}
        return examine(home, FakeClock(), **told)

    def lock_files(self) -> Check:
        home = home_of(Worktree.discover(self.clone.root), LockConfig())
        return lock_files(home, FakeClock())

    def run(self, tmp_path: Path) -> None:
        Person("Awa", over_git(self.clone.root), FolderKaggle(tmp_path / "kaggle")).run()

    def sahel(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = (str(Path(sys.executable).with_name("sahel-nb")), "lock", "doctor", *args)
        return subprocess.run(command, cwd=self.clone.root, capture_output=True, text=True, timeout=60)


@pytest.fixture(params=WAYS)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with reached(request.param, tmp_path, "git@host.example:{}") as (origin, clone, _):
        yield Scene(origin, clone)


@pytest.fixture
def here(tmp_path: Path) -> Scene:
    origin = Origin.create(tmp_path / "origin.git")
    return Scene(origin, origin.clone("awa"))


def test_all_is_well_and_nothing_is_left(scene: Scene, tmp_path: Path) -> None:
    scene.run(tmp_path)
    before = scene.origin("for-each-ref")
    rows = scene.look()
    assert {row.verdict for name, row in rows.items() if name not in ("enforcement", "lock files")} == {Verdict.OK}, (
        rows
    )
    assert list(rows) == [
        *("remote", "create", "read", "fast-forward", "stale", "race", "atomic", "delete"),
        *("lock files", "records", "probes", "names", "prefix", "fork", "enforcement", "clock"),
    ]
    assert scene.origin("for-each-ref") == before


def test_a_stale_lock_file_is_named_exactly(scene: Scene, tmp_path: Path) -> None:
    """By looking where the remote is a path, else by the command that runs into it: the doctor touches no lock."""
    scene.run(tmp_path)
    scene.origin("pack-refs", "--all")
    before = scene.origin("for-each-ref")
    stale = scene.origin.path / f"{REF}.lock"
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.touch()
    row = scene.lock_files()
    if row.verdict is Verdict.SKIPPED:
        awa = Person("Awa", over_git(scene.clone.root), FolderKaggle(tmp_path / "kaggle"))
        with pytest.raises(Refused, match="a killed git process left its lock file there") as caught:
            awa.client.acquire(awa.intent())
        assert caught.value.hints[0].startswith(f"rm {stale}  # on the server")
    else:
        assert (row.verdict, row.mend) == (Verdict.FAILED, f"rm {stale}")
        assert str(stale) in row.found
    assert scene.origin("for-each-ref") == before
    stale.unlink()
    assert not scene.lock_files().blocks


def test_a_lock_file_that_comes_and_goes_is_none(tmp_path: Path) -> None:
    stale = tmp_path / "refs/sahel/locks/a/b.lock"
    stale.parent.mkdir(parents=True)
    stale.touch()

    def another() -> None:
        held = stale.with_name("held")
        held.touch()
        held.rename(stale)

    assert stale_locks(tmp_path, "refs/sahel/locks", lambda: None) == (stale,)
    assert stale_locks(tmp_path, "refs/sahel/locks", another) == ()
    assert stale_locks(tmp_path, "refs/sahel/locks", lambda: stale.unlink(missing_ok=True)) == ()


def test_a_lock_file_of_the_whole_repository_is_named(here: Scene) -> None:
    (here.origin.path / "packed-refs.lock").touch()
    rows = here.look()
    assert rows["lock files"].mend == f"rm {here.origin.path}/packed-refs.lock"
    assert rows["delete"].verdict is Verdict.WARNING
    (here.origin.path / "packed-refs.lock").unlink()
    left = here.look()["probes"]
    assert left.verdict is Verdict.WARNING
    subprocess.run(left.mend, shell=True, cwd=here.clone.root, check=True, capture_output=True)
    assert here.origin("for-each-ref") == ""


def test_a_remote_that_refuses_refs_of_ones_own_gets_branches(here: Scene) -> None:
    here.origin.hook("update", 'case "$1" in refs/heads/*) ;; *) echo branches only >&2; exit 1;; esac')
    here.clone.write("sahel-nb.toml", "")
    here.clone.commit("sahel-nb.toml", message="Settings")
    here.clone.write("sahel-nb.toml", "# ours\n[lock]\n# prefix = 1\nttl = 60\n")
    done = here.sahel()
    assert done.returncode == 3
    assert "$ sahel-nb lock doctor --fix" in done.stderr
    assert here.origin("for-each-ref") == ""
    done = here.sahel("--fix")
    assert "git commit -m" in done.stderr
    text = (here.clone.root / "sahel-nb.toml").read_text()
    assert text == f'# ours\n[lock]\nprefix = "{BRANCHES}"\nttl = 60\n'
    assert "committed is" in done.stdout, "until everybody has it"
    here.clone("commit", "-qam", "Keep the locks where the host takes them")
    done = here.sahel("--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["schema"] == "sahel-nb.lock-doctor/1"
    assert {row["verdict"] for row in told["checks"] if row["name"] != "enforcement"} == {"ok"}
    assert here.origin("for-each-ref") == ""


def test_a_remote_that_takes_nothing(here: Scene) -> None:
    here.origin.hook("pre-receive", "echo read only >&2; exit 1")
    row = here.look()["create"]
    assert row.verdict is Verdict.FAILED
    assert "no ref can be made" in row.found


def test_a_remote_that_never_deletes_will_do(here: Scene) -> None:
    here.origin.hook("update", f'test "$3" != {"0" * 40}')
    rows = here.look()
    assert rows["delete"].verdict is Verdict.WARNING
    assert not any(row.blocks for row in rows.values())


def test_a_remote_that_holds_no_history(here: Scene) -> None:
    here.origin.hook("update", f'test "$2" = {"0" * 40}')
    rows = here.look()
    assert rows["fast-forward"].verdict is Verdict.FAILED


def test_locks_in_two_places(here: Scene, tmp_path: Path) -> None:
    here.run(tmp_path)
    examined = here.examined(prefix=BRANCHES)
    assert examined.prefix == "refs/sahel/locks"
    row = next(row for row in examined.rows if row.name == "prefix")
    assert (row.verdict, row.mend) == (Verdict.FAILED, "sahel-nb lock doctor --fix")
    here.origin("update-ref", REF.replace("refs/sahel/locks", BRANCHES), REF)
    for prefix in (BRANCHES, "refs/sahel/locks"):
        examined = here.examined(prefix=prefix)
        assert examined.prefix is None
        row = next(row for row in examined.rows if row.name == "prefix")
        assert "two people could hold one kernel" in row.found


@pytest.mark.parametrize("place", ["refs/sahel/evil", f"{BRANCHES}/x", "refs/sahel/locks", BRANCHES])
def test_a_planted_ref_moves_nobodys_locks(here: Scene, place: str) -> None:
    """Below a name of its own, or in a place that we know: where no record of a lock is, no locks are."""
    here.clone.commit("README.md")
    here.clone.push()
    here.origin("update-ref", f"{place}/some-owner/some-words", "HEAD")
    examined = here.examined(prefix=BRANCHES if place == "refs/sahel/locks" else "refs/sahel/locks")
    assert examined.prefix is None
    row = next(row for row in examined.rows if row.name == "prefix")
    assert row.mend != "sahel-nb lock doctor --fix"


@pytest.mark.parametrize("chosen", ["refs/sahel/team", "refs/sahel/locks"])
def test_a_prefix_that_the_team_chose_is_not_moved(here: Scene, tmp_path: Path, chosen: str) -> None:
    here.run(tmp_path)
    if chosen == "refs/sahel/locks":  # and real records below a name that nobody knows
        here.origin("update-ref", REF.replace("sahel/locks", "sahel/evil"), REF)
        here.origin("update-ref", "-d", REF)
    examined = here.examined(prefix=chosen)
    assert examined.prefix is None
    row = next(row for row in examined.rows if row.name == "prefix")
    assert (row.verdict, row.mend) == (Verdict.FAILED, "${EDITOR:-vi} sahel-nb.toml")


def test_a_lock_that_is_no_commit_is_seen_and_can_be_removed(here: Scene) -> None:
    """A ref may point to anything: it is not counted as none, and the way on works as it is typed."""
    here.clone.commit("README.md")
    here.clone.push()
    blob = here.clone("rev-parse", "HEAD:README.md").strip()
    here.origin("update-ref", REF, blob)

    row = here.look()["records"]
    assert row.verdict is Verdict.FAILED
    assert "is no commit" in row.found
    with pytest.raises(UsageError, match="is no commit") as caught:
        home_of(Worktree.discover(here.clone.root), LockConfig()).refs.read(REF)
    subprocess.run(caught.value.hints[0], shell=True, cwd=here.clone.root, check=True, capture_output=True)
    assert here.look()["records"].verdict is Verdict.OK


def test_settings_of_one_clone_alone(here: Scene) -> None:
    here.clone.commit("README.md")
    row = here.look(prefix="refs/sahel/others")["prefix"]
    assert row.verdict is Verdict.FAILED
    assert "committed is origin refs/sahel/locks" in row.found


def test_forks(here: Scene, tmp_path: Path) -> None:
    team = Origin.create(tmp_path / "team.git")
    assert here.look()["fork"].verdict is Verdict.OK
    here.clone("remote", "add", "upstream", str(team.path))
    assert here.look()["fork"].verdict is Verdict.WARNING
    assert here.look(remote="upstream")["fork"].verdict is Verdict.WARNING
    row = here.look(remote=f"{team.path}/")["fork"]
    assert row.verdict is Verdict.OK
    assert "origin.git" not in here.look(remote=str(team.path))["remote"].found


def test_records_that_nobody_understands_are_all_named(here: Scene, tmp_path: Path) -> None:
    here.run(tmp_path)
    tree = here.origin("hash-object", "-t", "tree", "-w", "/dev/null")
    oids = []
    for name, text in (("broken", "{}"), ("worse", "hello"), *((f"x{number}", "hello") for number in range(20))):
        oids.append(here.origin("-c", "user.name=x", "-c", "user.email=x", "commit-tree", "-m", text, tree))
        here.origin("update-ref", f"refs/sahel/locks/awa/{name}", oids[-1])
    row = here.look()["records"]
    assert row.verdict is Verdict.FAILED
    assert "awa/broken: the lock's record has missing" in row.found
    assert "awa/worse: the lock's record is not JSON" in row.found
    assert row.found.endswith("; and 2 more")
    subprocess.run(row.mend, shell=True, cwd=here.clone.root, check=True, capture_output=True)
    assert here.clone("cat-file", "-t", oids[0]) == here.clone("cat-file", "-t", oids[1]) == "commit"


def test_a_remote_that_is_away_fails_closed_with_the_command_to_try_again(here: Scene) -> None:
    here.origin.path.rename(here.origin.path.with_name("gone.git"))
    with pytest.raises(NetworkError) as caught:
        here.look()
    assert caught.value.hints == ("git ls-remote origin", "sahel-nb lock doctor")
    done = here.sahel()
    assert done.returncode == 9
    assert "$ sahel-nb lock doctor" in done.stderr


SETTINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", lambda line: f"[lock]\n{line}\n"),
    ("[run]\ntimeout = 3", lambda line: f"[run]\ntimeout = 3\n\n[lock]\n{line}\n"),
    ("[lock]\nttl = 3\n[run]\n", lambda line: f"[lock]\n{line}\nttl = 3\n[run]\n"),
    ('[ lock ] # x\nttl = 3\nprefix="refs/a/b"\n', lambda line: f"[ lock ] # x\nttl = 3\n{line}\n"),
    ("[lock]\nttl = 3\n# prefix = 0\n", lambda line: f"[lock]\nttl = 3\n{line}\n"),
)


@pytest.mark.parametrize(("text", "wanted"), SETTINGS)
def test_the_prefix_is_written_and_nothing_else(text: str, wanted: Callable[[str], str]) -> None:
    assert with_setting(text, "prefix", BRANCHES) == wanted(f'prefix = "{BRANCHES}"')


def test_a_file_of_another_style_is_left_alone() -> None:
    with pytest.raises(Refused):
        with_setting('lock.prefix = "refs/a/b"\n', "prefix", BRANCHES)


@given(st.lists(st.sampled_from(["[lock]", "[run]", "ttl = 4", "# prefix = 1", "", "timeout = 2", "# [lock]"])))
def test_whatever_is_written_is_read(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        before = load(text.encode())
        made = with_setting(text, "prefix", BRANCHES)
    except (UsageError, Refused):
        return
    after = load(made.encode())
    assert after.lock.prefix == BRANCHES
    assert (after.run, after.lock.ttl, after.lock.remote) == (before.run, before.lock.ttl, before.lock.remote)
