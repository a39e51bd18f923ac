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
    from typing import Any, TypeVar

    from sahel_nb.notebook.finding import Finding

    Place = TypeVar("Place")

_FILES = {"kaggle.json": "Kaggle's legacy credential", "access_token": "a Kaggle access token"}
_ALLOW = b"allowlist secret"
_DIGITS = b"0123456789"
_SHORT = (b"passw", b"passphrase", b"pwd", b"secret")
"""Names after which a value counts though it is short."""
_LONGEST = 4096
"""No secret, with the setting's name before it, is longer; longer runs are found by their beginning."""
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_FOLD = bytes(120 if byte in b"/+.~" or byte in _WORD else 32 for byte in range(256))
_RUN = b"x" * 20
_AROUND = 256
_MANY, _FEW, _EACH = 4000, 64, 1500
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\"
"""The backslash begins the \\n with which some writers fold the lines of a picture."""
_PICTURE = 2048

_PIECES = (
    b'"+',
    b"'+",
    b'" +',
    b"' +",
    b" + ",
    b".join(",
    b".format(",
    b"%s",
    b"+=",
    b"\\\n",
    b"\\\r\n",
    b"\\u00",
    b"\\x",
    b'=f"',
    b"=f'",
    b'= f"',
    b"= f'",
)
_JOINTS = (b'""', b"''", b"\"'", b"'\"", b'"f"', b"'f'")
_BARE = {"cell_type", "execution_count", "id", "metadata"}
"""What every cell has besides its source and outputs."""
_PLAIN = b"abcdefghijklmnopqrstuvwxyz_-./+~"
"""What words and paths consist of: no secret is made of it alone."""

_EVERY = [(hint, pattern) for pattern in PATTERNS for hint in pattern.hints]
_SHORT_HINTS = [one for one in _EVERY if one[1].short]
_NEAR_HINTS = [one for one in _EVERY if one[1].near and not one[1].short]
_HINTS = [one for one in _EVERY if not one[1].near]

_compiled: dict[bytes, re.Pattern[bytes]] = {}


class Hit:
    """One secret in a text: which kind, where it begins, its value and that one's span, whether its line allows it."""

    __slots__ = ("allowed", "name", "span", "start", "value")

    def __init__(self, name: str, start: int, value: bytes, span: tuple[int, int], allowed: bool) -> None:
        self.name = name
        self.start = start
        self.value = value
        self.span = span
        self.allowed = allowed


def find_secrets(data: bytes, path: str) -> list[Finding]:
    """Every secret in a file's bytes; `path` decides how it is read, and names the place."""
    found = credential_file(path)
    if found:
        return found
    data = _single_bytes(data)
    if not path.endswith(".ipynb"):
        return _report(path, ((hit, f"line {_line(data, hit.start)}") for hit in search(data)))
    return _report(path, _in_notebook(data))


def find_in_chunks(chunks: Iterable[bytes], path: str) -> list[Finding]:
    """The same for a file that is too large to be held: read once, in the memory of two chunks."""
    return credential_file(path) or _report(path, _in_chunks(chunks))


def _single_bytes(data: bytes) -> bytes:
    """UTF-16 and UTF-32 as single bytes: what a secret is made of is the same there, with zeros in between."""
    head = data[:1024]
    return data.replace(b"\0", b"") if head.count(0) * 3 > len(head) else data


def credential_file(path: str) -> list[Finding]:
    """Files that are a credential whatever they hold."""
    name = path.rpartition("/")[2]
    if name == "kaggle.json" or path.endswith(".kaggle/access_token"):
        return [_finding(path, "", f"{_FILES[name]} does not belong in git")]
    return []


def search(data: bytes, *, pieces: bool = True) -> list[Hit]:
    """Every secret in the order of the text, allowed ones too; `pieces`: also those that the text puts together."""
    hits = _as_written(data)
    if pieces and _has_pieces(data):
        from sahel_nb.notebook.secret_spelling import put_together

        known = {hit.value for hit in hits}
        places, text = _joined(put_together(data))
        for hit in _as_written(text):
            if hit.value not in known:
                hit.start = next(place for at, place in reversed(places) if at <= hit.start)
                hits.append(hit)
    return sorted(hits, key=lambda hit: hit.start)


def _joined(texts: Iterable[tuple[Place, bytes]]) -> tuple[list[tuple[int, Place]], bytes]:
    """Texts as one that is searched at once, and where each of them begins in it."""
    places: list[tuple[int, Place]] = []
    parts: list[bytes] = []
    length = 0
    for place, text in texts:
        places.append((length, place))
        parts.append(text)
        length += len(text) + 2
    return places, b"\n\0".join(parts)


def _has_pieces(data: bytes) -> bool:
    """Two strings side by side or with a plus between, escapes, lines that go on: see secret_spelling.py."""
    if any(sign in data for sign in _PIECES):
        return True
    squeezed = data.translate(None, b" \t\r\n\\")
    return any(squeezed.count(joint) > data.count(joint) for joint in _JOINTS)


