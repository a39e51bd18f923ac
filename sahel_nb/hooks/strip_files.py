"""`sahel-nb-hook strip FILES`, as the pre-commit framework calls it: 1 where a file was changed.

Almost always every notebook is stripped, which is seen in its bytes: then nothing is imported and git is not asked. A
notebook on disk may have outputs that git's filter keeps out of commits; they are somebody's work, and stay. It is
stripped in place only where what is staged is not stripped either, or where git does not know it.
"""

from __future__ import annotations

import sys
from posix import O_CLOEXEC, O_RDONLY, close, read  # os itself takes longer than a look at ten notebooks
from posix import open as opened

from sahel_nb.notebook.strip_check import certainly_stripped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FIRST_READ = 1 << 16
_MANY = 40
"""From here on it pays to remember them: fewer are a commit, and new. bin/sahel-nb-hook has the same number."""


def nothing_to_strip(paths: Sequence[str]) -> bool:
    """True where a look at the bytes says so; False says nothing, and `run` finds out."""
    if len(paths) >= _MANY:
        from sahel_nb.hooks import strip_known

        if strip_known.stripped_in_index(paths):
            return True
    try:
        return not any(path.startswith("-") or (path.endswith(".ipynb") and not _is_stripped(path)) for path in paths)
    except OSError:
        return False


def run(verb: str, arguments: Sequence[str]) -> int:
    """Strip what is to be stripped. Raise `NotebookError` for what is none, `UsageError` for what is not there."""
    for argument in arguments:
        if argument.startswith("-"):
            from sahel_nb.errors import UsageError

            hint = f"sahel-nb {verb} --help"
            raise UsageError(f"`sahel-nb-hook {verb}` takes files, not {argument}", hints=(hint,))
    left = [path for path in arguments if path.endswith(".ipynb") and not nothing_to_strip((path,))]
    clean = _staged_clean(left)
    return _strip([path for path in left if path not in clean])


def _strip(paths: Sequence[str]) -> int:
    if not paths:
        return 0
    from sahel_nb.hooks.reach import with_site_packages

    with_site_packages()
    from pathlib import Path

    from sahel_nb.hooks.inplace import strip_file
    from sahel_nb.notebook.strip import StripOptions
    from sahel_nb.report.progress import counted

    options = StripOptions()
    changed = 0
    for path in counted("stripping notebooks", paths, len(paths)):
        if strip_file(Path(path), options):
            changed = 1
            sys.stderr.write(f"stripped {path}\n")
    return changed


def _is_stripped(path: str) -> bool:
    return certainly_stripped(read_whole(path))


def read_whole(path: str | bytes) -> bytes:
    """Raise `OSError`."""
    # A file object costs three times as much as reading does.
    file = opened(path, O_RDONLY | O_CLOEXEC)
    try:
        data = read(file, _FIRST_READ)
        if len(data) == _FIRST_READ:
            pieces = [data]
            while pieces[-1]:
                pieces.append(read(file, 1 << 22))
            data = b"".join(pieces)
    finally:
        close(file)
    return data


def _staged_clean(paths: Sequence[str]) -> set[str]:
    """Those of which the index holds a stripped version."""
    from sahel_nb.errors import SahelError
    from sahel_nb.hooks.staged import Repository

    try:
        repository = Repository.here()
    except SahelError:
        return set()  # outside of a repository there is no filter either
    names = {path: repository.path_of(path) for path in paths}
    index = repository.index(names.values())
    blobs = repository.read([oid for _, oid in index.values()])
    clean = set()
    for path, known in names.items():
        data = blobs.get(index[known][1]) if known in index else None
        if data is not None and (certainly_stripped(data) or _stays_the_same(data)):
            clean.add(path)
    return clean


def _stays_the_same(data: bytes) -> bool:
    from sahel_nb.hooks.reach import with_site_packages

    with_site_packages()
    from sahel_nb.notebook.document import NotebookError
    from sahel_nb.notebook.strip import is_stripped

    try:
        return is_stripped(data)
    except NotebookError:
        return False  # strip_file says it
