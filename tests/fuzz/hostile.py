"""Notebooks that are ordinary but for what no writer would write, put where a reader in haste does not look.

Most of it goes into outputs, since those are dropped: what is dropped must have been looked at as strictly as what
stays. Each notebook is laid out as Jupyter does it, with words in the places which are then replaced by bytes.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

_NUMBERS = (
    *(b"NaN", b"Infinity", b"-Infinity", b"+Infinity", b"-NaN", b"nan", b"NAN", b"infinity", b"Inf", b"INFINITY"),
    *(b"Infinit", b"-Infinit", b"Na", b"NaNN", b"Infinityy", b"- Infinity", b"None", b"True", b"nul", b"nulll"),
    *(b"TRUE", b"true1", b"falsey", b"undefined", b"+1", b".5", b"-.5", b"5.", b"5.e1", b"01", b"-01", b"00", b"-"),
    *(b"--1", b"1-1", b"- 1", b"1 ", b"0x1F", b"0b1", b"0o7", b"1_000", b"1,000", b"1e", b"1e+", b"1E5", b"1e5e5"),
    *(b"1.5.5", b"1e1.5", b"-0", b"0e0", b"-0.0E-0", b"1e999", b"-1e999", b"1e-999", b"9" * 4300, b"9" * 4301),
    *(b"-" + b"9" * 5000, b"9" * 5000 + b".5", b"1e" + b"9" * 5000, b"0." + b"3" * 5000, b"1l", b"1f", b"1/2"),
    *("١٢".encode(), "１".encode(), "½".encode(), "−1".encode(), "∞".encode()),
)
_STRINGS = (
    *(b"\x00", b"\x01", b"\x08", b"\t", b"\n", b"\r", b"\r\n", b"\x0b", b"\x0c", b"\x1b[31m", b"\x1f", b"\x7f"),
    *(b"\xc2\x80", b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"),
    *(b"\\ud800", b"\\udc00", b"\\udc00\\ud800", b"\\uD83D\\uDE00", b"\\ud83d\\n", b"\\ud83dx", b"\\u0000"),
    *(b"\\u12", b"\\u", b"\\u123g", b"\\u+123", b"\\u 123", b"\\u1_23", b"\\u-001", b"\\U0001F600", b"\\u{1F600}"),
    *(b"\\u0x41", "\\u١٢٣٤".encode(), b"\\x41", b"\\'", b"\\0", b"\\a", b"\\v", b"\\ ", b"\\\n", b"\\N", b"\\/"),
    *(b"\\", b"\\\\", b"\\\\\\", b'\\"', b'\\\\"', b'"', b'""', b'","', b'" "', b'", "a": "', b'"], "b": ["'),
    *(b"\xff", b"\x80", b"\xc0\x80", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xe2\x82"),
    *(b"\xc3", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe\xff", b"\xe9"),
    *(b"sahel-nb:picture", b'"image/png": "', b'\\"image/png\\": \\"', b"<<<<<<< HEAD\n", b"\n=======\n", b"</script>"),
)
_VALUES = (
    *(b"", b",", b":", b"[", b"]", b"{", b"}", b'"', b"'", b"[1,]", b"[,1]", b"[1,,2]", b"[1 2]", b"[1;2]", b"[1,2"),
    *(b"[1}", b"{1]", b"[1]]", b"[[1]", b"[:]", b"[1:2]", b'["a":1]', b"[,]", b"(1)", b"[1],[2]", b"1,2", b"1 2"),
    *(b'{"a":1,}', b'{,"a":1}', b"{,}", b'{"a":1,,"b":2}', b'{"a":1 "b":2}', b'{"a" 1}', b'{"a"}', b'{"a":}'),
    *(b"{:1}", b'{"a"::1}', b'{"a":1:2}', b'{"a","b"}', b'{"a":1}}', b"{a:1}", b"{'a':1}", b"{1:2}", b"{null:1}"),
    *(b'{["a"]:1}', b'{"a":1;"b":2}', b'{"a"=1}', b"'x'", b"`x`", b'"a" "b"', b'"a"b', b'b"a"', b'"a"+"b"', b"u'x'"),
    *(b"/* c */ 1", b"1 /* c */", b"1 // c\n", b"# c\n1", b"-- c\n1", b"<!-- c -->1", b"...", b"@", b"$x", b"x"),
    *(
        b"\xef\xbb\xbf1",
        b"\xc2\xa01",
        b"\x0b1",
        b"\x0c1",
        b"\x001",
        b"\xe2\x80\xa81",
        b"\xe3\x80\x801",
        b"\x851",
        b"\\",
    ),
    *(b"\\n", b"\\u0022", b"\\u0031", b"\r1\r", b"\t1\n", b"{\r\n}", b"[\t\n\r ]", b"\n<<<<<<< HEAD\n1", b"[]{}"),
    *(b'{"a":1,"a":2}', b'{"a":[1],"a":{}}', b'{"":{},"":[]}', b'{"\\u0061":1,"a":2}', b'{"a":1,"\\u0061":""}'),
)
_EMPTY = (b'""', b"[]", b"{}", b'[""]', b"[[]]", b'{"a":""}', b'{"a":{"b":[]}}', b"null", b"0", b"false", b'"\\u0000"')
_DEPTHS = (10, 50, 100, 150, 200, 300, 400, 500, 800, 950, 1000, 1050, 1500, 3000, 20_000)
_KEYS = (
    *(b'"output_type"', b'"output\\u005ftype"', b'"text"', b'"t\\u0065xt"', b'"data"', b'"\\u0064ata"', b'"metadata"'),
    *(
        b'"name"',
        b'"image/png"',
        b'"image\\/png"',
        b'""',
        b'"outputs"',
        b'"execution_count"',
        b'"keep_output"',
        b"text",
    ),
)
_CELL_KEYS = (
    *(b'"outputs"', b'"output\\u0073"', b'"cell_type"', b'"metadata"', b'"source"', b'"id"', b'"execution_count"'),
    *(b'"cell\\u005ftype"', b'"sourc\\u0065"', b'"attachments"', b'"x"'),
)
_CELL_VALUES = (
    *(
        b"[]",
        b'"code"',
        b'"markdown"',
        b'"co\\u0064e"',
        b"{}",
        b'[""]',
        b'"x"',
        b"null",
        b"[{}]",
        b'[{"output_type": ""}]',
    ),
    *(b'{"keep_output": true}', b'{"tags": ["keep_output"]}', b'{"tags": ["keep\\u005foutput"]}', b'{"init_cell": 1}'),
)


def hostile(chance: Random) -> bytes:
    """One to three such things in one notebook; a third of them are large."""
    bench = _Bench(chance)
    cells = [bench.cell() for _ in range(chance.choice((1, 1, 2, 3)))]
    whole = {
        "cells": cells,
        "metadata": {"kernelspec": {"name": "python3"}, **({"mine": bench.value()} if chance.random() < 0.1 else {})},
        "nbformat": 4,
        "nbformat_minor": chance.choice((4, 5)),
    }
    text = json.dumps(whole, ensure_ascii=False, indent=chance.choice((1, 1, 1, 1, None, 2)), sort_keys=True) + "\n"
    return bench.filled(text.encode())


class _Bench:
    """Hands out words for the places, and knows which of them are to become something else."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._places: list[tuple[str, bytes]] = []

    def cell(self) -> dict[str, Any]:
        chance = self._chance
        cell: dict[str, Any] = {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {"tags": [self.value()]} if chance.random() < 0.1 else {},
            "outputs": [self._output() for _ in range(chance.choice((1, 1, 2, 3)))],
            "source": ["a = 1\n", "b" if chance.random() < 0.9 else self.text()],
        }
        if chance.random() < 0.1:
            cell[self._place(b"".join((chance.choice(_CELL_KEYS), b": ", chance.choice(_CELL_VALUES), b', "~"')))] = 0
        return cell

    def _output(self) -> Any:
        chance = self._chance
        kind = chance.choice(("stream", "stream", "display_data", "error", "raw", "empty"))
        output: dict[str, Any] = {"output_type": kind}
        if kind == "stream":
            output |= {"name": "stdout", "text": self._lines()}
        elif kind == "display_data":
            mime = chance.choice(("text/plain", "image/png", "application/json", "application/x+json", "image/svg+xml"))
            output |= {"data": {mime: self._shown(mime)}, "metadata": self.value() if chance.random() < 0.2 else {}}
        elif kind == "error":
            output |= {"ename": "E", "evalue": self.text(), "traceback": self._lines()}
        elif kind == "raw":
            return self.value()
        else:
            output = {chance.choice(("output_type", "text", "data", "x")): self._empty() for _ in range(2)}
        if chance.random() < 0.15:
            key = b"".join((chance.choice(_KEYS), b": ", chance.choice((*_VALUES, *_EMPTY, *_EMPTY, b'"x"')), b', "~"'))
            output[self._place(key) if chance.random() < 0.8 else "a" + self.text()] = 1
        return output

    def _shown(self, mime: str) -> Any:
        chance = self._chance
        if mime == "image/png":
            size = chance.choice((8, 400, 400, 26_000))
            return "iVBORw0K" * (size // 8) + chance.choice(("", "\n", "=\n", self.text()))
        if mime.endswith("json"):
            size = chance.choice((0, 3, 3, 300))
            return {"rows": [[0.5, None, True, "ŋ", {}] for _ in range(size)], "end": self.value()}
        return self._lines()

    def _lines(self) -> Any:
        chance = self._chance
        lines = ["epoch 7 ŋ loss 0.5\n"] * chance.choice((0, 1, 1, 20, 20, 1300))
        lines.insert(chance.randrange(len(lines) + 1), self.text())
        if chance.random() < 0.3:
            lines.insert(chance.randrange(len(lines) + 1), self.value())
            return lines
        return lines if chance.random() < 0.8 else "".join(lines)

    def value(self) -> str:
        """A word of its own: what takes its place takes its quotes, too."""
        chance = self._chance
        if len(self._places) >= 3 or chance.random() < 0.4:
            return "x"
        kind = chance.randrange(4)
        if kind == 0:
            return self._place(self._nested())
        if kind == 1:
            return self._place(b'"' + chance.choice(_STRINGS) + b'"')
        return self._place(chance.choice(_NUMBERS if kind == 2 else _VALUES))

    def text(self) -> str:
        """A word in a text."""
        if len(self._places) >= 3 or self._chance.random() < 0.5:
            return "x"
        word = f"@{len(self._places)}@"
        self._places.append((word, self._chance.choice(_STRINGS)))
        return self._chance.choice(("", "before ", "ŋ")) + word + self._chance.choice(("", " after", "\n"))

    def _empty(self) -> str:
        return self._place(self._chance.choice(_EMPTY))

    def _place(self, bytes_: bytes) -> str:
        word = f"@{len(self._places)}@"
        self._places.append((f'"{word}"', bytes_))
        return word

    def _nested(self) -> bytes:
        chance = self._chance
        depth = chance.choice(_DEPTHS) + chance.choice((-1, 0, 0, 1))
        opened, closed = chance.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"":', b"}]"), (b"[1, ", b"]")))
        middle = chance.choice((b"1", b"1", b"[]", b'"x"', b"NaN", b"", b"]", b"1,"))
        return opened * depth + middle + closed * (depth + chance.choice((0, 0, 0, 0, -1, 1)))

    def filled(self, text: bytes) -> bytes:
        for word, bytes_ in self._places:
            text = text.replace(word.encode(), bytes_)
        return text
