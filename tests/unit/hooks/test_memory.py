"""What was found clean is forgotten in any accident, and never made up."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sahel_nb
from sahel_nb.hooks import memory as module
from sahel_nb.hooks.memory import COMMIT, NO_SECRET, Memory, rules_key

A, B, C = "a" * 40, "b" * 40, "c" * 40


def test_only_what_was_added_under_the_same_rules_is_known(tmp_path: Path) -> None:
    folder = str(tmp_path / "ŋ" / "clean")
    one = Memory(folder, "rules")
    one.add(COMMIT, A)
    assert one.has(COMMIT, A)
    one.save()
    one.add(NO_SECRET, B)
    one.save()
    again = Memory(folder, "rules")
    assert (again.has(COMMIT, A), again.has(NO_SECRET, B)) == (True, True)
    assert (again.has(NO_SECRET, A), again.has(COMMIT, A[:39]), again.has(COMMIT, C)) == (False, False, False)
    other = Memory(folder, "other-rules")
    assert not other.has(COMMIT, A)
    other.add(COMMIT, C)
    other.save()
    assert [file.name for file in Path(folder).iterdir()] == ["other-rules"]


def test_nothing_to_remember_writes_nothing(tmp_path: Path) -> None:
    Memory(str(tmp_path / "clean"), "rules").save()
    assert not (tmp_path / "clean").exists()
    one = Memory(str(tmp_path), "rules")
    one.add(COMMIT, A)
    one.save()
    before = (tmp_path / "rules").read_bytes()
    again = Memory(str(tmp_path), "rules")
    again.add(COMMIT, A)
    again.save()
    assert (tmp_path / "rules").read_bytes() == before


@given(cut=st.integers(0, 140), junk=st.binary(max_size=60))
def test_a_file_cut_short_or_scribbled_on_knows_less_and_nothing_new(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    folder = tmp_path_factory.mktemp("memory")
    one = Memory(str(folder), "rules")
    one.add(COMMIT, A)
    one.add(COMMIT, B)
    one.save()
    file = folder / "rules"
    file.write_bytes(file.read_bytes()[:cut] + junk)
    damaged = Memory(str(folder), "rules")
    assert not any(damaged.has(COMMIT, name) for name in (C, A + "a"))
    damaged.add(COMMIT, C)
    damaged.save()
    assert Memory(str(folder), "rules").has(COMMIT, C)


def test_a_memory_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    (tmp_path / "clean").write_text("a file where the folder should be")
    one = Memory(str(tmp_path / "clean"), "rules")
    one.add(COMMIT, A)
    one.save()
    assert not Memory(str(tmp_path / "clean"), "rules").has(COMMIT, A)


def test_it_does_not_grow_for_ever(tmp_path: Path) -> None:
    names = [f"{number:040x}" for number in range(220_000)]
    for part in (names[:210_000], names[210_000:215_000], names[215_000:]):
        one = Memory(str(tmp_path), "rules")
        for name in part:
            one.add(COMMIT, name)
        one.save()
    assert (tmp_path / "rules").stat().st_size < 6 << 20
    kept = Memory(str(tmp_path), "rules")
    assert all(kept.has(COMMIT, name) for name in names[-10_000:])


def test_pushes_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    Memory(str(tmp_path), "rules").save()
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from sahel_nb.hooks.memory import Memory\n"
        "m = Memory(sys.argv[2], 'rules')\n"
        "for n in range(200):\n    m.add(b'c', f'{sys.argv[3]}{n:039x}'); m.save()\n"
    )
    first = Memory(str(tmp_path), "rules")
    first.add(COMMIT, A)
    first.save()
    root = str(Path(sahel_nb.__file__).parents[1])
    started = [
        subprocess.Popen([sys.executable, "-I", "-S", "-c", code, root, str(tmp_path), str(who)]) for who in range(3)
    ]
    assert [each.wait() for each in started] == [0, 0, 0]
    known = Memory(str(tmp_path), "rules")
    assert known.has(COMMIT, A)
    assert all(known.has(COMMIT, f"{who}{n:039x}") for who in range(3) for n in range(200))


def test_the_key_is_another_one_under_other_rules(tmp_path: Path) -> None:
    assert rules_key(()) == rules_key(())
    assert len({rules_key(()), rules_key(("a=b",)), rules_key(("a=", "b")), rules_key(("a", "=b"))}) == 4
    package = Path(sahel_nb.__file__).parent
    copy = tmp_path / "sahel_nb"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "localkaggle", "_shipped"))
    libraries = tmp_path / "site"
    (libraries / "jupytext-1.16.0.dist-info").mkdir(parents=True)

    def key() -> str:
        code = (
            "import sys; sys.path[:0] = sys.argv[1:]\nfrom sahel_nb.hooks.memory import rules_key; print(rules_key(()))"
        )
        done = [sys.executable, "-I", "-S", "-B", "-c", code, str(tmp_path), str(libraries)]
        return subprocess.run(done, check=True, capture_output=True, text=True).stdout

    keys = [key(), key()]
    assert len(set(keys)) == 1
    for name in (
        "notebook/secret_patterns.py",
        "hooks/committed.py",
        "kernels/metadata.py",
        "repo/batch.py",
        "config.py",
    ):
        with (copy / name).open("a") as file:
            file.write("\n")
        keys.append(key())
    (libraries / "jupytext-1.16.0.dist-info").rename(libraries / "jupytext-1.16.1.dist-info")
    keys.append(key())
    assert len(set(keys)) == 7
    assert module.__file__.startswith(str(package))
