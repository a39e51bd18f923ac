"""Small damage: to bytes, to lines and what is indented below them, and to the JSON that they mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.fuzz.notebooks import KEYS, VALUES

WORDS = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b'\\"',
        b"\\n",
        b"\\\\",
        b"\\u",
        b"\\u0041",
        b"\\ud83d",
        b"\\ude00",
    ),
    *(b"\n", b"\r\n", b" ", b"\n ", b",\n", b"\t", b"\0", b"\xff", b"\xc5\x8b", b"\xe2\x80\xa8", b"\xc2\x85"),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e5", b"-0", b"9" * 30, b'""', b"[]", b"{}", b'"":0,', b"//"),
    *(b'"source": ', b'"outputs": ', b'"cells": ', b'"metadata": ', b'"id": "a",', b'"output_type": "x"'),
    *(
        b"keep_output",
        b"init_cell",
        b"tags",
        b"collapsed",
        b"orig_nbformat",
        b"signature",
        b"nbformat",
        b"\xef\xbb\xbf",
    ),
    *(b'\n   "source": [\n    "', b'"\n   ]\n  }', b",\n  {\n", b"\n ],", b'{\n "cells": [\n', b'   "outputs": [\n'),
    *(b'\\n",\n    "', b"<<<<<<< HEAD\n", b"sahel-nb:picture", b'"image/png": "'),
)


def mutated(data: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """One to a few changes. `others` are cut from, too."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 4, 8))):
        change = chance.choice(_CHANGES)
        data = change(data, chance) if len(data) > 1 else data
        if chance.random() < 0.05 and others:
            data = _spliced(data, chance, chance.choice(others))
    return data


def _place(data: bytes, chance: Random) -> int:
    """Anywhere; or at what has a meaning, since that is rarer than text."""
    if chance.random() < 0.5:
        at = data.find(chance.choice((b'"', b"\n", b"\\", b",", b"{", b"}", b"[", b"]")), chance.randrange(len(data)))
        if at >= 0:
            return at + chance.choice((0, 0, 1))
    return chance.randrange(len(data))


def _one_byte(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes((data[at] ^ (1 << chance.randrange(8)),)) + data[at + 1 :]


def _word_in(data: bytes, chance: Random) -> bytes:
    at = _place(data, chance)
    return data[:at] + chance.choice(WORDS) + data[at:]


def _word_over(data: bytes, chance: Random) -> bytes:
    at, word = _place(data, chance), chance.choice(WORDS)
    return data[:at] + word + data[at + chance.choice((1, len(word))) :]


def _piece_out(data: bytes, chance: Random) -> bytes:
    at = _place(data, chance)
    return data[:at] + data[at + chance.choice((1, 1, 2, 5, 40)) :]


def _piece_again(data: bytes, chance: Random) -> bytes:
    at, to = _place(data, chance), _place(data, chance)
    return data[:to] + data[at : at + chance.choice((1, 4, 20, 100))] + data[to:]


def _cut_short(data: bytes, chance: Random) -> bytes:
    return data[: _place(data, chance)] if chance.random() < 0.3 else data


def _spliced(data: bytes, chance: Random, other: bytes) -> bytes:
    if len(other) < 2 or len(data) < 2:
        return data
    return data[: _place(data, chance)] + other[_place(other, chance) :]


def _line_moved(data: bytes, chance: Random) -> bytes:
    found = data.split(b"\n")
    at, to = chance.randrange(len(found)), chance.randrange(len(found))
    line = found[at] if chance.random() < 0.5 else found.pop(at)
    found.insert(to, line)
    return b"\n".join(found)


def _block_moved(data: bytes, chance: Random) -> bytes:
    """A line and all that is indented deeper, taken out, doubled, or put elsewhere."""
    found = data.split(b"\n")
    at = chance.randrange(len(found))
    depth = _depth(found[at])
    end = at + 1
    while end < len(found) and _depth(found[end]) > depth:
        end += 1
    end = min(end + 1, len(found))
    block = found[at:end]
    if chance.random() < 0.5:
        del found[at:end]
    if chance.random() < 0.7:
        to = chance.randrange(len(found) + 1)
        found[to:to] = block
    return b"\n".join(found)


def _depth(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" "))


def _indented_otherwise(data: bytes, chance: Random) -> bytes:
    found = data.split(b"\n")
    at = chance.randrange(len(found))
    for index in range(at, min(len(found), at + chance.choice((1, 1, 3, 20)))):
        found[index] = b" " + found[index] if chance.random() < 0.5 else found[index].removeprefix(b" ")
    return b"\n".join(found)


def _meaning(data: bytes, chance: Random) -> bytes:
    """One node of the JSON is replaced, removed or doubled, and the whole laid out as Jupyter does it."""
    try:
        whole = json.loads(data)
        if not _changed(whole, chance):
            return data
        text = json.dumps(whole, indent=chance.choice((1, 1, 1, None, 2)), ensure_ascii=chance.random() < 0.2)
        return text.encode("utf-8") + b"\n"
    except (ValueError, RecursionError):
        return data


def _changed(whole: Any, chance: Random) -> bool:
    holders: list[Any] = []
    _gather(whole, holders)
    if not holders:
        return False
    holder = chance.choice(holders)
    key = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
    action = chance.randrange(4)
    if action == 0:
        holder.pop(key)
    elif action == 1:
        holder[key] = json.loads(json.dumps(chance.choice(VALUES)))
    elif action == 2:
        other = chance.choice(holders)
        holder[key] = json.loads(json.dumps(chance.choice(list(other.values()) if isinstance(other, dict) else other)))
    elif isinstance(holder, dict):
        holder[chance.choice(KEYS)] = holder[key]
    else:
        holder.insert(key, holder[key])
    return True


def _gather(whole: Any, into: list[Any]) -> None:
    """All that holds something, however deep: Python nests deeper than it calls."""
    left = [whole]
    while left:
        value = left.pop()
        if isinstance(value, (dict, list)) and value:
            into.append(value)
            left += reversed([*(value.values() if isinstance(value, dict) else value)])


_CHANGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _one_byte,
    _word_in,
    _word_in,
    _word_over,
    _piece_out,
    _piece_again,
    _cut_short,
    _line_moved,
    _block_moved,
    _block_moved,
    _indented_otherwise,
    _meaning,
    _meaning,
    _meaning,
)
