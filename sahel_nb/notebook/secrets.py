"""Keys and tokens in what is about to be committed: secret_patterns.py says which, this module where they stand.

A file is searched as it is, byte by byte. A notebook is also searched as Jupyter reads it, since its JSON may cut a
token into two strings or spell it with escapes. A line that says "allowlist secret" is passed over. Findings name the
place and never the secret. On the path of every commit: nothing is imported until there is something to look at.
"""

from __future__ import annotations

from sahel_nb.notebook.secret_patterns import PATTERNS, Pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator
    from typing import Any

    from sahel_nb.notebook.finding import Finding

_FILES = {"kaggle.json": "Kaggle's legacy credential", "access_token": "a Kaggle access token"}
_ALLOW = b"allowlist secret"
_ALLOW_WORDS = (b"EXAMPLE", b"EXAMPLEKEY")  # AWS's own documentation keys
_LONGEST = 4096
"""No secret, with the setting's name before it, is longer; longer runs are found by their beginning."""
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_FOLD = bytes(120 if byte in b"/+.~" or byte in _WORD else 32 for byte in range(256))
_RUN = b"x" * 20
_AROUND = 256
_MANY, _EACH = 64, 1500
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\"
"""The backslash begins the \\n with which some writers fold the lines of a picture."""
_PICTURE = 2048

_compiled: dict[bytes, re.Pattern[bytes]] = {}


class Hit:
    """One secret in a text: which kind, where it begins, its value, whether its line allows it."""

    __slots__ = ("allowed", "name", "start", "value")

    def __init__(self, name: str, start: int, value: bytes, allowed: bool) -> None:
        self.name = name
        self.start = start
        self.value = value
        self.allowed = allowed


def find_secrets(data: bytes, path: str) -> list[Finding]:
    """Every secret in a file's bytes; `path` decides how it is read, and names the place."""
    found = credential_file(path)
    if found:
        return found
    if not path.endswith(".ipynb"):
        return _report(path, ((hit, f"line {_line(data, hit.start)}") for hit in search(data)))
    return _report(path, _in_notebook(data))


def find_in_chunks(chunks: Iterable[bytes], path: str) -> list[Finding]:
    """The same for a file that is too large to be held: read once, in the memory of two chunks."""
    return credential_file(path) or _report(path, _in_chunks(chunks))


def credential_file(path: str) -> list[Finding]:
    """Files that are a credential whatever they hold."""
    name = path.rpartition("/")[2]
    if name == "kaggle.json" or path.endswith(".kaggle/access_token"):
        return [_finding(path, "", f"{_FILES[name]} does not belong in git")]
    return []


def search(data: bytes) -> list[Hit]:
    """Every secret in the order of the text, allowed ones too."""
    found: dict[tuple[str, int], Hit] = {}
    for begin, end in _suspect(data):
        for pattern in PATTERNS:
            if not pattern.short:
                _collect(data, pattern, begin, end, found)
    for pattern in PATTERNS:
        if pattern.short:
            _collect(data, pattern, 0, len(data), found)
    return sorted(found.values(), key=lambda hit: hit.start)


def _suspect(data: bytes) -> list[tuple[int, int]]:
    """The surroundings of every long run of letters and digits: one is in each secret, and few are in most texts."""
    folded = data.translate(_FOLD)
    parts: list[tuple[int, int]] = []
    at = folded.find(_RUN)
    while at >= 0:
        stop = folded.find(b" ", at)
        end = (stop if stop >= 0 else len(data)) + _AROUND
        begin = max(0, at - _AROUND)
        if parts and begin <= parts[-1][1]:
            begin = parts.pop()[0]
        parts.append((begin, end))
        if len(parts) > _MANY and len(parts) * _EACH > end:
            return [(0, len(data))]  # a few dozen looks at the whole are cheaper now
        at = folded.find(_RUN, stop) if stop >= 0 else -1
    return parts


def _collect(data: bytes, pattern: Pattern, begin: int, end: int, found: dict[tuple[str, int], Hit]) -> None:
    for hint in pattern.hints:
        at = data.find(hint, begin, end)
        while at >= 0:
            hit = _around(data, pattern, at, len(hint))
            if hit is not None:
                found.setdefault((pattern.name, hit.start), hit)
            at = data.find(hint, at + 1, end)


def _around(data: bytes, pattern: Pattern, at: int, length: int) -> Hit | None:
    """The secret that this hint belongs to, if it belongs to one."""
    regex = _regex(pattern)
    for start in range(max(0, at - pattern.back), at + 1):
        match = regex.match(data, start, at + length + _LONGEST)
        if match is None or match.end() < at + length or (pattern.bounded and not _begins_a_word(data, start)):
            continue
        if match["v"].endswith(_ALLOW_WORDS):
            return None
        return Hit(pattern.name, start, match["v"], _is_allowed(data, start, match.end()))
    return None


def _regex(pattern: Pattern) -> re.Pattern[bytes]:
    import re

    regex = _compiled.get(pattern.body)
    if regex is None:
        regex = _compiled[pattern.body] = re.compile(pattern.body)
    return regex


def _begins_a_word(data: bytes, start: int) -> bool:
    """At the beginning, after what is no part of a word, after an escape (`\\nhf_…`) or a terminal's colour."""
    if start == 0 or data[start - 1] not in _WORD:
        return True
    import re

    before = data[max(0, start - 24) : start]
    escape = rb"\\(?:[abfnrtv]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|0[0-7]{2})\Z"
    colour = rb"(?:\x1b|\\u001[bB]|\\x1[bB]|\\033)\[[0-9;]*m\Z"
    return re.search(escape + rb"|" + colour, before) is not None