def _as_written(data: bytes) -> list[Hit]:
    found: list[Hit] = []
    runs = _runs(data)
    if runs is None:
        words = around = data
        parts = [(0, len(data))]
    else:
        parts = _surroundings(runs, len(data))
        words = b"\n".join({data[begin : min(end, begin + _LONGEST)] for begin, end in runs})
        around = b"\n".join([data[begin:end] for begin, end in parts]) if parts != [(0, len(data))] else data
    seen = {pattern for hint, pattern in _SHORT_HINTS if hint in data}
    if parts:
        seen.update([pattern for hint, pattern in _NEAR_HINTS if hint in around])
        seen.update([pattern for hint, pattern in _HINTS if hint in words])
    if seen:
        for pattern in PATTERNS:
            if pattern in seen:
                for begin, end in [(0, len(data))] if pattern.short else parts:
                    _collect(data, pattern, begin, end, found)
    _by_name(data, runs, found)
    return found


def _add(found: list[Hit], hit: Hit) -> None:
    """What an earlier pattern has found is not found twice."""
    begin, end = hit.span
    if not any(begin < other.span[1] and other.span[0] < end for other in found):
        found.append(hit)


def _by_name(data: bytes, runs: list[tuple[int, int]] | None, found: list[Hit]) -> None:
    """Values without an issuer's shape."""
    low = data.lower()
    starts = [at for word in _SHORT for at in _occurrences(low, word)]
    if runs is None:
        from sahel_nb.notebook.secret_values import all_runs

        runs = all_runs(data)
    runs = [(begin, end) for begin, end in runs if data[begin:end].translate(None, _DIGITS) != data[begin:end]]
    if not starts and not runs:
        return
    from sahel_nb.notebook.secret_values import named_values, short_values

    values = [*named_values(data, runs), *(one for at in starts for one in short_values(data, low, at))]
    for name, start, value in values:
        end = start + len(value)
        _add(found, Hit(name, start, value, (start, end), _is_allowed(data, start, end)))


def _occurrences(data: bytes, word: bytes) -> Iterator[int]:
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 1)


def _runs(data: bytes) -> list[tuple[int, int]] | None:
    """Every long run of letters and digits: one is in each secret, and few are in most texts; None: too many."""
    folded = data.translate(_FOLD)
    runs: list[tuple[int, int]] = []
    at = folded.find(_RUN)
    while at >= 0:
        stop = folded.find(b" ", at)
        end = stop if stop >= 0 else len(data)
        runs.append((at, end))
        if len(runs) > _MANY:
            return None
        at = folded.find(_RUN, end)
    return [(begin, end) for begin, end in runs if data[begin:end].translate(None, _PLAIN)]


