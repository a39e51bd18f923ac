"""Which notebooks a kernel runs: there the rules about a run hold.

Many notebooks of a repository never run on Kaggle: sketches, lessons, what somebody tried elsewhere. What would fail or
surprise in a run is an error in a notebook that a kernel-metadata.json names, and at most a warning in any other.
"""

from __future__ import annotations

from sahel_nb.hooks.paths import METADATA, folder_of
from sahel_nb.repo.batch import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sahel_nb.hooks.staged import Repository
    from sahel_nb.notebook.finding import Finding

_ABOUT_A_RUN = frozenset(("SNB102", "SNB104", "SNB201", "SNB202", "SNB203", "SNB204", "SNB205", "SNB206"))


def weighed(
    findings: Mapping[bytes, Sequence[Finding]], code_files: Callable[[Iterable[bytes]], set[bytes]]
) -> list[Finding]:
    """The findings of each notebook, path → findings: what is about a run is advice where no kernel runs it.

    `code_files` answers which of the paths a kernel runs; it is asked only where that matters.
    """
    unsure = [path for path, found in findings.items() if any(one.blocks and one.code in _ABOUT_A_RUN for one in found)]
    run = code_files(unsure) if unsure else set()
    return [
        _as_advice(one) if path not in run and one.code in _ABOUT_A_RUN else one
        for path, found in findings.items()
        for one in found
    ]


def code_files_in(repository: Repository, tree: bytes, paths: Iterable[bytes]) -> set[bytes]:
    """Those of `paths` that a kernel-metadata.json in `tree` names: a commit's name, or empty for the index."""
    paths = list(paths)
    readable = [path for path in paths if b"\n" not in path]
    places = [folder + METADATA for folder in {folder for path in readable for folder in folders_above(path)}]
    blobs = objects([tree + b":" + place for place in places], repository.root, repository.env)
    found = {place: blob.read() for place, blob in zip(places, blobs, strict=True) if blob.kind == "blob"}
    named = {named_by(place, data) for place, data in found.items()}
    return {path for path in paths if path in named or b"\n" in path}


def named_by(place: bytes, metadata: bytes) -> bytes | None:
    """The path of the code file that the metadata at `place` names; None where it names none."""
    import json
    import posixpath

    try:
        code = str(json.loads(metadata)["code_file"])
        return posixpath.normpath(folder_of(place) + code.encode("utf-8", "surrogatepass"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def folders_above(path: bytes) -> list[bytes]:
    """`a/b/x.ipynb` → `a/b/`, `a/`, and the root."""
    found = []
    folder = folder_of(path)
    while folder:
        found.append(folder)
        folder = folder_of(folder[:-1])
    return [*found, b""]


def _as_advice(finding: Finding) -> Finding:
    from dataclasses import replace

    from sahel_nb.notebook.finding import Severity

    return replace(finding, severity=Severity.WARN)
