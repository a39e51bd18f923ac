"""Proves that a notebook on disk is never cut short: whoever strips it is killed at every step, or the disk is full."""

from __future__ import annotations

import os
import re
import resource
import shutil
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sahel_nb.errors import Refused
from sahel_nb.hooks.inplace import replace
from sahel_nb.notebook.strip import strip
from tests.integration.commit.side_by_side import Programs
from tests.unit.notebook.shapes import simple

OLD = simple(*(f"x = {number}\n" * 40 for number in range(60)))
NEW = strip(OLD)
COMMANDS = {
    "sahel-nb": [sys.executable, "-m", "sahel_nb.cli.main", "strip"],
    "sahel-nb-hook": [sys.executable, "-m", "sahel_nb.hooks.main", "strip"],
}
DONE = {"sahel-nb": 0, "sahel-nb-hook": 1}  # the pre-commit framework wants 1 where a file was changed
program = pytest.mark.parametrize("name", list(COMMANDS))


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    with Programs() as ready:
        yield ready


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "ŋ.ipynb"
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


@program
def test_killed_at_every_step(programs: Programs, notebook: Path, name: str) -> None:
    seen = []
    at = 1
    while (ended := programs.run(name, ["strip", notebook.name], notebook.parent, dies_at=at)).code == -9:
        seen.append(notebook.read_bytes() == NEW)
        assert seen[-1] or notebook.read_bytes() == OLD
        assert stat.S_IMODE(notebook.stat().st_mode) == 0o640
        for path in notebook.parent.iterdir():
            assert path == notebook or re.fullmatch(r"\.ŋ\.ipynb\..*\.tmp", path.name)
        if at % 8 == 0:
            assert programs.run(name, ["strip", notebook.name], notebook.parent).code in (0, 1)
            assert notebook.read_bytes() == NEW
        for path in notebook.parent.iterdir():
            path.unlink()
        notebook.write_bytes(OLD)
        notebook.chmod(0o640)
        at += 1
    assert ended.code == DONE[name], ended
    assert notebook.read_bytes() == NEW
    # It was killed before, while and after the new file took the old one's place.
    assert seen.index(True) > 5
    assert len(seen) > seen.index(True)
    assert all(seen[seen.index(True) :])


@program
@pytest.mark.parametrize("limit", [0, 1, 4096, len(NEW) - 1, len(NEW)])
def test_a_file_may_not_grow(notebook: Path, name: str, limit: int) -> None:
    done = subprocess.run(
        [*COMMANDS[name], notebook.name],
        cwd=notebook.parent,
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    if limit < len(NEW):
        assert done.returncode == {"sahel-nb": 1, "sahel-nb-hook": 3}[name]
        assert notebook.read_bytes() == OLD
        assert notebook.name in done.stderr.decode()
        assert "bug" not in done.stderr.decode()
    else:
        assert done.returncode == DONE[name]
        assert notebook.read_bytes() == NEW
    assert [path.name for path in notebook.parent.iterdir()] == [notebook.name]
    assert stat.S_IMODE(notebook.stat().st_mode) == 0o640


def can_mount() -> bool:
    """A file system of one's own, in a namespace of one's own."""
    if shutil.which("unshare") is None:
        return False
    trial = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(trial, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="no file system may be mounted here")
@program
def test_the_disk_is_full(notebook: Path, tmp_path: Path, name: str) -> None:
    script = """
        set -e
        mkdir full; mount -t tmpfs -o size=512k none full
        cp -p "$NOTEBOOK" full/; cd full
        cat /dev/zero > rest 2>/dev/null || true
        "$@" "$NOTEBOOK" > ../said 2>&1 || echo $? > ../code
        cp "$NOTEBOOK" ../after; ls -A > ../there
    """
    subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *COMMANDS[name]],
        cwd=tmp_path, env={**os.environ, "NOTEBOOK": notebook.name}, check=True,
    )  # fmt: skip
    assert (tmp_path / "after").read_bytes() == OLD
    assert (tmp_path / "code").read_text() == {"sahel-nb": "1\n", "sahel-nb-hook": "3\n"}[name]
    assert "No space left" in (tmp_path / "said").read_text()
    assert (tmp_path / "there").read_text().split() == ["rest", notebook.name]


@program
def test_what_has_nothing_to_strip_is_not_touched(programs: Programs, notebook: Path, name: str) -> None:
    for data in (NEW, NEW.replace(b"\n", b"\r\n")):
        notebook.write_bytes(data)
        before = notebook.stat()
        assert programs.run(name, ["strip", notebook.name], notebook.parent).code == 0
        after = notebook.stat()
        assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
            before.st_ino,
            before.st_mtime_ns,
            before.st_ctime_ns,
        )
        assert notebook.read_bytes() == data


