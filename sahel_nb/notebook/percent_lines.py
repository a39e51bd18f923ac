"""What jupytext does with single lines of a mirror: which are magics and are commented out, and how cells are spaced.

A magic is a line that IPython understands and Python does not: `%matplotlib inline`, `!pip list`, `ls *.csv`, `x?`. Two
blank lines stand beside a function or a class that begins or ends a cell, one elsewhere. Lines inside a string with
triple quotes are neither. These are jupytext's notions, mistakes included: the bytes must be its bytes.
"""

from __future__ import annotations

from sahel_nb.notebook.strip_fast import Unsure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_SHELL = frozenset(("cat", "cd", "cp", "mv", "rm", "rmdir", "mkdir", "copy", "ddir", "echo", "ls", "ldir", "ren"))
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_AFTER_BANG = _LETTERS | frozenset(".~$\\/{}")
_NAME = _LETTERS | frozenset("_$0123456789")
_DEFINES = ("def ", "async ", "class ")


class Quotes:
    """Reads lines of Python, and knows whether the next one begins inside a string with triple quotes."""

    __slots__ = ("inside",)

    def __init__(self) -> None:
        self.inside = ""

    def read(self, line: str) -> None:
        """A backslash before a quote escapes it, a plain string ends with its line, a comment opens nothing."""
        if '"""' not in line and "'''" not in line:
            return
        if not self.inside and line.lstrip()[:1] == "#":
            return
        plain = ""
        last = -1
        for at, char in enumerate(line):
            if char == "#":
                if not plain and not self.inside:
                    return
            elif char in "\"'" and line[at - 1 : at] != "\\":
                if plain:
                    if plain == char:
                        plain = ""
                elif at >= max(2, last + 3) and line[at - 2] == line[at - 1] == char:
                    if not self.inside:
                        self.inside, last = char, at
                    elif self.inside == char:
                        self.inside, last = "", at
                elif not self.inside:
                    plain = char


def comment_magics(lines: list[str]) -> None:
    """Put `# ` before each magic of a code cell, and before the lines that continue it, in place."""
    _change(lines, _commented)


def uncomment_magics(lines: list[str]) -> None:
    """Take one `# ` from each commented magic of a code cell, in place."""
    _change(lines, _uncommented)


def _change(lines: list[str], change: Callable[[str, bool], str]) -> None:
    if not _may_have_magics("\n" + "\n".join(lines)):
        return
    quotes = Quotes()
    continued = False
    for at, line in enumerate(lines):
        if not quotes.inside and (continued or is_magic(line)):
            lines[at] = change(line, continued)
            continued = line.rstrip().endswith("\\")
        quotes.read(line)


_BEGINNINGS = ("\n#", *(f"\n{word}" for word in sorted(_SHELL)))


def _may_have_magics(text: str) -> bool:
    """Whether any of the lines, each behind a line end, needs a closer look: in most cells none does."""
    if "%" in text or "!" in text or "?" in text:
        return True
    return any(beginning in text for beginning in _BEGINNINGS)


def _commented(line: str, continued: bool) -> str:
    text = line if continued else line.lstrip()
    return f"{line[: len(line) - len(text)]}# {text}"


def _uncommented(line: str, continued: bool) -> str:  # noqa: ARG001  the twin of _commented
    text = line.lstrip()
    if text[:1] != "#":
        return line
    return line[: len(line) - len(text)] + text[2 if text[1:2] == " " else 1 :]


def is_magic(line: str) -> bool:
    """Is this line of a code cell a magic, commented already or not? Raise `Unsure` where it says so itself."""
    if "%" in line or "!" in line or "?" in line:
        text = line.lstrip()
        rest = bare(text)
        if _percents(rest):
            if "escape" in rest:
                raise Unsure
            return True
        bang = rest.lstrip()
        if bang[:1] in ("!", "?") and bang[1:].lstrip()[:1] in _AFTER_BANG:
            return True
        if _assigned(line) or _asks(text):
            return True
    # Nearly no line begins like this, and all are looked at.
    return line[:1] in "#cdelmr" and _is_shell(bare(line))


def bare(text: str) -> str:
    """Without leading `#`, each with one space or none behind it."""
    while text[:1] == "#":
        text = text[2:] if text[1:2] == " " else text[1:]
    return text


def _percents(text: str) -> bool:
    name = text.lstrip("%")
    return 1 <= len(text) - len(name) <= 3 and name[:1] in _LETTERS


def _assigned(line: str) -> bool:
    """`files = !ls`, `t = %timeit -o f()`."""
    name, equals, value = bare(line).partition("=")
    name, value = name.strip(), value.lstrip()
    if not equals or not name or name[0] in "$0123456789" or not _NAME.issuperset(name):
        return False
    return _percents(value) or (value[:1] == "!" and value[1:2] in _LETTERS)


def _asks(text: str) -> bool:
    """`x?`, and also a comment of one word that asks."""
    text = text.rstrip()
    while text.startswith("# "):
        text = text[2:]
    return text.endswith("?") and len(text.split()) == 1 and not text[:1].isspace()


def _is_shell(text: str) -> bool:
    """`ls`, `cd data`, but neither `ls = 3` nor `cat(x)`."""
    words = text.split(None, 1)
    if not words or words[0] not in _SHELL or not text.startswith(words[0]):
        return False
    rest = text[len(words[0]) :]
    return len(rest) < 2 or rest[1] not in "=,"


def blank_lines(text: Sequence[str], quotes: bool, rest: Iterable[str]) -> int:
    """How many stand between the lines of a code cell and `rest`, the lines behind it, of which there are some.

    `quotes` says whether triple quotes occur in the cell.
    """
    end = text[-1]
    if not quotes and end and end[0] not in "# )" and end.strip():
        defines = end.startswith(_DEFINES)
    else:
        defines = _ends_in_definition(_outside(text) if quotes else text)
    if defines:
        return 2 if _has_code(rest) else 1
    return 2 if end.strip() and end[0] != "#" and _begins_with_definition(rest) else 1


def _outside(text: Iterable[str]) -> list[str]:
    """The lines that do not begin inside a string."""
    quotes = Quotes()
    found = []
    for line in text:
        if not quotes.inside:
            found.append(line)
        quotes.read(line)
    return found


def _ends_in_definition(text: Sequence[str]) -> bool:
    """Is the last line that is neither indented nor a comment the head of a function or a class?"""
    blank = False
    for line in reversed(text):
        if not line.strip():
            if blank:
                return False
            blank = True
            continue
        blank = False
        if line[0] not in "# )":
            return line.startswith(_DEFINES)
    return False


def _has_code(text: Iterable[str]) -> bool:
    """Does a line of code come before two blank lines?"""
    blank = False
    for line in text:
        code = line.strip()
        if code[:1] == "#":
            blank = False
        elif code:
            return True
        elif blank:
            return False
        else:
            blank = True
    return False


def _begins_with_definition(text: Iterable[str]) -> bool:
    """Is the first line that is not indented, no comment and no decorator the head of a function or a class?"""
    quotes = Quotes()
    blank = False
    for line in text:
        inside = quotes.inside
        if '"' in line or "'" in line:
            quotes.read(line)
        was_blank, blank = blank, not line.strip()
        if inside:
            continue
        if blank:
            if was_blank:
                return False
        elif line[0] not in "#@ )":
            return line.startswith(_DEFINES)
    return False
