"""Write one key of `[lock]` into sahel-nb.toml, leaving every other line as a person wrote it."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from sahel_nb.config import FILE_NAME, load
from sahel_nb.durable import write_atomically
from sahel_nb.errors import Refused, UsageError
from sahel_nb.links import edit, inside

_SECTION = re.compile(r"[ \t]*\[[ \t]*lock[ \t]*\][ \t]*(#.*)?$")
_ANY_SECTION = re.compile(r"[ \t]*\[")


def with_setting(text: str, key: str, value: str) -> str:
    """`text` with the setting: in the place of the one that is there, of its commented default, or below [lock].

    Raises `Refused` where the file is written in a way that a line cannot be put into.
    """
    line = f'{key} = "{value}"'
    there, commented = re.compile(rf"[ \t]*{key}[ \t]*="), re.compile(rf"[ \t]*#[ \t]*{key}[ \t]*=")
    lines = text.splitlines()
    at = next((i for i, one in enumerate(lines) if _SECTION.match(one)), None)
    if at is None:
        lines += ["", "[lock]", line] if lines else ["[lock]", line]
    else:
        end = next((i for i in range(at + 1, len(lines)) if _ANY_SECTION.match(lines[i])), len(lines))
        where = [i for kind in (there, commented) for i in range(at + 1, end) if kind.match(lines[i])]
        lines[where[0] if where else at + 1 : where[0] + 1 if where else at + 1] = [line]
    made = "\n".join(lines) + "\n"
    with contextlib.suppress(UsageError):
        if getattr(load(made.encode("utf-8")).lock, key) == value:
            return made
    raise Refused(f"{FILE_NAME} is written in a way of its own: set lock.{key} there", hints=(edit(FILE_NAME),))


def write_setting(root: Path, key: str, value: str) -> None:
    """The same in the file, which is made where there is none."""
    path = Path(inside(str(root / FILE_NAME), FILE_NAME, str(root)))
    there = path.exists()
    text, mode = (path.read_text("utf-8"), path.stat().st_mode & 0o777) if there else ("", 0o644)
    write_atomically(path, with_setting(text, key, value).encode("utf-8"))
    path.chmod(mode)
