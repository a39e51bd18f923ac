"""What we read is a file: a link that a repository brought may lead anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sahel_nb.permissions import read_regular


def test_a_file_and_a_link_to_one_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("ŋ\n")
    (tmp_path / "link").symlink_to("file")

    assert read_regular(str(tmp_path / "link")) == (tmp_path / "file").read_bytes()


@pytest.mark.parametrize("to", ["/dev/zero", "/dev/null", "/dev/tty", "pipe"])
def test_what_has_no_end_is_not_read(tmp_path: Path, to: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(to)

    with pytest.raises(OSError, match=r"no regular file|No such device"):
        read_regular(str(tmp_path / "link"))


def test_a_folder_and_nothing_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_regular(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        read_regular(str(tmp_path / "gone"))