@program
def test_a_link_stays_a_link(programs: Programs, notebook: Path, name: str) -> None:
    (notebook.parent / "sub").mkdir()
    link = notebook.parent / "sub" / "link.ipynb"
    link.symlink_to(f"../{notebook.name}")
    assert programs.run(name, ["strip", "sub/link.ipynb"], notebook.parent).code == DONE[name]
    assert os.readlink(link) == f"../{notebook.name}"  # noqa: PTH115  the text of the link itself
    assert notebook.read_bytes() == NEW
    assert stat.S_IMODE(notebook.stat().st_mode) == 0o640
    assert sorted(path.name for path in notebook.parent.rglob("*")) == ["link.ipynb", "sub", notebook.name]


only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to somebody")


@only_root
@program
def test_the_owner_stays(programs: Programs, notebook: Path, name: str) -> None:
    os.chown(notebook, 1234, 2345)
    assert programs.run(name, ["strip", notebook.name], notebook.parent).code == DONE[name]
    assert notebook.read_bytes() == NEW
    assert (notebook.stat().st_uid, notebook.stat().st_gid) == (1234, 2345)
    assert stat.S_IMODE(notebook.stat().st_mode) == 0o640


@program
def test_a_name_as_long_as_a_name_may_be(programs: Programs, tmp_path: Path, name: str) -> None:
    path = tmp_path / ("ⵣ" * 83 + ".ipynb")
    path.write_bytes(OLD)
    assert programs.run(name, ["strip", path.name], tmp_path).code == DONE[name]
    assert path.read_bytes() == NEW


def acl(*entries: tuple[int, int, int]) -> bytes:
    """An access control list as Linux keeps it: (kind, rwx, uid) each, by linux/posix_acl_xattr.h."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
READERS = acl((1, 6, NOBODY), (2, 4, 1234), (4, 4, NOBODY), (16, 4, NOBODY), (32, 0, NOBODY))
WRITERS = acl((1, 7, NOBODY), (2, 7, 4321), (4, 7, NOBODY), (16, 7, NOBODY), (32, 0, NOBODY))


def set_attributes(path: Path, **values: bytes) -> None:
    try:
        for key, value in values.items():
            os.setxattr(path, key.replace("__", "."), value)
    except (AttributeError, OSError) as exc:
        pytest.skip(f"this file system keeps no such attributes: {exc}")


@program
def test_attributes_and_the_access_control_list_stay(programs: Programs, notebook: Path, name: str) -> None:
    set_attributes(notebook, user__note="ŋ".encode(), system__posix_acl_access=READERS)
    assert programs.run(name, ["strip", notebook.name], notebook.parent).code == DONE[name]
    assert notebook.read_bytes() == NEW
    assert os.getxattr(notebook, "user.note") == "ŋ".encode()
    assert os.getxattr(notebook, "system.posix_acl_access") == READERS
    assert stat.S_IMODE(notebook.stat().st_mode) == 0o640


@program
def test_what_the_folder_gives_to_new_files_is_not_given_to_an_old_one(
    programs: Programs, notebook: Path, name: str
) -> None:
    set_attributes(notebook.parent, system__posix_acl_default=WRITERS)
    assert programs.run(name, ["strip", notebook.name], notebook.parent).code == DONE[name]
    assert notebook.read_bytes() == NEW
    assert os.listxattr(notebook) == []
    assert stat.S_IMODE(notebook.stat().st_mode) == 0o640


@program
def test_a_file_that_may_only_be_read_is_left_alone(programs: Programs, notebook: Path, name: str) -> None:
    notebook.chmod(0o440)
    ended = programs.run(name, ["strip", notebook.name], notebook.parent, powerless=True)
    assert ended.code == {"sahel-nb": 1, "sahel-nb-hook": 3}[name]
    assert "may not be written" in ended.err
    assert notebook.read_bytes() == OLD


@program
def test_another_name_of_the_file_keeps_what_it_was(programs: Programs, notebook: Path, name: str) -> None:
    """A copy of the folder that shares its files (`cp -al`) is somebody's backup."""
    other = notebook.with_name("other.ipynb")
    other.hardlink_to(notebook)
    assert programs.run(name, ["strip", notebook.name], notebook.parent).code == DONE[name]
    assert (notebook.read_bytes(), other.read_bytes()) == (NEW, OLD)


def test_what_was_changed_meanwhile_is_left_alone(notebook: Path) -> None:
    with pytest.raises(Refused, match="changed meanwhile"):
        replace(notebook, NEW, instead_of=OLD + b"\n")
    assert notebook.read_bytes() == OLD
    assert list(notebook.parent.iterdir()) == [notebook]
