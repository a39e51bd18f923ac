"""What stands in a kaggle.json is never said, what is wrong with it is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sahel_nb.kernels.package import _broken
from support.service import BIN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"username": "awa", "key": "s3cret', "no JSON"),
        ('{"username": "awa"}', "has no key"),
        ('["s3cret"]', "has no username and no key"),
        ('{"username": "awa", "key": "s3cret"}', ""),
    ],
)
def test_what_is_wrong_with_it_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "kaggle.json"
    path.write_text(text, encoding="utf-8")
    assert said in _broken(path)
    assert bool(_broken(path)) is bool(said)
    assert "s3cret" not in _broken(path)


def test_where_there_is_none_nothing_is_wrong_with_it(tmp_path: Path) -> None:
    assert _broken(tmp_path / "kaggle.json") == ""


def test_a_command_with_a_broken_kaggle_json_names_the_file(tmp_path: Path) -> None:
    folder = tmp_path / ".kaggle"
    folder.mkdir()
    (folder / "kaggle.json").write_text('{"username": "awa", "key', encoding="utf-8")
    env = {key: value for key, value in os.environ.items() if not key.startswith(("KAGGLE_", "SAHEL_NB_"))}
    done = subprocess.run(
        (BIN / "sahel-nb", "quota"), env=env | {"HOME": str(tmp_path)}, cwd=tmp_path,
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 8, done.stderr
    assert f"error: {folder / 'kaggle.json'} is no JSON" in done.stderr
