"""The many ways in which one and the same JSON can be written, drawn from a seed."""

from __future__ import annotations

import json
import random
from typing import Any

_NUMBERS = (
    "1E5",
    "1e+2",
    "0.10",
    "-0",
    "-0.0",
    "1e-7",
    "123456789012345678901234567890",
    "1e400",
    "-1E-400",
    "1.5e300",
)
_ESCAPES = {"/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def spelt(value: Any, seed: int) -> bytes:
    """`value` in UTF-8. Every second seed is Jupyter's layout; the others differ in all that JSON leaves open."""
    if seed % 2 == 0:
        return (json.dumps(value, indent=1, ensure_ascii=False, sort_keys=seed % 4 == 0) + "\n").encode("utf-8")
    return _Spelling(random.Random(seed)).whole(value).encode("utf-8")


class _Spelling:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._indent = chance.choice([None, "", " ", "  ", "    ", "\t"])
        self._newline = chance.choice(["\n", "\n", "\r\n", "\r"])
        self._colon = chance.choice([": ", ":", " : ", ":\n"])
        self._comma = chance.choice([",", ", ", " ,"])
        self._order = chance.choice(["as is", "sorted", "any"])
        self._escaped = chance.choice([0.0, 0.0, 0.05, 1.0])
        self._doubled = chance.choice([0.0, 0.0, 0.1])
        self._odd_numbers = chance.choice([0.0, 0.0, 0.3])

    def whole(self, value: Any) -> str:
        around = self._chance.choice(["", "", "\n", " \n\t", "\r\n"])
        return self._chance.choice(["", "", " ", "\n"]) + self._value(value, 0) + around

    def _value(self, value: Any, depth: int) -> str:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._members("{}", [self._pair(*pair, depth + 1) for pair in self._pairs(value)], depth)
        if isinstance(value, list):
            return self._members("[]", [self._value(item, depth + 1) for item in value], depth)
        if (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and self._chance.random() < self._odd_numbers
        ):
            return self._chance.choice(_NUMBERS)
        return json.dumps(value)

    def _pairs(self, value: dict[str, Any]) -> list[tuple[str, Any]]:
        pairs = list(value.items())
        if self._order == "sorted":
            pairs.sort()
        elif self._order == "any":
            self._chance.shuffle(pairs)
        doubled = []
        for key, item in pairs:
            if self._chance.random() < self._doubled:  # the last one counts
                doubled.append((key, self._chance.choice([None, [], {}, "", 1, [1], {"a": []}])))
            doubled.append((key, item))
        return doubled

    def _pair(self, key: str, item: Any, depth: int) -> str:
        return self._text(key) + self._colon + self._value(item, depth)

    def _members(self, brackets: str, items: list[str], depth: int) -> str:
        if not items:
            return brackets[0] + self._chance.choice(["", "", " ", "\n"]) + brackets[1]
        if self._indent is None:
            return brackets[0] + self._comma.join(items) + brackets[1]
        inner = self._newline + self._indent * (depth + 1)
        return (
            brackets[0] + inner + (self._comma + inner).join(items) + self._newline + self._indent * depth + brackets[1]
        )

    def _text(self, text: str) -> str:
        if not self._escaped:
            return json.dumps(text, ensure_ascii=False)
        return '"' + "".join(map(self._letter, text)) + '"'

    def _letter(self, letter: str) -> str:
        if self._chance.random() < self._escaped:
            if letter in _ESCAPES and self._chance.random() < 0.5:
                return _ESCAPES[letter]
            form = self._chance.choice(["\\u%04x", "\\u%04X"])
            units = letter.encode("utf-16-be", "surrogatepass")
            return "".join(form % int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
        return json.dumps(letter, ensure_ascii=False)[1:-1]
