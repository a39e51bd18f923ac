"""The many notebooks of the last `strip` that had nothing to strip, so that bin/sahel-nb-hook need not start Python.

    .git/sahel-nb/stripped     what `git ls-files -s -z -- FILES` said, NUL, then the rules: our own source, RULES

The script asks git the same, puts the rules behind it and compares: `pre-commit run --all-files` names the same files
again and again. Of each of them the index has what was seen to be stripped, and by the same rules; whatever the disk
has, strip_files.py would leave it alone. Anything else, a byte or a file, and Python looks, at what is new in the list.
It may be deleted.
"""

from __future__ import annotations

import os

from sahel_nb.errors import SahelError
from sahel_nb.hooks.halves import object_id
from sahel_nb.hooks.strip_files import read_whole
from sahel_nb.notebook.strip_check import certainly_stripped
from sahel_nb.permissions import make_folder, opener
from sahel_nb.repo.batch import objects
from sahel_nb.repo.cmd import git, told_to_hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

RULES = ("hooks/strip_files.py", "notebook/strip_check.py", "notebook/strip_fast.py")
"""Whatever the verdict depends on. bin/sahel-nb-hook has the same list."""
_FOLDER = ".git/sahel-nb"


def stripped_in_index(paths: Sequence[str]) -> bool:
    """Whether the index has each of these files, and each notebook stripped; False says nothing. It is written down."""
    if not os.path.isdir(".git"):  # noqa: PTH112  pathlib is not imported on this path
        return False
    try:
        env = told_to_hooks(os.environ)
        asked = ("--literal-pathspecs", "ls-files", "-s", "-z", "--error-unmatch", "--", *paths)
        listed, rules, was = git(*asked, cwd=".", env=env).stdout, _rules(), _last()
        known = set(was.removesuffix(rules).split(b"\0")) if was.endswith(rules) else set()
        if not all(_are_stripped([line for line in listed.split(b"\0") if line not in known], env)):
            return False
        if listed + rules != was:
            _write(listed + rules)
    except (OSError, SahelError):
        return False
    return True


def _are_stripped(lines: Iterable[bytes], env: Mapping[str, str]) -> Iterator[bool]:
    """Of each notebook in the index. Mostly the disk has the same, and is read sooner than git's objects are."""
    others = []
    for line in lines:
        # <mode> SP <oid> SP <stage> TAB <path>
        head, _, path = line.partition(b"\t")
        if path.endswith(b".ipynb"):
            mode, oid, _stage = head.decode("ascii").split(" ")
            yield mode.startswith("100")
            data = _on_disk(path)
            if certainly_stripped(data) and object_id(data, oid) == oid:
                yield True
            else:
                others.append(oid.encode("ascii"))
    for found in objects(others, ".", env) if others else ():
        yield found.kind == "blob" and certainly_stripped(found.read())


def _on_disk(path: bytes) -> bytes:
    try:
        return read_whole(path)
    except OSError:
        return b""


def _last() -> bytes:
    try:
        return read_whole(f"{_FOLDER}/stripped")
    except FileNotFoundError:
        return b""


def _rules() -> bytes:
    package = __file__.rpartition("/hooks/")[0]
    found = []
    for name in RULES:
        with open(f"{package}/{name}", "rb") as file:
            found.append(file.read())
    return b"".join(found)


def _write(content: bytes) -> None:
    make_folder(_FOLDER)
    temporary = f"{_FOLDER}/stripped.{os.getpid()}"
    with open(temporary, "wb", opener=opener) as file:
        file.write(content)
    os.replace(temporary, f"{_FOLDER}/stripped")  # noqa: PTH105  the same
