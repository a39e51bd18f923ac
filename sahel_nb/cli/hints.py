"""Commands that are printed for the next step: what was asked of the embedded service goes on there, not at Kaggle."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

LOCAL = frozenset(("run", "attach", "status", "logs", "output", "debug", "stop", "drift", "rescue", "quota"))
"""The commands that take `--local`."""
_PARTS = re.compile(r"(\s*(?:&&|\|\||;|\||#).*)", re.DOTALL)


def is_local(arguments: Sequence[str]) -> bool:
    """Whether a command line goes to the embedded service by its own words."""
    return "--local" in arguments or arguments[:1] == ["rehearse"]


def again(arguments: Sequence[str]) -> str:
    """The command that was typed."""
    return shlex.join(("sahel-nb", *arguments))


def there(hint: str) -> str:
    """The same command, for the embedded service; other programs' commands, and ours without `--local`, as they are."""
    command, rest, _ = (*_PARTS.split(hint, maxsplit=1), "", "")[:3]
    words = command.split()
    if words[:1] != ["sahel-nb"] or not LOCAL.intersection(words[1:2]) or "--local" in words:
        return hint
    return f"{command} --local{rest}"
