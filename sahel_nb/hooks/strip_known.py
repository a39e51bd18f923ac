"""The many notebooks of the last `strip` that had nothing to strip, so that bin/sahel-nb-hook need not start Python.

    .git/sahel-nb/stripped     what `git ls-files -s -z -- FILES` said, then the rules: our own source, RULES

The script asks git the same, puts the rules behind it and compares: `pre-commit run --all-files` names the same files
again and again. Of each of them the index has what was seen to be stripped, and by the same rules; whatever the disk
has, strip_files.py would leave it alone. Anything else, a byte or a file, and Python looks. It may be deleted.
"""

from __future__ import annotations

import os

from sahel_nb.errors import SahelError
from sahel_nb.hooks.halves import object_id
from sahel_nb.notebook.strip_check import certainly_stripped
from sahel_nb.repo.cmd import git, told_to_hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RULES = ("hooks/strip_files.py", "notebook/strip_check.py", "notebook/strip_fast.py")
"""Whatever the verdict depends on. bin/sahel-nb-hook has the same list."""
_FOLDER = ".git/sahel-nb"


def remember(paths: Sequence[str]) -> None:
    """Write down that `strip` has nothing to do for these files, if the index says so. It is no matter if it fails."""
    if not os.path.isdir(".git"):  # noqa: PTH112  pathlib is not imported on this path
        return
    try:
        env = told_to_hooks(os.environ)
        asked = ("--literal-pathspecs", "ls-files", "-s", "-z", "--error-unmatch", "--", *paths)
        listed = git(*asked, cwd=".", env=env).stdout
        if all(_stripped(listed, env)):
            _write(listed + _rules())
    except (OSError, SahelError):
        return


def _stripped(listed: bytes, env: Mapping[str, str]) -> Iterator[bool]:
    """Of each notebook in the index. Mostly the disk has the same, and is read sooner."""
    others = []
    for line in listed.split(b"\0")[:-1]:
        # <mode> SP <oid> SP <stage> TAB <path>
        head, _, path = line.partition(b"\t")
        if path.endswith(b".ipynb"):
            mode, oid, _stage = head.decode("ascii").split(" ")
            yield mode.startswith("100")
            data = _on_disk(path)
            if data is not None and object_id(data, oid) == oid:
                yield certainly_stripped(data)
            else:
                others.append(oid.encode("ascii"))
    if others:
        from sahel_nb.repo.batch import objects

        for found in objects(others, ".", env):
            yield found.kind == "blob" and certainly_stripped(found.read())


def _on_disk(path: bytes) -> bytes | None:
    try:
        with open(path, "rb", 0) as file:
            return file.read()
    except OSError:
        return None


def _rules() -> bytes:
    package = __file__.rpartition("/hooks/")[0]
    found = []
    for name in RULES:
        with open(f"{package}/{name}", "rb") as file:
            found.append(file.read())
    return b"".join(found)


def _write(content: bytes) -> None:
    os.makedirs(_FOLDER, exist_ok=True)  # noqa: PTH103  pathlib is not imported on this path
    temporary = f"{_FOLDER}/stripped.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(content)
    os.replace(temporary, f"{_FOLDER}/stripped")  # noqa: PTH105  the same
