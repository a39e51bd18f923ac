"""Changing a person's file: all of it or nothing. A link's target is changed and not the link; what belongs to the file
but is not in it stays: mode, owner, group, access control list, extended attributes.
"""

from __future__ import annotations

from sahel_nb.errors import UsageError
from sahel_nb.hooks.replacing import replace_file
from sahel_nb.permissions import read_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from sahel_nb.notebook.strip import StripOptions


def replace(path: Path, data: bytes, instead_of: bytes | None = None) -> None:
    """Write `data` to `path`, or to what it is a link to, as `replace_file` does."""
    replace_file(str(path), data, instead_of, str(path))


def read(path: Path) -> bytes:
    """The file's bytes. Raise `UsageError` naming it."""
    try:
        return read_regular(str(path))
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc


def read_if_there(path: Path) -> bytes | None:
    try:
        return read_regular(str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc


def strip_file(path: Path, options: StripOptions, *, dry_run: bool = False) -> bool:
    """Strip a notebook in place; True where there was something to strip. A file without is not touched."""
    from sahel_nb.notebook.document import NotebookError
    from sahel_nb.notebook.strip import has_something_to_strip, strip

    data = read(path)
    try:
        if not has_something_to_strip(data, options):
            return False
        stripped = strip(data, options)
    except NotebookError as exc:
        raise NotebookError(f"{path}: {exc.message}", hints=exc.hints, details=exc.details) from exc
    if not dry_run:
        replace(path, stripped, instead_of=data)
    return True
