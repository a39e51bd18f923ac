"""The clients that are tried, and which of them fixed what."""

from __future__ import annotations

from pathlib import Path

VERSIONS = ("2.2.4", "2.2.5")
SDK = "0.1.38"
FIXED_IN = {
    "test_a_state_that_nobody_knows": "2.2.5",
    "test_a_version_that_was_named": "2.2.5",
    "test_an_output_leaves_its_folder": "2.2.5",
    "test_an_error_page_is_saved_as_the_file": "2.2.5",
    "test_a_download_that_breaks_off": "2.2.5",
    "test_a_newer_file_east_of_greenwich": "2.2.5",
    "test_a_file_of_a_dataset_that_did_not_arrive": "2.2.5",
    "test_a_machine_is_replaced_without_a_word": "2.2.5",
}
"""The first version that does not walk into the trap; what is not here does so in all of VERSIONS."""

_ROOT = Path(__file__).parents[2]


def client(version: str) -> Path:
    """Where the `kaggle` command of that version is, or will be."""
    return _ROOT / f".venv-kaggle-{version}" / "bin/kaggle"


def is_fixed(trap: str, version: str) -> bool:
    return trap in FIXED_IN and _numbers(version) >= _numbers(FIXED_IN[trap])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
