"""Who else may read and write what we make: nobody by a careless umask, and all members of a shared repository."""

from __future__ import annotations

import codecs
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sahel_nb.config import LockConfig
from sahel_nb.durable import write_atomically
from sahel_nb.hooks.memory import Memory
from sahel_nb.install import drivers, vault
from sahel_nb.install.doctor import examine
from sahel_nb.install.install import install
from sahel_nb.lock.home import home_of
from sahel_nb.repo.scratch import make_commit
from sahel_nb.repo.swap_answer import Swap
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent, Verdict
from sahel_nb.run.journal import Entry, Journal, is_dead
from tests.integration.commit.story import Clone, executed, sahel_nb, set_up
from tests.support.git import Git
from tests.unit.notebook.shapes import simple

TEAM, COLLEAGUE = 54321, 54322
"""A group and a user that nobody is: for the second member of a shared clone, where the tests run as root."""


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def work(clone: Clone) -> None:
    """What the clone is for: notebooks with outputs, mirrors, a lock of its own."""
    clone.git.write("a.ipynb", executed(simple("x = 1"))).chmod(0o644)  # Jupyter's, and not ours
    clone.must("add", ".")
    clone.must("commit", "-qm", "A notebook")
    assert sahel_nb(clone, "new", "some-words", "--owner", "awa").code == 0
    assert sahel_nb(clone, "lock", "doctor").code == 0
    assert sahel_nb(clone, "lock", "list").code == 0


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
def test_the_umask_opens_nothing_of_ours(tmp_path: Path, mask: int) -> None:
    with umask(0o022):
        clone = set_up(tmp_path / "nb", install_it=False)
    with umask(mask):
        assert sahel_nb(clone, "install").code == 0
        work(clone)
    state = clone.root / ".git/sahel-nb"
    assert mode(state) == 0o700
    for folder in ("vault", "vault/live", "vault/live/-", "scratch", "locks.git"):
        assert mode(state / folder) == 0o700, folder
    packs = [path for path in (state / "vault").iterdir() if path.is_file()]
    assert {mode(path) for path in packs} == {0o600}
    written = [
        path for path in clone.root.rglob("*") if not path.is_relative_to(clone.root / ".git") and path.is_file()
    ]
    written += [clone.root / ".git/info/attributes", *(clone.root / ".git/hooks").glob("p*[!e]")]
    assert not [path for path in written if mode(path) & 0o002], "nobody but the team may write"
    assert mask == 0o002 or not [path for path in written if mode(path) & 0o022]


def test_a_state_folder_that_was_left_open_is_closed_at_the_next_use_and_named_by_doctor(tmp_path: Path) -> None:
    clone = set_up(tmp_path / "nb")
    state = clone.root / ".git/sahel-nb"
    state.chmod(0o755)
    worktree = Worktree.discover(clone.root)
    row = next(row for row in examine(worktree, worktree.config({}), {}, offline=True) if row.name == "state")
    assert (row.verdict, row.mend) == (Verdict.WARNING, "sahel-nb install")
    assert "755" in row.found
    assert sahel_nb(clone, "doctor", "--offline", "--fix").code == 0
    assert mode(state) == 0o700
    state.chmod(0o777)
    assert sahel_nb(clone, "lock", "list").code == 0
    assert mode(state) == 0o700


@pytest.mark.parametrize(
    ("value", "folder", "file"),
    [
        *((value, 0o2770, 0o660) for value in ("group", "true", "1", "0660")),
        *((value, 0o2775, 0o664) for value in ("all", "world", "everybody", "2", "0664")),
        ("0640", 0o2750, 0o640),
        *((value, 0o700, 0o600) for value in ("umask", "false", "0", "0600", "nonsense")),
    ],
)
def test_core_shared_repository_decides(tmp_path: Path, value: str, folder: int, file: int) -> None:
    repo = Git.init(tmp_path / "nb")
    if value != "nonsense":  # real git would have the same modes
        with umask(0o077):
            repo("init", "-q", "--bare", f"--shared={value}", str(tmp_path / "git"))
        assert mode(tmp_path / "git/refs") == folder
    worktree = Worktree.discover(repo.root)
    write_atomically(worktree.state_dir() / "before", b"")
    with (repo.root / ".git/config").open("a") as config:
        config.write(f"[core]\n\tsharedRepository = {value}\n")
    if value == "nonsense":
        return
    with umask(0o077):
        vault.set_up(worktree, worktree.config({}).vault)
        write_atomically(worktree.state_dir() / "vault" / "after", b"")
    state = worktree.state_dir()
    assert {mode(state), mode(state / "vault"), mode(state / "vault/live")} == {folder}
    assert {mode(state / "before"), mode(state / "vault/after"), mode(state / "vault/limit")} == {file}


