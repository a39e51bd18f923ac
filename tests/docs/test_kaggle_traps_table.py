"""The table of traps names tests that are there, and every trap has its row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TABLE = (TESTS.parent / "docs/kaggle-traps.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if re.match(r"\| A?\d+ \|", line)
]
NAMED = sorted(set(re.findall(r"`(test_\w+)::(test_\w+)`", TABLE)))


def test_every_trap_has_a_row() -> None:
    expected = [str(number) for number in range(1, 24)] + [f"A{number}" for number in range(1, 8)]
    assert [row[0] for row in ROWS] == expected
    assert all(len(row) == 4 and all(row) for row in ROWS)


@pytest.mark.parametrize(("module", "name"), NAMED, ids="::".join)
def test_a_test_that_is_named_is_there(module: str, name: str) -> None:
    (path,) = TESTS.rglob(f"{module}.py")
    assert re.search(rf"^def {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE), path


def test_what_is_shown_of_the_client_is_shown_of_ours() -> None:
    for number, _, plain, ours in ROWS:
        if "::" in plain:
            assert "the same" in ours or "::" in ours, number