def _surroundings(runs: list[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    parts: list[tuple[int, int]] = []
    for at, stop in runs:
        begin, end = max(0, at - _AROUND), stop + _AROUND
        if parts and begin <= parts[-1][1]:
            begin = parts.pop()[0]
        parts.append((begin, end))
    if len(parts) > _FEW and len(parts) * _EACH > length:
        return [(0, length)]  # a few dozen looks at the whole are cheaper now
    return parts


def _collect(data: bytes, pattern: Pattern, begin: int, end: int, found: list[Hit]) -> None:
    for hint in pattern.hints:
        at = data.find(hint, begin, end)
        while at >= 0:
            if not pattern.needs or data.find(pattern.needs, at, at + 300) >= 0:
                hit = _around(data, pattern, at, len(hint))
                if hit is not None:
                    _add(found, hit)
            at = data.find(hint, at + len(hint), end)


def _around(data: bytes, pattern: Pattern, at: int, length: int) -> Hit | None:
    """The secret that this hint belongs to, if it belongs to one."""
    regex = _regex(pattern)
    for start in range(max(0, at - pattern.back), at + 1):
        if pattern.bounded and not _begins_a_word(data, start):
            continue
        match = regex.match(data, start, at + length + _LONGEST)
        if match is None or match.end() < at + length:
            continue
        value = match["v"]
        if _is_fake(value, pattern):
            return None
        return Hit(pattern.name, start, value, match.span("v"), _is_allowed(data, start, match.end()))
    return None


def _is_fake(value: bytes, pattern: Pattern) -> bool:
    """Words, rows of letters and AWS's own documentation keys."""
    if value.startswith(b"-----"):
        return False
    from sahel_nb.notebook.secret_values import is_password, is_placeholder

    return not is_password(value) if pattern.random else is_placeholder(value)


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
    before = data[max(0, start - 24) : start]
    if b"\\" not in before and b"\x1b" not in before:
        return False
    import re

    escape = rb"\\(?:[abfnrtv]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|0[0-7]{2})\Z"
    colour = rb"(?:\x1b|\\u001[bB]|\\x1[bB]|\\033)\[[0-9;]*m\Z"
    return re.search(escape + rb"|" + colour, before) is not None


def _is_allowed(data: bytes, start: int, end: int) -> bool:
    stop = data.find(b"\n", end)
    return _ALLOW in data[data.rfind(b"\n", 0, start) + 1 : stop if stop >= 0 else len(data)]


def _in_chunks(chunks: Iterable[bytes]) -> Iterator[tuple[Hit, str]]:
    """A secret that lies across two chunks is in the end of one, which is looked at again with the next."""
    tail, lines, later = b"", 0, False
    seen: set[tuple[str, bytes, int]] = set()
    cut: list[tuple[Hit, str]] = []
    for chunk in chunks:
        window = tail + _single_bytes(chunk)
        cut = []
        for hit in search(window):
            line = lines + _line(window, hit.start)
            if later and hit.start < _LONGEST:
                continue  # the last window had it, with what stands before it
            if hit.span[1] == len(window):
                cut.append((hit, f"line {line}"))  # the next chunk may go on with it
            elif (hit.name, hit.value, line) not in seen:
                seen.add((hit.name, hit.value, line))
                yield hit, f"line {line}"
        tail = window[-2 * _LONGEST :]
        later = later or len(tail) < len(window)
        lines += window.count(b"\n", 0, len(window) - len(tail))
    yield from cut


def _in_notebook(data: bytes) -> Iterator[tuple[Hit, str]]:
    """The texts as they read; where they are not all, because the JSON is broken or repeats a key, also the bytes."""
    known = set()
    segments = _without_pictures(data)
    rest = b"".join(segment for _, segment in segments)
    notebook, whole = _loaded(rest)
    for hit, where in _in_texts(notebook):
        known.add(hit.value)
        yield hit, where
    if not whole:
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


def _in_texts(notebook: Any) -> Iterator[tuple[Hit, str]]:
    """Sources, metadata and outputs, each joined as a reader joins it. Nothing for what is not a notebook."""
    places, joined = _joined((where, text.encode("utf-8", "surrogatepass")) for where, text in _texts(notebook))
    for hit in search(joined):
        begin, where = next(place for place in reversed(places) if place[0] <= hit.start)
        yield hit, f"{where}, line {_line(joined, hit.start) - joined.count(bytes((10,)), 0, begin)}"


def _loaded(data: bytes) -> tuple[Any, bool]:
    """What the JSON says, and whether that is all of it: of a key that is there twice, the last one counts."""
    from _json import make_scanner

    twice = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        found = dict(items)
        twice = twice or len(found) < len(items)
        return found

    class Lenient:
        strict = False
        object_hook = None
        object_pairs_hook = staticmethod(pairs)
        parse_float = parse_int = parse_constant = str

    text = data.decode("utf-8", "replace").strip("\ufeff \t\r\n")
    try:
        scan: Any = make_scanner(Lenient)  # type: ignore[arg-type]  # CPython reads the attributes above
        value, end = scan(text, 0)
    except (ValueError, StopIteration, SystemError, RecursionError):
        return None, False
    return value, not twice and end == len(text) and type(value) is dict


def _texts(notebook: Any) -> Iterator[tuple[str, str]]:
    if type(notebook) is not dict:
        return
    sheets: Any = notebook.get("worksheets")
    holders = sheets if type(sheets) is list else [notebook]
    number = 0
    for holder in holders:
        cells = holder.pop("cells", None) if type(holder) is dict else None
        for cell in cells if type(cells) is list else (cells,):
            number += 1
            if type(cell) is not dict:
                yield f"cell {number}", "\n".join(_strings(cell))
                continue
            outputs = cell.pop("outputs", None)
            source = cell.pop("source", None)
            yield f"cell {number}", "".join(_strings(source))
            if cell.get("metadata") or not cell.keys() <= _BARE:
                yield f"cell {number}, metadata", "\n".join(_strings(cell))
            for index, output in enumerate(outputs if type(outputs) is list else (outputs,), 1):
                for text in _strings(output):
                    yield f"cell {number}, output {index}", text
    yield "metadata", "\n".join(_strings(notebook))


def _strings(value: Any) -> Iterator[str]:
    """Every text below a value, after its key; a list of texts is one text."""
    waiting = [("", value)]
    while waiting:
        before, one = waiting.pop()
        if type(one) is str:
            yield before + one
        elif type(one) is dict:
            waiting += [(f"{key}: ", each) for key, each in reversed(one.items())]
        elif type(one) is list:
            if one and all(type(item) is str for item in one):
                yield before + "".join(one)
            else:
                waiting += [(before, each) for each in reversed(one)]
        elif before:
            yield before


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
        "revoke it, then take it out: a notebook reads it from Kaggle Secrets, a script from the environment; "
        "if it is not one, write `allowlist secret` on that line",
    )


def _line(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _place(data: bytes, offset: int) -> str:
    """Cells begin with the key that each of them has, at the writer's own indentation or any other."""
    import re

    line = f"line {_line(data, offset)} of the file"
    cells = len(re.findall(rb'"cell_type"\s*:\s*"(?:code|markdown|raw)"', data[:offset]))
    return f"cell {cells}, {line}" if cells else line
