"""`lint` and `guard` with file names, as the pre-commit framework calls them."""

from __future__ import annotations

import os

from sahel_nb.errors import UsageError
from sahel_nb.permissions import regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahel_nb.hooks.staged import Repository
    from sahel_nb.notebook.finding import Finding


def run(verb: str, arguments: Sequence[str]) -> int:
    unknown = [argument for argument in arguments if argument.startswith("-")]
    if unknown:
        raise UsageError(f"`sahel-nb-hook {verb}` takes files, not {unknown[0]}", hints=(f"sahel-nb {verb} --help",))
    return {"lint": _lint, "guard": _guard}[verb](arguments)


def _lint(paths: Sequence[str]) -> int:
    from pathlib import Path

    from sahel_nb.hooks.findings import refuse
    from sahel_nb.hooks.lint import lint_paths
    from sahel_nb.hooks.settings import Personal
    from sahel_nb.hooks.staged import Repository

    repository = Repository.here()
    settings = Personal.of(repository).settings(repository.config_file())
    refuse(lint_paths([Path(path) for path in paths or ("",)], Path(repository.root), settings.scope), "committed")
    return 0


def _guard(paths: Sequence[str]) -> int:
    """What would be committed of each file: its version in the index; for a file that git does not know, the disk's."""
    from sahel_nb.hooks.findings import refuse
    from sahel_nb.hooks.ids import changed_in_index
    from sahel_nb.hooks.settings import ALLOW_ID_CHANGE, Personal
    from sahel_nb.hooks.staged import Repository

    repository = Repository.here()
    named = {repository.path_of(path): path.removeprefix("./") for path in paths}
    found = _secrets(repository, named)
    if not Personal.of(repository).allows(ALLOW_ID_CHANGE):
        found += changed_in_index(repository, repository.staged())
    refuse(found, "committed")
    return 0


def _secrets(repository: Repository, named: dict[bytes, str]) -> list[Finding]:
    from sahel_nb.hooks.staged import LARGE
    from sahel_nb.notebook.secrets import find_in_chunks, find_secrets
    from sahel_nb.repo.batch import objects
    from sahel_nb.report.progress import counted

    found: list[Finding] = []
    index = repository.index(named)
    known = [(path, oid) for path, (mode, oid) in index.items() if mode.startswith("100")]
    blobs = objects((oid.encode("ascii") for _, oid in known), repository.root, repository.env)
    for (path, _), blob in counted("looking for secrets", zip(known, blobs, strict=True), len(known)):
        name = named[path]
        found += find_in_chunks(blob.pieces(), name) if blob.size > LARGE else find_secrets(blob.read(), name)
    for path, name in named.items():
        if path in index or os.path.isdir(name):  # noqa: PTH112  pathlib takes as long as everything else here
            continue  # a folder is a submodule
        try:
            with open(name, "rb", opener=regular) as stream:
                large = os.fstat(stream.fileno()).st_size > LARGE
                pieces = iter(lambda stream=stream: stream.read(1 << 22), b"")  # type: ignore[misc]  # bound at once
                found += find_in_chunks(pieces, name) if large else find_secrets(stream.read(), name)
        except OSError as exc:
            raise UsageError(f"{name} cannot be read: {exc.strerror}") from exc
    return found
