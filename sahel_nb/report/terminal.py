"""Text for a terminal: the one filter between what other people wrote and a terminal that would obey it.

`protect_streams` puts the filter on stdout and stderr, so that no caller can forget it. What a terminal would obey or
hide is shown as JSON spells it (`\\u001b]52;…`), on a terminal and in a pipe: an answer in JSON keeps its meaning.

    shown as they are    letters, marks, digits, signs and spaces of every script; newline, tab; U+200C and U+200D,
                         which Persian, Malayalam and others write with
    shown as \\uXXXX      C0 and C1 controls (so every escape sequence, backspace, a lone \\r), those of direction
                         (U+061C, U+200E–F, U+202A–E, U+2066–9), characters that nobody sees (U+200B, U+2060,
                         U+FEFF, tags, …), line separators, half of a surrogate pair (a file's name that is not UTF-8)
    raw                  `sys.stdout.buffer`, and what `write_product` writes, where stdout is no terminal

A kernel's log is the exception (`log_line`): its escape sequences are left out, and its colours stay on a terminal.
Sources: ECMA-48 for sequences, UAX #9 and the Unicode category Cf for the rest.
"""

from __future__ import annotations

import os
import re
import sys

from sahel_nb.report.redact import redacted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Texts, compiled at first use (`re` keeps them): most hooks that speak say plain ASCII, and importing is their time.
_HIDDEN = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
_COLOR = r"(\x1b\[[0-9;:]*m)"
# Colours (CSI … m), every other escape sequence, and the control characters but tab.
_SEQUENCE = (
    r"(\x1b\[[0-9;:]*m)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x1f\x7f-\x9f]"
)


def visible(text: str) -> str:
    """`text` with nothing in it that a terminal obeys or hides; the same again for what this returned."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return re.sub(_HIDDEN, _spelled, text.replace("\r\n", "\n"))


LONGEST = 2_000
"""Characters of a line of a message; of a kernel's line, log.txt has all."""


def one_line(text: str, longest: int = LONGEST) -> str:
    """The same in one line of at most `longest` characters: a name with a newline in it forges no second line."""
    if len(text) > longest:
        text = text[:longest] + "…"
    return visible(text).replace("\n", "\\n")


def command(text: str) -> str:
    """A command to type, in one line: what a terminal would obey, and what `shlex.quote` put in quotes therefore, is
    spelled for the shell as `$'\\033'`, which bash, zsh and ksh read."""
    if text.isprintable() and not re.search(_HIDDEN, text):
        return text
    return re.sub(f"(?:{_HIDDEN}|\n)+", _for_a_shell, text)


def _for_a_shell(match: re.Match[str]) -> str:
    return "'$'" + "".join(f"\\{byte:03o}" for byte in _encoded(match[0], "surrogatepass")) + "''"


def log_line(line: str, *, color: bool) -> str:
    """A line of a kernel's log, as far as it is text. Its colours stay with `color`, and end where the line ends."""
    line = re.sub(_SEQUENCE, lambda match: (match[1] or "") if color else "", line)
    pieces = [piece if re.fullmatch(_COLOR, piece) else visible(piece) for piece in re.split(_COLOR, line)]
    return "".join(pieces) + "\x1b[0m" * (len(pieces) > 1)


def last_frame(line: str) -> str:
    """Progress bars redraw with a carriage return: what a terminal would show in the end is the last frame."""
    frames = [frame for frame in line.split("\r") if frame]
    return frames[-1] if frames else ""


class Protected:
    """A text stream whose `write` is filtered, and hides secrets in URLs; `unfiltered` is the stream itself."""

    def __init__(self, unfiltered: Any) -> None:
        self.unfiltered = unfiltered

    def write(self, text: str) -> int:
        if not isinstance(text, str):  # click asks in this way whether a stream takes bytes
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.unfiltered.write(visible(redacted(text)))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unfiltered, name)


def protect_streams() -> None:
    """Filter this process's stdout and stderr from now on; they write UTF-8, whatever LC_ALL says."""
    for name in ("stdout", "stderr"):
        stream: Any = unfiltered(getattr(sys, name))
        if stream is None:  # it was closed before we were started
            continue
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        setattr(sys, name, Protected(stream))


def unfiltered(stream: Any) -> Any:
    """The stream below the filter, for what has been through it."""
    return getattr(stream, "unfiltered", stream)


def write_product(text: str) -> None:
    """Write what a program reads (a log, the name of a folder) to stdout: byte by byte, unless that is a terminal."""
    if sys.stdout.isatty():
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    stream = unfiltered(sys.stdout)
    stream.write(text) if not hasattr(stream, "buffer") else stream.buffer.write(_encoded(text))
    stream.flush()


def write_log(text: str) -> None:
    """Write a record of a log to stdout, ending its line: to a terminal line by line as `log_line` has it."""
    text = text.removesuffix("\n")
    if not sys.stdout.isatty():
        write_product(text + "\n")
        return
    stream, color = unfiltered(sys.stdout), "NO_COLOR" not in os.environ
    for line in text.split("\n"):
        stream.write(log_line(last_frame(line), color=color) + "\n")
    stream.flush()


def _encoded(text: str, otherwise: str = "backslashreplace") -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair
        return text.encode("utf-8", otherwise)


def _spelled(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