def _is_allowed(data: bytes, start: int, end: int) -> bool:
    stop = data.find(b"\n", end)
    return _ALLOW in data[data.rfind(b"\n", 0, start) + 1 : stop if stop >= 0 else len(data)]


def _in_chunks(chunks: Iterable[bytes]) -> Iterator[tuple[Hit, str]]:
    """A secret that lies across two chunks is in the end of one, which is looked at again with the next."""
    tail, lines = b"", 0
    seen: set[tuple[str, bytes, int]] = set()
    for chunk in chunks:
        window = tail + chunk
        for hit in search(window):
            line = lines + _line(window, hit.start)
            if (hit.name, hit.value, line) not in seen:
                seen.add((hit.name, hit.value, line))
                yield hit, f"line {line}"
        tail = window[-2 * _LONGEST :]
        lines += window.count(b"\n", 0, len(window) - len(tail))


def _in_notebook(data: bytes) -> Iterator[tuple[Hit, str]]:
    """Cells as they read, then the bytes of the file: whatever no reader of notebooks shows."""
    known = set()
    segments = _without_pictures(data)
    rest = b"".join(segment for _, segment in segments)
    for hit, where in _in_cells(rest):
        known.add(hit.value)
        yield hit, where
    for hit in search(rest):
        if hit.value not in known:
            yield hit, _place(data, _original(segments, hit.start))


def _without_pictures(data: bytes) -> list[tuple[int, bytes]]:
    """The notebook around the base64 of its pictures, as (offset, bytes): pictures are most of a large notebook."""
    segments = []
    begin = at = 0
    while (at := data.find(b'"image/', at)) >= 0:
        name_end = data.find(b'"', at + 7)
        at = value = data.find(b'"', name_end + 1) + 1 if name_end >= 0 else 0
        if not value:
            break
        if data[name_end + 1 : value - 1].strip() != b":":
            continue
        end = data.find(b'"', value)
        if end - value > _PICTURE and not data[value:end].translate(None, _BASE64):
            segments.append((begin, data[begin:value]))
            begin = at = end
    segments.append((begin, data[begin:]))
    return segments


def _original(segments: list[tuple[int, bytes]], offset: int) -> int:
    for begin, segment in segments:
        if offset < len(segment):
            return begin + offset
        offset -= len(segment)
    return segments[-1][0]


def _in_cells(data: bytes) -> Iterator[tuple[Hit, str]]:
    """Sources and outputs, each joined as a reader joins it. Nothing for what is no notebook."""
    places: list[tuple[int, str]] = []
    texts: list[bytes] = []
    length = 0
    for where, text in _texts(_loaded(data)):
        encoded = text.encode("utf-8", "surrogatepass")
        places.append((length, where))
        texts.append(encoded)
        length += len(encoded) + 2
    joined = b"\n\0".join(texts)
    for hit in search(joined):
        begin, where = next(place for place in reversed(places) if place[0] <= hit.start)
        yield hit, f"{where}, line {_line(joined, hit.start) - joined.count(bytes((10,)), 0, begin)}"


def _loaded(data: bytes) -> Any:
    from _json import make_scanner

    class Lenient:
        strict = False
        object_hook = object_pairs_hook = None
        parse_float = parse_int = parse_constant = str

    try:
        scan: Any = make_scanner(Lenient)  # type: ignore[arg-type]  # CPython reads the attributes above
        return scan(data.decode("utf-8", "replace").strip(), 0)[0]
    except (ValueError, StopIteration, SystemError, RecursionError):
        return None


def _texts(notebook: Any) -> Iterator[tuple[str, str]]:
    if type(notebook) is not dict:
        return
    holders: Any = notebook.get("worksheets")
    if type(holders) is not list:
        holders = [notebook]
    number = 0
    for holder in holders:
        cells = holder.get("cells") if type(holder) is dict else None
        for cell in cells if type(cells) is list else ():
            number += 1
            if type(cell) is not dict:
                continue
            outputs = cell.pop("outputs", None)
            for text in _strings(cell):
                yield f"cell {number}", text
            for index, output in enumerate(outputs if type(outputs) is list else (), 1):
                for text in _strings(output):
                    yield f"cell {number}, output {index}", text


def _strings(value: Any) -> Iterator[str]:
    """Every text below a value; a list of texts is one text."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if type(one) is str:
            yield one
        elif type(one) is dict:
            waiting += reversed(one.values())
        elif type(one) is list:
            if one and all(type(item) is str for item in one):
                yield "".join(one)
            else:
                waiting += reversed(one)


def _report(path: str, hits: Iterable[tuple[Hit, str]]) -> list[Finding]:
    """One finding for each kind of secret and place."""
    found: dict[tuple[str, str], Finding] = {}
    for hit, where in hits:
        if not hit.allowed and (hit.name, where) not in found:
            found[hit.name, where] = _finding(path, where, f"{hit.name} must not be committed")
    return list(found.values())


def _finding(path: str, where: str, message: str) -> Finding:
    from sahel_nb.notebook.finding import Finding, Severity

    return Finding(
        "SNB301",
        Severity.ERROR,
        path,
        where,
        message,
        "take it out and revoke it; if it is none, write `allowlist secret` on that line",
    )


def _line(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _place(data: bytes, offset: int) -> str:
    """Cells begin with the key that each of them has, at the writer's own indentation or any other."""
    import re

    line = f"line {_line(data, offset)} of the file"
    cells = len(re.findall(rb'"cell_type"\s*:\s*"(?:code|markdown|raw)"', data[:offset]))
    return f"cell {cells}, {line}" if cells else line