def test_the_attributes_keep_their_mode(tmp_path: Path) -> None:
    clone = set_up(tmp_path / "nb")
    worktree = Worktree.discover(clone.root)
    attributes = clone.root / ".git/info/attributes"
    attributes.unlink(missing_ok=True)
    with umask(0o077):
        drivers.register_mirrors(worktree, [b"a.py"])
    assert mode(attributes) == 0o644, "as git makes it for whoever may read the clone"
    attributes.chmod(0o664)
    drivers.register_mirrors(worktree, [b"a.py", b"b.py"])
    assert mode(attributes) == 0o664
    attributes.chmod(0o600)  # as an earlier version left it
    assert drivers.shut(worktree)
    drivers.register_mirrors(worktree, [b"a.py"])
    assert mode(attributes) == 0o644


def as_colleague(do: Callable[[], object]) -> None:
    """In a process of its own, and as another user of the group where this one may become that."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            codecs.lookup("ascii")  # Python's own files may be out of the other user's reach
            if os.geteuid() == 0:
                os.setgroups([TEAM])
                os.setgid(TEAM)
                os.setuid(COLLEAGUE)
            os.umask(0o077)
            do()
            code = 0
        except BaseException:  # noqa: BLE001  a process of its own: it says what was wrong, and ends
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user can come to, and settings of git for all of them."""
    folder = Path(tempfile.mkdtemp(prefix="sahel-nb-shared-"))
    folder.chmod(0o755)
    (folder / "gitconfig").write_text("[safe]\n\tdirectory = *\n[user]\n\tname = C\n\temail = c@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
    monkeypatch.setenv("HOME", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_two_users_of_a_shared_clone_use_what_is_kept_in_it(shared: Path) -> None:
    root = shared / "nb"
    with umask(0o077):
        root.mkdir()
        if os.geteuid() == 0:
            os.chown(root, -1, TEAM)
        root.chmod(0o2770)
        subprocess.run(["git", "init", "-q", "-b", "main", "--shared=group", str(root)], check=True)
        worktree = Worktree.discover(root)
        install(worktree, Silent(), [b"a.py"])
        kept = vault.opened(worktree)
        kept.keep(b"a.ipynb", "k1", b"first")
        kept.close()
        Memory(str(worktree.state_dir() / "clean"), "key").save()
        home = home_of(worktree, LockConfig())
        one = make_commit(b"one", parent=None, name="n", email="e@x", when=1)
        assert home.refs.swap("refs/sahel/locks/o/s", None, one).swap is Swap.WON
        entry = Entry("r1", "nonce", "o/s", "c", "arming")

    def colleague() -> None:
        mine = vault.opened(worktree)
        assert mine.find(b"a.ipynb", "k1") == b"first"
        mine.keep(b"a.ipynb", "k2", b"second")
        mine.close()
        assert worktree.state_dir().is_dir()
        assert b"a.py merge=sahel-nb-mirror" in (root / ".git/info/attributes").read_bytes()
        drivers.register_mirrors(worktree, [b"a.py", b"b.py"])
        memory = Memory(str(worktree.state_dir() / "clean"), "key")
        memory.add(b"blob ", "0" * 40)
        memory.save()
        place = home_of(worktree, LockConfig())
        assert place.refs.read("refs/sahel/locks/o/s") == one
        two = make_commit(b"two", parent=one.oid, name="n", email="e@x", when=2)
        assert place.refs.swap("refs/sahel/locks/o/s", one, two).swap is Swap.WON
        with Journal(worktree.state_dir() / "runs", entry):
            assert not is_dead(worktree.state_dir() / "runs", "nonce")

    as_colleague(colleague)
    assert vault.opened(worktree).find(b"a.ipynb", "k2") == b"second"
    assert drivers.unregistered(worktree, [b"a.py", b"b.py"]) == []
    assert is_dead(worktree.state_dir() / "runs", "nonce")
    assert home.refs.read("refs/sahel/locks/o/s") != one
    open_to_all = [path for path in (root / ".git/sahel-nb").rglob("*") if mode(path) & 0o007 and not path.is_symlink()]
    assert [path for path in open_to_all if not mode(path) & 0o002 and "objects" in path.parts] == open_to_all


def test_another_user_of_a_clone_that_is_not_shared_sees_nothing(shared: Path) -> None:
    with umask(0o000):
        clone = set_up(shared / "nb")
        kept = vault.opened(Worktree.discover(clone.root))
        kept.keep(b"a.ipynb", "k1", b"first")
        kept.close()
    for folder in (clone.root, clone.root / ".git"):
        folder.chmod(0o777)
    state = clone.root / ".git/sahel-nb"
    assert mode(state) == 0o700

    def colleague() -> None:
        if os.geteuid() == COLLEAGUE:
            with pytest.raises(PermissionError):
                list(state.iterdir())

    as_colleague(colleague)
