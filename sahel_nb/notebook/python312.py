"""Python 3.12's syntax, written as Python 3.11 can parse it: for a check of syntax, never to be run.

What 3.12 added to the grammar: any expression in an f-string, its own quotes, line ends and comments included
(PEP 701), and type parameters and the `type` statement (PEP 695). The result has as many lines as the source.
"""

from __future__ import annotations

import re

_PREFIX = re.compile(r"(?i)(?<![\w.])(f|rf|fr)('''|\"{3}|'|\")")
_PLAIN = re.compile(r"(?i)(?<!\w)(?:[rbu]|br|rb)?('''|\"{3}|'|\")|#")
_TYPED = re.compile(r"^([ \t]*(?:(?:async[ \t]+)?def|class|type)[ \t]+\w+[ \t]*)\[", re.MULTILINE)
_TYPE = re.compile(r"^([ \t]*)type[ \t]+(?=\w+[ \t]*=[^=])", re.MULTILINE)
_DEFAULT = re.compile(r"(?<![=!<>:])=(?!=)")  # of Python 3.13
_OPEN, _CLOSE = "([{", ")]}"


def as_older_python(source: str) -> str:
    """The source with its f-strings as tuples of their expressions, and without type parameters.

    Raise `SyntaxError` for an f-string that is not one in Python 3.12 either.
    """
    return _TYPE.sub(r"\1", _without_type_parameters(_without_fstrings(source)))


def _without_fstrings(source: str) -> str:
    """Each f-string as an ordinary text; its expressions follow the last line, where they are parsed as well."""
    kept: list[str] = []
    fields: list[str] = []
    at = 0
    while at < len(source):
        if match := _PREFIX.match(source, at):
            end, found = _fstring(source, match)
            fields += found
            kept.append('"""' + "\n" * source.count("\n", at, end) + '"""')
            at = end
        elif match := _PLAIN.match(source, at):
            end = _end_of_line(source, at) if match[0] == "#" else _end_of_text(source, match.end(), match[1])
            kept.append(source[at:end])
            at = end
        else:
            kept.append(source[at])
            at += 1
    expressions = "".join(f"\n({_without_fstrings(field)}\n)" for field in fields)
    return "".join(kept) + expressions


def _fstring(source: str, opened: re.Match[str]) -> tuple[int, list[str]]:
    """Where the f-string ends, and the expressions in it, those of nested format specifications included."""
    quote, raw = opened[2], "r" in opened[1].lower()
    fields: list[str] = []
    at = opened.end()
    while at < len(source):
        if source.startswith(quote, at):
            return at + len(quote), fields
        if source[at] == "\n" and len(quote) == 1:
            break
        if source[at] == "\\" and not raw:
            at += _escape(source, at)
        elif source[at : at + 2] in ("{{", "}}"):
            at += 2
        elif source[at] == "{":
            at = _field(source, at + 1, quote, fields)
        elif source[at] == "}":
            raise SyntaxError("f-string: single '}' is not allowed")
        else:
            at += 1
    raise SyntaxError("unterminated f-string literal")


def _escape(source: str, at: int) -> int:
    """The length of an escape; the braces of `\\N{NAME}` are none of a field."""
    if source.startswith("\\N{", at):
        return max(source.find("}", at) + 1 - at, 2)
    return 2


def _field(source: str, start: int, quote: str, fields: list[str]) -> int:
    """Add the expression that begins at `start`; where its field has ended."""
    depth = 0
    at = start
    while at < len(source):
        char = source[at]
        if match := _PREFIX.match(source, at) if not source[at - 1].isalnum() else None:
            at, _ = _fstring(source, match)
        elif match := _PLAIN.match(source, at):
            at = _end_of_line(source, at) if match[0] == "#" else _end_of_text(source, match.end(), match[1])
        elif char in _OPEN:
            depth, at = depth + 1, at + 1
        elif char in _CLOSE and depth:
            depth, at = depth - 1, at + 1
        elif not depth and (char in "}:" or (char == "!" and source[at + 1 : at + 2] != "=")):
            expression = source[start:at].rstrip()
            if expression.endswith("=") and expression[-2:-1] not in tuple("=!<>"):
                expression = expression[:-1]
            if not expression.strip():
                raise SyntaxError("f-string: valid expression required before '}'")
            fields.append(expression)
            return _conversion_and_format(source, at, quote, fields)
        else:
            at += 1
    raise SyntaxError("f-string: expecting '}'")


def _conversion_and_format(source: str, at: int, quote: str, fields: list[str]) -> int:
    if conversion := re.compile(r"!\s*[rsa]\s*(?=[:}])").match(source, at):
        at = conversion.end()
    if source[at] == "}":
        return at + 1
    if source[at] != ":":
        raise SyntaxError("f-string: invalid conversion character")
    at += 1
    while at < len(source):
        if source[at] == "{":
            at = _field(source, at + 1, quote, fields)
        elif source[at] == "}":
            return at + 1
        elif source.startswith(quote, at):
            break
        else:
            at += 1
    raise SyntaxError("f-string: expecting '}'")


def _end_of_text(source: str, at: int, quote: str) -> int:
    while at < len(source):
        if source.startswith(quote, at):
            return at + len(quote)
        at += 2 if source[at] == "\\" else 1
    return len(source)


def _end_of_line(source: str, at: int) -> int:
    end = source.find("\n", at)
    return len(source) if end < 0 else end


def _without_type_parameters(source: str) -> str:
    while match := _TYPED.search(source):
        depth, end = 1, match.end()
        while depth and end < len(source):
            depth += (source[end] in _OPEN) - (source[end] in _CLOSE)
            end += 1
        parameters = source[match.end() : end - 1]
        if not parameters.strip() or _DEFAULT.search(parameters):
            raise SyntaxError("invalid type parameters")
        source = source[: match.end(1)] + "\\\n" * parameters.count("\n") + source[end:]
    return source
