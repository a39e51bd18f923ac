"""Random texts of the form that a regular expression describes."""

from __future__ import annotations

from re import _parser  # type: ignore[attr-defined]
from typing import Any

from tests.support.secret_kinds import Dice

PRINTED = "".join(map(chr, range(33, 127)))


def text_of(body: bytes, dice: Dice, *, only: bool = False) -> str:
    """`only`: always the first of the letters that may stand in a place."""
    return "".join(_some(part, dice, only) for part in _parser.parse(body))


def _some(part: tuple[Any, Any], dice: Dice, only: bool) -> str:
    kind, value = str(part[0]), part[1]
    if kind == "LITERAL":
        return chr(value)
    if kind == "NOT_LITERAL":
        return _one(PRINTED.replace(chr(value), ""), dice, only)
    if kind == "ANY":
        return _one(PRINTED, dice, only)
    if kind == "IN":
        return _one(_letters(value), dice, only)
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, body = value
        count = least if only else least + int(dice.of("0123", 1)) % (min(most, least + 3) - least + 1)
        return "".join(_some(each, dice, only) for _ in range(count) for each in body)
    if kind == "SUBPATTERN":
        return "".join(_some(each, dice, only) for each in value[-1])
    if kind == "BRANCH":
        options = value[1]
        option = options[0 if only else int(dice.of("0123456789", 2)) % len(options)]
        return "".join(_some(each, dice, only) for each in option)
    if kind == "ASSERT":
        return "".join(_some(each, dice, only) for each in value[1]) if value[0] > 0 else ""
    if kind in ("ASSERT_NOT", "AT"):
        return ""
    raise AssertionError(kind)


def _one(letters: str, dice: Dice, only: bool) -> str:
    return letters[0] if only else dice.of(letters, 1)


def _letters(items: list[tuple[Any, Any]]) -> str:
    kinds = [str(kind) for kind, _ in items]
    found = "".join(
        chr(value)
        if kind == "LITERAL"
        else "".join(map(chr, range(value[0], value[1] + 1)))
        if kind == "RANGE"
        else " "
        if kind == "CATEGORY"
        else ""
        for kind, (_, value) in zip(kinds, items, strict=True)
    )
    if "NEGATE" in kinds and " " not in found:
        return " "
    if "NEGATE" in kinds:
        return "".join(one for one in "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF" if one not in found)
    return found
