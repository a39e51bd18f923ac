"""The table of traps names tests that are there, and every trap has its row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.traps.versions import FIXED_IN

TESTS = Path(__file__).parents[1]
TABLE = (TESTS.parent / "docs/kaggle-traps.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if re.match(r"\| A?\d+ \|", line)
]
NAMED = sorted(set(re.findall(r"`(\w+)::(test_\w+)`", TABLE)))


def test_every_trap_has_a_row() -> None:
    expected = [str(number) for number in range(1, 24)] + [f"A{number}" for number in range(1, 8)]
    assert [row[0] for row in ROWS] == expected
    assert all(len(row) == 5 and all(row) for row in ROWS)


@pytest.mark.parametrize(("module", "name"), NAMED, ids="::".join)
def test_a_test_that_is_named_is_there(module: str, name: str) -> None:
    (path,) = TESTS.rglob(f"{module}.py")
    assert re.search(rf"^def {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE), path


def test_what_is_shown_of_the_client_is_shown_of_ours() -> None:
    for number, _, plain, _, ours in ROWS:
        assert "::" in ours or "::" not in plain, number


def test_since_when_a_trap_is_fixed_is_what_was_measured() -> None:
    for number, _, plain, fixed, _ in ROWS:
        versions = [FIXED_IN.get(name) for name in re.findall(r"`kaggle_client::(test_\w+)`", plain)]
        expected = " and ".join(sorted({version for version in versions if version})) or ("no" if versions else "–")
        assert fixed.partition(" in part")[0] == expected, number
        assert (" in part" in fixed) is (any(versions) and not all(versions)), number


def test_every_trap_that_is_measured_stands_in_the_table() -> None:
    measured = re.findall(r"^def (test_\w+)\(", (TESTS / "traps/kaggle_client.py").read_text("utf-8"), re.MULTILINE)
    assert set(measured) == {name for module, name in NAMED if module == "kaggle_client"}
    assert set(FIXED_IN) <= set(measured)
