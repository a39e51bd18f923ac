"""A folder for each run: never one that another run has, and always the same one for the run that it belongs to."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sahel_nb.kernels.model import KernelRef
from sahel_nb.run import collect
from sahel_nb.run.collect import OWNER, claim, owner_of, run_folder

REF = KernelRef("awa", "fula-lid")
NAME = "2026-11-21-0a1b2c3d-v1"


def test_two_runs_of_one_name_get_a_folder_each_and_find_it_again(tmp_path: Path) -> None:
    first, second = (run_folder(tmp_path, REF, NAME, run) for run in ("run-a", "run-b"))
    assert [first.name, second.name] == [NAME, f"{NAME}-2"]
    assert [run_folder(tmp_path, REF, NAME, run) for run in ("run-b", "run-a", "run-b")] == [second, first, second]
    assert sorted(path.name for path in first.parent.iterdir()) == [NAME, f"{NAME}-2"], "no draft stays"


def test_what_an_earlier_version_left_belongs_to_the_run_of_its_record(tmp_path: Path) -> None:
    old = tmp_path / REF.slug / NAME
    old.mkdir(parents=True)
    (old / "run.json").write_text('{"run_id": "run-a"}')
    assert run_folder(tmp_path, REF, NAME, "run-a") == old
    assert run_folder(tmp_path, REF, NAME, "run-b") == old.with_name(f"{NAME}-2")


def test_a_folder_of_runs_is_ignored_and_one_that_holds_other_things_is_not(tmp_path: Path) -> None:
    runs, notebooks = tmp_path / "runs", tmp_path / "notebooks"
    (notebooks / "fula-lid").mkdir(parents=True)
    (notebooks / "fula-lid" / "fula-lid.ipynb").write_text("{}")
    for base in (runs, notebooks):
        for run in ("run-a", "run-b"):
            folder = run_folder(base, REF, NAME, run)
            assert (folder / ".gitignore").exists() == (base == notebooks)
    assert (runs / ".gitignore").read_text() == "*\n"
    assert not (notebooks / ".gitignore").exists()


@pytest.mark.parametrize("there", ["empty", "file", "damaged"])
def test_whatever_else_has_the_name_is_left_alone(tmp_path: Path, there: str) -> None:
    place = tmp_path / REF.slug / NAME
    place.parent.mkdir(parents=True)
    if there == "file":
        place.write_text("mine")
    else:
        place.mkdir()
    if there == "damaged":
        (place / "run.json").write_text("[1")
        (place / OWNER).write_bytes(b"\xff")
    before = sorted(place.parent.rglob("*"))
    assert run_folder(tmp_path, REF, NAME, "run-a").name == f"{NAME}-2"
    assert [path for path in sorted(place.parent.rglob("*")) if f"{NAME}-2" not in str(path)] == before


def test_of_many_who_want_one_name_at_once_each_gets_a_folder(tmp_path: Path) -> None:
    start, made = threading.Barrier(8), {}

    def take(owner: str) -> None:
        start.wait()
        made[owner] = claim(tmp_path, "v1", owner)

    threads = [threading.Thread(target=take, args=(f"run-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made.values())) == 8
    assert {owner: owner_of(folder) for owner, folder in made.items()} == {owner: owner for owner in made}


def test_who_dies_before_the_folder_is_whole_leaves_no_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(path: Path, data: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(collect, "write_atomically", dies)
        with pytest.raises(KeyboardInterrupt):
            claim(tmp_path, "v1", "run-a")
    assert list(tmp_path.iterdir()) == []
    assert claim(tmp_path, "v1", "run-b").name == "v1"
