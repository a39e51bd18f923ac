"""Proves that the vault gives back what was put in, whatever else is kept, swept, cut short or killed meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.repo.second_names import SecondNames
from sahel_nb.repo.vault import MOST_PACKS, MOST_VERSIONS, Vault
from sahel_nb.repo.vault_spool import Spool
from sahel_nb.repo.vault_sweep import size_of, sweep, sweep_if_needed

A, B = "nb/ŋ a\n.ipynb".encode(), b"b.ipynb"
DAY = 24 * 3600


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


def keep(folder: Path, *kept: tuple[bytes, str, bytes], worktree: str = "-") -> None:
    """As one git command does."""
    vault = Vault(str(folder), worktree)
    for path, key, raw in kept:
        vault.keep(path, key, raw)
    vault.close()


def packs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.pack"))


def test_the_newest_of_a_version_is_found_and_of_other_versions_the_newest_first(folder: Path) -> None:
    keep(folder, (A, "k1", b"first"), (A, "k1", b"second"), (B, "k1", b"other"))
    keep(folder, (A, "k2", b"third"), (A, "k3", b"fourth"))
    keep(folder, (A, "k2", b"fifth"))
    vault = Vault(str(folder))
    assert (vault.find(A, "k1"), vault.find(B, "k1"), vault.find(B, "k2")) == (b"second", b"other", None)
    assert list(vault.versions(A)) == [b"fifth", b"fourth", b"second"]


def test_what_is_kept_already_takes_no_room(folder: Path) -> None:
    keep(folder, (A, "k", b"x" * 1000))
    size = size_of(folder)
    keep(folder, (A, "k", b"x" * 1000))
    assert size_of(folder) == size


def test_a_worktree_prefers_its_own_and_takes_what_there_is(folder: Path) -> None:
    keep(folder, (A, "k", b"linked"), worktree="0badcafe")
    assert Vault(str(folder)).find(A, "k") == b"linked"
    keep(folder, (A, "k", b"main"))
    keep(folder, (A, "k", b"linked again"), worktree="0badcafe")
    assert Vault(str(folder)).find(A, "k") == b"main"
    assert Vault(str(folder), "0badcafe").find(A, "k") == b"linked again"


kept = st.lists(
    st.tuples(st.sampled_from([A, B, b"c"]), st.sampled_from(["k1", "k2"]), st.binary(min_size=1, max_size=40)),
    max_size=6,
)


@settings(max_examples=60)
@given(st.lists(kept, min_size=1, max_size=4), st.data())
def test_a_pack_cut_short_anywhere_loses_its_last_entry_at_most(
    commands: list[list[tuple[bytes, str, bytes]]], data: st.DataObject
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for command in commands:
            keep(folder, *command)
        before = [(entry.path, entry.key, Vault(temporary).read(entry)) for entry in Vault(temporary).entries()]
        if not before:
            return
        last = folder / packs(folder)[-1]
        whole = last.read_bytes()
        start = max(entry.offset for entry in Vault(temporary).entries() if entry.pack == last.name)
        last.write_bytes(whole[: data.draw(st.integers(start, len(whole) - 1))])
        vault = Vault(temporary)
        assert [(entry.path, entry.key, vault.read(entry)) for entry in vault.entries()] == before[:-1]
        keep(folder, (A, "new", b"new"))
        assert Vault(temporary).find(A, "new") == b"new"


@pytest.mark.parametrize("noise", [b"\0", b"vault1 k 1 1 - 1 -\nx\ny", b"vault1 k -1 1 - 1 -\nx\n", b"vault1 " * 9])
def test_bytes_of_somebody_else_are_no_entries(folder: Path, noise: bytes) -> None:
    keep(folder, (A, "k", b"raw"))
    (folder / "00000000000000000001-1.pack").write_bytes(noise)
    with open(folder / packs(folder)[-1], "ab") as file:
        file.write(noise)
    assert [entry.path for entry in Vault(str(folder)).entries()] == [A]


def test_a_large_notebook_lies_beside_the_packs(folder: Path) -> None:
    vault = Vault(str(folder))
    for raw in (b"one", b"two", b"two"):
        spool = Spool(vault)
        spool.write(raw)
        spool.keep(A, "k")
        spool.discard()
    vault.close()
    assert Vault(str(folder)).find(A, "k") == b"two"
    assert len(list(folder.glob("*.raw"))) == 2
    assert sweep(folder, 10**9, now=time.time() + 15 * DAY)
    assert Vault(str(folder)).find(A, "k") == b"two"
    assert len(list(folder.glob("*.raw"))) == 1


def test_many_packs_become_one_and_nothing_is_lost(folder: Path) -> None:
    for number in range(MOST_PACKS + 1):
        keep(folder, (A, f"k{number}", b"%d" % number), (B, "k", b"b%d" % number))
    vault = Vault(str(folder))
    entries = vault.entries()
    sweep_if_needed(vault)
    assert len(packs(folder)) == 1
    assert [vault.read(entry) for entry in entries] == [vault.read(entry) for entry in Vault(str(folder)).entries()]
    assert Vault(str(folder)).find(B, "k") == b"b%d" % MOST_PACKS


def test_what_was_executed_again_goes_after_two_weeks(folder: Path) -> None:
    keep(folder, (A, "k", b"first"), (A, "k", b"second"), (B, "k", b"only"))
    assert sweep(folder, 10**9, now=time.time() + 13 * DAY).dropped == 0  # type: ignore[union-attr]
    assert sweep(folder, 10**9, now=time.time() + 15 * DAY).dropped == 1  # type: ignore[union-attr]
    assert [Vault(str(folder)).read(entry) for entry in Vault(str(folder)).entries()] == [b"second", b"only"]


def test_over_the_limit_the_newest_of_each_notebook_goes_last(folder: Path) -> None:
    block = b"x" * 1000
    for number in range(MOST_VERSIONS + 4):
        keep(folder, (A, f"k{number}", block + b"%d" % number))
    keep(folder, (B, "k", block + b"old"), (B, "k", block + b"new"))
    swept = sweep(folder, 10_000)
    assert swept is not None
    assert swept.after == size_of(folder) <= 10_000
    vault = Vault(str(folder))
    assert vault.find(B, "k") == block + b"new"
    assert next(vault.versions(A)) == block + b"11"
    assert sweep(folder, 10_000).dropped == 0  # type: ignore[union-attr]


def test_one_that_is_larger_than_the_limit_drives_out_no_other(folder: Path) -> None:
    keep(folder, (A, "k", b"small"), (B, "k", b"x" * 5000))
    sweep(folder, 1000)
    assert [entry.path for entry in Vault(str(folder)).entries()] == [A]


def test_a_writer_whose_pack_was_swept_away_begins_another(folder: Path) -> None:
    writer = Vault(str(folder))
    writer.keep(A, "k", b"before")
    keep(folder, (B, "k", b"b"))
    sweep(folder, 10**9, thorough=True)
    writer.keep(A, "k2", b"after")
    vault = Vault(str(folder))
    assert [vault.find(A, "k"), vault.find(A, "k2"), vault.find(B, "k")] == [b"before", b"after", b"b"]


def test_a_pack_whose_writer_lives_is_left_alone(folder: Path) -> None:
    keep(folder, (A, "k", b"first"), (A, "k", b"second"))
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine = folder / packs(folder)[0]
    theirs = mine.rename(folder / f"{mine.name.split('-')[0]}-{child.pid}.pack")
    assert sweep(folder, 1, thorough=True).dropped == 0  # type: ignore[union-attr]
    assert theirs.exists()
    child.communicate(b"\n")
    assert sweep(folder, 1, thorough=True).dropped == 2  # type: ignore[union-attr]
    assert packs(folder) == []


def test_two_sweeps_at_once_are_one(folder: Path) -> None:
    import fcntl

    keep(folder, (A, "k", b"raw"))
    with open(folder / "sweep.lock", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert sweep(folder, 1) is None
    assert sweep(folder, 1) is not None


# Each thing that is done to a file raises an audit event first: the child kills itself before the one of that number.
_DIES = """
import os, signal, sys
from pathlib import Path
from sahel_nb.repo.vault_spool import Spool
from sahel_nb.repo.vault_sweep import sweep
left = int(sys.argv[2])
def count(event, arguments):
    global left
    if event == "open" or event.startswith("os.") and event != "os.kill":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
