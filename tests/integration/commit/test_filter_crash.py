"""kill -9, a full disk and a torn pack: what is staged is whole, and no output is lost between filter and vault."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sahel_nb.notebook.strip import strip
from sahel_nb.repo.vault import Vault
from sahel_nb.repo.vault_entry import key_of
from tests.integration.commit.story import Clone, set_up
from tests.unit.notebook.shapes import simple

LARGE = 1 << 20


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return set_up(tmp_path / "ŋ clone")


def outputs(number: int, size: int = 3_000) -> bytes:
    """A notebook that has printed much; none is like another."""
    return simple(f"x = {number}", f"print('{number}')").replace(b"said 1", f"ŋ {number} ".encode() * size)


def everything_is_whole(clone: Clone, raw: dict[str, bytes]) -> None:
    """Each staged blob is its whole notebook, stripped; each of those has its outputs in the vault."""
    vault = Vault(str(clone.root / ".git/sahel-nb/vault"))
    for name in clone.git("ls-files", "--", "*.ipynb").split():
        stripped = clone.staged(name)
        assert stripped == strip(raw[name])
        assert vault.find(name.encode(), key_of(stripped)) == raw[name]


def test_a_filter_killed_at_any_moment_stages_nothing_half_and_loses_nothing(clone: Clone) -> None:
    rng = random.Random(9)
    raw = {f"n{number:02}.ipynb": outputs(number, 20_000 if number % 7 == 0 else 900) for number in range(40)}
    for name, data in raw.items():
        (clone.root / name).write_bytes(data)
    killed = 0
    for _ in range(25):
        git = subprocess.Popen(["git", "add", "."], cwd=clone.root, stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * 0.08)
        for child in _children(git.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                killed += 1
        git.wait(timeout=60)
        (clone.root / ".git/index.lock").unlink(missing_ok=True)
        everything_is_whole(clone, raw)
        for name, data in raw.items():
            assert (clone.root / name).read_bytes() == data
        clone.git("rm", "-q", "--cached", "-r", "--ignore-unmatch", ".")
    assert killed > 5
    clone.must("add", ".")
    assert set(clone.git("ls-files", "--", "*.ipynb").split()) == set(raw)
    everything_is_whole(clone, raw)


def _children(pid: int) -> list[int]:
    try:
        found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has ended
        return []
    return found + [deeper for child in found for deeper in _children(child)]


@pytest.mark.parametrize("size", [2_000, LARGE])
def test_on_a_full_disk_nothing_is_staged_or_stashed_without_its_outputs(clone: Clone, size: int) -> None:
    first, second = outputs(1), outputs(2, size)
    (clone.root / "a.ipynb").write_bytes(first)
    clone.must("add", ".")
    clone.must("commit", "-qm", "One", "--no-verify")
    (clone.root / "a.ipynb").write_bytes(second)
    room = max(len(strip(first)), len(strip(second))) + 3_000
    for command in (("add", "a.ipynb"), ("stash", "push", "-q")):
        done = subprocess.run(
            ["git", *command],
            cwd=clone.root,
            capture_output=True,
            preexec_fn=lambda: _room_for(room),
        )
        assert done.returncode != 0
        assert b"a.ipynb: its outputs could not be kept: File too large" in done.stderr
        assert b"make room" in done.stderr
        assert (clone.root / "a.ipynb").read_bytes() == second
        assert clone.staged("a.ipynb") == strip(first)
    clone.must("stash", "push", "-q")
    assert (clone.root / "a.ipynb").read_bytes() == first
    clone.must("stash", "pop", "-q")
    assert (clone.root / "a.ipynb").read_bytes() == second


def _room_for(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def test_a_pack_cut_anywhere_gives_whole_entries_or_none(tmp_path: Path) -> None:
    vault = Vault(str(tmp_path / "vault"))
    kept = {f"n{number}.ipynb".encode(): outputs(number, 30) for number in range(3)}
    for path, data in kept.items():
        vault.keep(path, key_of(strip(data)), data)
    vault.close()
    (pack,) = (tmp_path / "vault").glob("*.pack")
    whole = pack.read_bytes()
    for cut in range(0, len(whole), 11):
        pack.write_bytes(whole[:cut])
        again = Vault(str(tmp_path / "vault"))
        for path, data in kept.items():
            assert again.find(path, key_of(strip(data))) in (None, data)
        later = outputs(9, 30)
        again.keep(b"later.ipynb", key_of(strip(later)), later)
        again.close()
        assert Vault(str(tmp_path / "vault")).find(b"later.ipynb", key_of(strip(later))) == later
        for extra in set((tmp_path / "vault").glob("*.pack")) - {pack}:
            extra.unlink()


def test_a_large_notebook_goes_through_git_and_comes_back_with_its_outputs(clone: Clone) -> None:
    data = outputs(5, LARGE // 4)
    assert len(data) > LARGE
    (clone.root / "a.ipynb").write_bytes(data)
    clone.must("add", ".")
    clone.must("commit", "-qm", "Large", "--no-verify")
    assert clone.committed("a.ipynb") == strip(data)
    (clone.root / "a.ipynb").unlink()
    clone.must("checkout", "-q", "--", "a.ipynb")
    assert (clone.root / "a.ipynb").read_bytes() == data
    clone.must("config", "--unset", "filter.sahel-nb.process")
    (clone.root / "a.ipynb").write_bytes(data)
    clone.must("add", "--renormalize", ".")
    assert clone.staged("a.ipynb") == strip(data)
    assert not list((clone.root / ".git/sahel-nb/vault").glob("*.tmp"))
