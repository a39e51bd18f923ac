"""Names that a server gives never lead out of the folder that they are meant for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.kernels.outputs import contained


@pytest.mark.parametrize(
    "name",
    [
        "\ud83d",
        "a/\udbff",
        "",
        ".",
        "..",
        "../a",
        "a/../../b",
        "/etc/passwd",
        "a//b",
        "a/./b",
        "a\\b",
        "a\x00b",
        "x" * 300,
        ".git/config",
        "deep/.GIT",
        "git~1/x",
        "a/.git ./x",
        "a/.g\u200cit/x",
        "HEAD",
        "bare/head",
        "a\x1b]52;c;aGk=\x07",
        "a\nb",
        "a\x9b",
    ],
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    assert contained(tmp_path, name) is None


def test_a_link_in_the_folder_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path)
    assert contained(tmp_path / "out", "link/escape.txt") is None


@given(st.text(min_size=1, max_size=40))
def test_every_name_that_is_taken_stays_inside(name: str) -> None:
    folder = Path("/nowhere/out")
    target = contained(folder, name)
    assert target is None or folder in target.parents