sweep(Path(sys.argv[1]), 4000, thorough=True)
"""


def test_a_sweep_killed_at_any_step_loses_nothing_that_was_to_stay(tmp_path: Path) -> None:
    killed, step = 0, 0
    while True:
        folder = tmp_path / str(step)
        for number in range(4):
            keep(folder, (A, "k", b"again%d" % number * 200), (B, f"k{number}", b"version%d" % number * 20))
        vault = Vault(str(folder))
        spool = Spool(vault)
        spool.write(b"large" * 100)
        spool.keep(B, "k9")
        spool.discard()
        vault.close()
        child = subprocess.run([sys.executable, "-c", _DIES, str(folder), str(step)], cwd=Path(__file__).parents[3])
        sweep(folder, 4000, thorough=True)
        vault = Vault(str(folder))
        assert vault.find(A, "k") == b"again3" * 200
        assert vault.find(B, "k9") == b"large" * 100
        assert [vault.find(B, f"k{number}") for number in range(4)] == [b"version%d" % n * 20 for n in range(4)]
        assert len(packs(folder)) <= 2
        if child.returncode == 0:
            break
        assert child.returncode == -9
        killed, step = killed + 1, step + 1
    assert killed > 10


def test_a_second_name_outlives_the_first(tmp_path: Path) -> None:
    file, live = tmp_path / "ŋ", tmp_path / "vault" / "live"
    path = os.fsencode(file)
    file.write_bytes(b"one")
    SecondNames(str(tmp_path / "vault"), "-").hold(path)
    assert file.stat().st_nlink == 1, "there is no folder for it"
    live.mkdir(parents=True)
    names = SecondNames(str(tmp_path / "vault"), "-")
    names.hold(path)
    names.hold(b"not there")
    file.write_bytes(b"saved in place")
    assert names.overwritten(path) is None, "it stands"
    file.unlink()
    assert names.overwritten(path) == b"saved in place"
    file.write_bytes(b"another file")
    names.hold(path)
    file.unlink()
    assert names.overwritten(path) == b"another file"
    names.forget(path)
    assert names.overwritten(path) is None
    assert list((live / "-").iterdir()) == []
