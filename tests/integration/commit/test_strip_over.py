"""Proves that a file that no new one can replace is written over, stays whose it is, and loses nothing on the way."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sahel_nb.errors import Refused
from sahel_nb.hooks.overwrite import overwrite
from tests.integration.commit.side_by_side import ROOT, Programs
from tests.integration.commit.test_strip_dies import DONE, NEW, OLD, can_mount, only_root, program


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    with Programs() as ready:
        yield ready


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Path]:
    """A notebook in a folder in which nothing may be created."""
    path = tmp_path / "shared" / "ŋ.ipynb"
    path.parent.mkdir()
    path.write_bytes(OLD)
    path.chmod(0o664)
    path.parent.chmod(0o555)
    yield path
    path.parent.chmod(0o755)


@program
def test_a_folder_that_may_not_be_written(programs: Programs, alone: Path, name: str) -> None:
    before = alone.stat()
    ended = programs.run(name, ["strip", alone.name], alone.parent, powerless=True)
    assert ended.code == DONE[name], ended
    assert alone.read_bytes() == NEW
    assert alone.stat().st_ino == before.st_ino
    assert stat.S_IMODE(alone.stat().st_mode) == 0o664
    assert list(alone.parent.iterdir()) == [alone]


@only_root
@program
def test_somebody_elses_file_stays_theirs(programs: Programs, tmp_path: Path, name: str) -> None:
    path = tmp_path / "theirs.ipynb"
    path.write_bytes(OLD)
    os.chown(path, 1234, 2345)
    path.chmod(0o666)
    ended = programs.run(name, ["strip", path.name], tmp_path, powerless=True)
    assert ended.code == DONE[name], ended
    assert path.read_bytes() == NEW
    assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (1234, 2345, 0o666)
    assert list(tmp_path.iterdir()) == [path]


@only_root
def test_killed_at_every_step_of_it(programs: Programs, tmp_path: Path) -> None:
    """Torn or not: what the file held is there, in it or beside it."""
    path = tmp_path / "theirs.ipynb"
    path.write_bytes(OLD)
    os.chown(path, 1234, 2345)
    path.chmod(0o666)

    def killed(at: int) -> str:
        ended = programs.run("sahel-nb-hook", ["strip", path.name], tmp_path, dies_at=at, powerless=True)
        if ended.code != -9:
            assert ended.code == DONE["sahel-nb-hook"], ended
            assert path.read_bytes() == NEW
            return "done"
        beside = [other for other in tmp_path.iterdir() if other != path]
        assert all(re.fullmatch(r"\.theirs\.ipynb\..*\.tmp", other.name) for other in beside)
        found = {OLD: "old", NEW: "new"}.get(path.read_bytes(), "torn")
        if found == "torn":
            assert OLD in [other.read_bytes() for other in beside]
        for other in beside:
            other.unlink()
        path.write_bytes(OLD)
        return found

    # Before the file itself is touched every seventh step will do.
    at = 1
    while killed(at) == "old":
        at += 7
    path.write_bytes(OLD)
    seen = ["old"]
    for step in range(at - 6, at + 1000):
        if (found := killed(step)) == "done":
            break
        seen.append(found)
    assert list(dict.fromkeys(seen)) == ["old", "torn", "new"]
    assert seen == sorted(seen, key=["old", "torn", "new"].index)


def test_what_does_not_fit_is_taken_back(alone: Path) -> None:
    """The larger file may not grow in the middle of it: then it is the old one again, and the copy is gone."""
    code = f"""if True:
        import resource, sys
        sys.path.insert(0, {str(ROOT)!r})
        from pathlib import Path
        from sahel_nb.errors import Refused
        from sahel_nb.hooks.inplace import replace
        from tests.integration.commit.side_by_side import give_up_powers
        give_up_powers()
        resource.setrlimit(resource.RLIMIT_FSIZE, ({len(OLD) + 1000}, {len(OLD) + 1000}))
        try:
            replace(Path({alone.name!r}), {OLD + OLD!r})
        except Refused as exc:
            sys.exit(exc.message)
    """
    (alone.parents[1] / "tmp").mkdir()
    env = {**os.environ, "TMPDIR": str(alone.parents[1] / "tmp")}
    done = subprocess.run([sys.executable, "-c", code], cwd=alone.parent, capture_output=True, text=True, env=env)
    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stderr
    assert alone.read_bytes() == OLD
    assert list((alone.parents[1] / "tmp").iterdir()) == []


@pytest.mark.skipif(not can_mount(), reason="no file system may be mounted here")
@program
def test_a_file_that_is_mounted_by_itself(tmp_path: Path, name: str) -> None:
    script = """
        set -e
        touch here.ipynb; mount --bind there.ipynb here.ipynb
        "$@" here.ipynb > said 2>&1 || echo $? > code
    """
    (tmp_path / "there.ipynb").write_bytes(OLD)
    command = {"sahel-nb": "sahel_nb.cli.main", "sahel-nb-hook": "sahel_nb.hooks.main"}[name]
    subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", sys.executable, "-m", command, "strip"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    assert (tmp_path / "there.ipynb").read_bytes() == NEW, (tmp_path / "said").read_text()
    assert (tmp_path / "code").exists() == bool(DONE[name])
    assert not list(tmp_path.glob(".*"))


def test_what_was_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(OLD)
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(Refused, match="changed meanwhile"):
        overwrite(path, path, NEW, OLD + b"\n", folder)
    os.close(folder)
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]
