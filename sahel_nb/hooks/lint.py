"""Linting what lies on disk: notebooks, and kernel-metadata.json together with its code file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from sahel_nb.errors import UsageError
from sahel_nb.hooks.code_files import named_by, weighed
from sahel_nb.hooks.inplace import read, read_if_there, replace
from sahel_nb.hooks.paths import METADATA
from sahel_nb.notebook.finding import Finding
from sahel_nb.notebook.lint import lint_notebook
from sahel_nb.notebook.lint_scope import LintScope
from sahel_nb.report.progress import counted

_FILE_NAME = METADATA.decode("ascii")
_NOT_OURS = frozenset((".git", ".ipynb_checkpoints", ".venv", "node_modules", "runs"))


def lint_paths(paths: Sequence[Path], root: Path, scope: LintScope) -> list[Finding]:
    """Every finding in files and folders of the worktree at `root`. Raise `UsageError` for a path that is not there."""
    found: list[Finding] = []
    kernels: dict[bytes, bytes | None] = {}
    names: dict[str, str] = {}
    files = expand(paths)
    for path in counted("checking files", files, len(files)):
        data = read(path)
        from_root = Path(os.path.relpath(path.absolute(), root)).as_posix()
        names[from_root] = path.as_posix()
        if path.name == _FILE_NAME:
            from sahel_nb.hooks.metadata import check_metadata, check_with_code

            here = [*check_metadata(data, from_root), *check_with_code(data, from_root, _code_beside(path, data))]
            kernels[os.fsencode(from_root)] = data
        else:
            here = weighed({os.fsencode(from_root): lint_notebook(data, from_root)}, partial(_code_files, root))
        found += (finding for finding in here if scope.applies(finding.code, from_root))
    if kernels:
        from sahel_nb.hooks.ids import shared_ids

        found += shared_ids(_others() | kernels, kernels)
    # Found under their names in the repository, which the commands are made of, and shown under those that were typed.
    return [dataclasses.replace(finding, path=names.get(finding.path, finding.path)) for finding in found]


def _code_files(root: Path, paths: Iterable[bytes]) -> set[bytes]:
    """Those of `paths` that a kernel-metadata.json in their folder, or in one above it, names."""
    return {path for path in paths if any(True for _ in _metadata_naming(root, path))}


def _metadata_naming(root: Path, path: bytes) -> Iterator[bytes]:
    """What the kernel-metadata.json files say that name `path`, in its folder or in one above it."""
    folder = os.path.dirname(os.path.join(root, os.fsdecode(path)))  # noqa: PTH118, PTH120  keeps what was typed
    for above in (Path(folder), *Path(folder).parents):
        if not above.is_relative_to(root):
            break
        data = read_if_there(above / _FILE_NAME)
        place = os.fsencode(os.path.relpath(above / _FILE_NAME, root))
        if data is not None and named_by(place, data) == path:
            yield data


def _others() -> dict[bytes, bytes | None]:
    """Every metadata file of this repository, by its path from the root; none outside of one."""
    from sahel_nb.errors import SahelError
    from sahel_nb.hooks.staged import Repository

    try:
        repository = Repository.here()
    except SahelError:
        return {}
    asked = ("ls-files", "-z", "--full-name", "-c", "-o", "--exclude-standard", "--", _FILE_NAME, f"*/{_FILE_NAME}")
    there = repository.git(*asked).stdout.split(b"\0")[:-1]
    found: dict[bytes, bytes | None] = {}
    for path in there:
        file = repository.disk(path)
        if not file.is_symlink() and file.is_file():
            found[path] = file.read_bytes()
    return found


def expand(paths: Iterable[Path]) -> list[Path]:
    """Folders become the notebooks and metadata files below them; other files are passed over."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            for folder, folders, files in os.walk(path):
                folders[:] = sorted(name for name in folders if name not in _NOT_OURS)
                found.update(dict.fromkeys(Path(folder) / name for name in sorted(files) if _is_ours(name)))
        elif not path.exists():
            raise UsageError(f"{path} is not there", hints=("git ls-files '*.ipynb'",))
        elif _is_ours(path.name):
            found[path] = None
    return list(found)


def _is_ours(name: str) -> bool:
    return name == _FILE_NAME or name.endswith(".ipynb")


def _code_beside(path: Path, data: bytes) -> bytes | None:
    from sahel_nb.kernels.metadata import Metadata, is_below

    try:
        name = Metadata.from_json(data).code_file
    except UsageError:
        return None
    return read_if_there(path.parent / name) if is_below(name) else None


def _language_of_kernel(root: Path, path: Path) -> str:
    """The language of the kernel that runs this notebook; empty where none does, or it does not say."""
    from sahel_nb.kernels.metadata import Metadata

    from_root = os.fsencode(Path(os.path.relpath(path.absolute(), root)).as_posix())
    for data in _metadata_naming(root, from_root):
        with suppress(UsageError):
            language = Metadata.from_json(data).language
            return "r" if language == "rmarkdown" else language
    return ""


def fix(paths: Iterable[Path], root: Path) -> list[Path]:
    """Fix in place, in the worktree at `root`, what can safely be fixed: SNB102, and of the metadata what its findings
    say; the changed files."""
    from sahel_nb.kernels.metadata import fix_metadata
    from sahel_nb.notebook.document import NotebookError
    from sahel_nb.notebook.generate import add_kernel

    changed = []
    for path in expand(paths):
        data = read(path)
        try:
            mended = (
                fix_metadata(data) if path.name == _FILE_NAME else add_kernel(data, _language_of_kernel(root, path))
            )
        except NotebookError:
            continue  # SNB101 says it
        if mended != data:
            replace(path, mended)
            changed.append(path)
    return changed
