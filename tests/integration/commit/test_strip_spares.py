"""`sahel-nb strip` where nbstripout would lose something, or where a stream, a name or a file is an odd one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.notebook.strip import strip
from tests.integration.commit.side_by_side import Programs
from tests.integration.commit.strip_world import FILES, RICH, world
from tests.unit.notebook.shapes import simple


def test_several_files_to_a_file_are_all_there(tmp_path: Path) -> None:
    """nbstripout goes back to the start of a stdout that is a file, once for each notebook."""
    root = world(tmp_path / "w")
    with open(tmp_path / "out", "wb") as out:
        out.write(b"before\n")
        out.flush()
        subprocess.run(
            [sys.executable, "-m", "sahel_nb.cli.main", "strip", "-t", "a.ipynb", "rich.ipynb"],
            cwd=root, stdout=out, check=True,
        )  # fmt: skip
    assert (tmp_path / "out").read_bytes() == b"before\n" + strip(FILES["a.ipynb"]) + strip(RICH)


def test_half_of_a_surrogate_pair_leaves_the_file_as_it_is(programs: Programs, tmp_path: Path) -> None:
    root = world(tmp_path / "w")
    lone = RICH.replace(b"print", b"\\ud83d")
    (root / "lone.ipynb").write_bytes(lone)
    ended = programs.run("sahel-nb", ["strip", "lone.ipynb"], root)
    assert (ended.code, ended.out) == (1, b"")
    assert "lone.ipynb" in ended.err
    assert "ud83d" in ended.err
    assert (root / "lone.ipynb").read_bytes() == lone


@pytest.mark.parametrize("closed", ["<&-", ">&-", "> /dev/full"])
def test_streams_that_are_not_there(tmp_path: Path, closed: str) -> None:
    (tmp_path / "in").write_bytes(RICH)
    command = f"'{sys.executable}' -m sahel_nb.cli.main strip < in {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"std" in done.stderr
    assert b"bug" not in done.stderr


def test_a_reader_that_has_enough_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "big.ipynb").write_bytes(simple("x = 1\n" * 50_000))
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "sahel_nb.cli.main", "strip", "-t", "big.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_name_that_is_no_utf8_is_printed_as_it_is(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.ipynb")
    (tmp_path / name).write_bytes(RICH)
    done = subprocess.run(
        [sys.executable, "-m", "sahel_nb.cli.main", "strip", "--dry-run", name], cwd=tmp_path, capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, b"Dry run: would have stripped \xff\xfe.ipynb\n")


def test_what_is_no_regular_file_is_not_replaced(programs: Programs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = subprocess.Popen(["sh", "-c", "cat > pipe"], stdin=subprocess.PIPE, cwd=tmp_path)
    assert writer.stdin is not None
    writer.stdin.write(RICH)
    writer.stdin.close()
    ended = programs.run("sahel-nb", ["strip", "-f", "pipe"], tmp_path)
    writer.wait(30)
    assert ended.code == 1
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
