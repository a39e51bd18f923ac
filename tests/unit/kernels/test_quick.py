"""Signing in without the package says what the package says, or leaves it to the package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sahel_nb.kernels.quick import legacy_key
from sahel_nb.kernels.target import Target, TargetKind

PACKAGE = """
import json
from sahel_nb.kernels.package import open_api
from sahel_nb.kernels.target import Target, TargetKind

api = open_api(Target(TargetKind.OTHER, "http://127.0.0.1:1"))
print(json.dumps(api.build_kaggle_client()._http_client._session.auth))
"""
BOTH = {"KAGGLE_USERNAME": "awa", "KAGGLE_KEY": "of-awa"}
KEY = '{"username": "binta", "key": "of-binta"}'
MAIN = ".kaggle/kaggle.json"
KAGGLE = Target(TargetKind.KAGGLE)


def _home(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("environ", "files", "expected"),
    [
        (BOTH, {MAIN: KEY}, ("awa", "of-awa")),
        ({}, {MAIN: KEY}, ("binta", "of-binta")),
        ({"KAGGLE_USERNAME": "awa"}, {MAIN: KEY}, ("awa", "of-binta")),
        ({}, {".config/kaggle/kaggle.json": KEY}, ("binta", "of-binta")),
        ({"KAGGLE_CONFIG_DIR": "{home}/own"}, {"own/kaggle.json": KEY, MAIN: "{}"}, ("binta", "of-binta")),
    ],
)
def test_a_key_is_the_one_that_the_package_takes(
    tmp_path: Path, environ: dict[str, str], files: dict[str, str], expected: tuple[str, str]
) -> None:
    home = _home(tmp_path, files)
    environ = {name: value.format(home=home) for name, value in environ.items()}

    done = subprocess.run(
        (sys.executable, "-c", PACKAGE), env={"HOME": str(home), **environ}, capture_output=True, text=True, check=True
    )

    assert legacy_key(KAGGLE, environ, home) == expected
    assert tuple(json.loads(done.stdout)) == expected


@pytest.mark.parametrize(
    ("environ", "files"),
    [
        ({}, {}),
        ({"KAGGLE_USERNAME": "awa"}, {}),
        ({"KAGGLE_USERNAME": "awa", "KAGGLE_KEY": ""}, {MAIN: KEY}),
        ({**BOTH, "KAGGLE_API_TOKEN": "t"}, {}),
        ({**BOTH, "KAGGLE_TOKEN": "t"}, {}),
        ({**BOTH, "KAGGLE_KERNEL_RUN_TYPE": "Interactive"}, {}),
        ({**BOTH, "KAGGLE_API_ENVIRONMENT": "LOCALHOST"}, {}),
        (BOTH, {".kaggle/access_token": "t"}),
        (BOTH, {".kaggle/access_token.txt": "t"}),
        ({}, {MAIN: '{"username": "binta", "key": "of-binta", "token": "t"}'}),
        ({}, {MAIN: '{"username": "binta", "key": 1}'}),
        ({}, {MAIN: '["username", "key"]'}),
        ({}, {MAIN: '{"username": "binta"'}),
        ({}, {".kaggle/other": "", ".config/kaggle/kaggle.json": KEY}),
    ],
)
def test_what_is_not_plain_is_left_to_the_package(
    tmp_path: Path, environ: dict[str, str], files: dict[str, str]
) -> None:
    assert legacy_key(KAGGLE, environ, _home(tmp_path, files)) is None


def test_the_targets_own_key_beats_whatever_the_person_has(tmp_path: Path) -> None:
    target = Target(TargetKind.EMBEDDED, "http://127.0.0.1:1", "local", "of-local")

    assert legacy_key(target, {**BOTH, "KAGGLE_API_TOKEN": "t"}, tmp_path) == ("local", "of-local")
