"""`merge notebook|mirror|metadata %O %A %B %L %P [%S %X %Y]`: the merge drivers, see gitattributes(5).

%O %A %B   files with the base, ours and theirs; the result replaces ours, whole or not at all
%L %P      the length of markers; the path being merged
%S %X %Y   names of base, ours and theirs; git before 2.44 does not know them and passes the letters on

0 is a clean merge, 1 a conflict. Anything else leaves ours as it was, and the driver's line in git's configuration
(install/drivers.py) goes on with `git merge-file`: what we cannot merge is merged as git would have done without us.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sahel_nb.errors import SahelError, UsageError
from sahel_nb.notebook.document import NotebookError, parse
from sahel_nb.notebook.merge_lines import Labels
from sahel_nb.permissions import read_regular

NOT_OURS = 125
"""The exit code for a file that is to be merged as text."""
_SIZE = 7
TYPE_CHECKING = False
if TYPE_CHECKING:
    from sahel_nb.hooks.forms import Forms
    from sahel_nb.hooks.staged import Repository

_HEADER = (b"# ---\n# jupyter:", b"---\njupyter:")


@dataclass(frozen=True)
class Request:
    """What git asks of a driver. `base` is None where both sides added the file."""

    what: str
    base: bytes | None
    ours: bytes
    theirs: bytes
    path: Path
    labels: Labels


@dataclass(frozen=True)
class Answer:
    content: bytes
    conflicts: tuple[str, ...]


def run(verb: str, arguments: Sequence[str]) -> int:
    """0 where it merged cleanly, 1 with conflicts. Raise `UsageError`, `NotebookError`; ours stands then."""
    if len(arguments) < 6 or arguments[0] not in _DRIVERS:
        raise UsageError(f"usage: sahel-nb-hook {verb} {'|'.join(_DRIVERS)} BASE OURS THEIRS MARKER-SIZE PATH [NAMES]")
    request = _request(arguments)
    driver = _DRIVERS[request.what]
    answer = driver(request)
    if answer is None:
        return NOT_OURS
    if answer.conflicts and (style := _conflict_style()):
        shown = replace(request.labels, base=_named(arguments[6:7]) or style)
        answer = driver(replace(request, labels=shown)) or answer
    _replace(Path(arguments[2]), answer.content)
    if answer.conflicts:
        _say(request, answer.conflicts)
    return 1 if answer.conflicts else 0


def _request(arguments: Sequence[str]) -> Request:
    what, base, ours, theirs, size, path = arguments[:6]
    return Request(
        what=what,
        base=Path(base).read_bytes() or None,  # git gives an empty file where there is no base
        ours=Path(ours).read_bytes(),
        theirs=Path(theirs).read_bytes(),
        path=Path(path),
        labels=_labels(int(size) if size.isdigit() else _SIZE, arguments[7:9]),
    )


def _notebook(request: Request) -> Answer:
    from sahel_nb.notebook.merge import merge

    done = merge(request.base, request.ours, request.theirs, request.labels)
    if request.labels.size == _SIZE:
        from sahel_nb.hooks.mirrors import become_known

        become_known(os.fsencode(request.path), done.content)
    return Answer(done.content, tuple(map(str, done.conflicts)))


def _mirror(request: Request) -> Answer | None:
    """None where the file is nobody's mirror."""
    from sahel_nb.hooks.forms import Forms
    from sahel_nb.hooks.settings import Personal
    from sahel_nb.hooks.staged import Repository
    from sahel_nb.notebook.merge_mirror import merge_mirrors

    repository = Repository.here()
    forms = Forms.of(repository, Personal.of(repository).settings(repository.config_file()))
    mirror = os.fsencode(request.path)
    other_half = _other_half(repository, forms, mirror, request.ours)
    if other_half is None or repository.opted_out([other_half]):
        return None
    try:
        # git changes the worktree when all is merged: what lies there is ours.
        notebook = _beside(request, Path(os.fsdecode(other_half)))
        form = forms.of_notebook(other_half, notebook or request.ours)
        if form is None or form.mirror_path(other_half) != mirror:
            return None
        done = merge_mirrors(request.base, request.ours, request.theirs, notebook, form, request.labels)
    except (FileNotFoundError, NotebookError):
        return None
    return Answer(done.content, tuple(map(str, done.conflicts)))


def _other_half(repository: Repository, forms: Forms, mirror: bytes, ours: bytes) -> bytes | None:
    """The notebook, by the mirror's name and header, or by what a notebook says of it."""
    from sahel_nb.hooks.mirrors import named

    found = None if forms.off else named(repository, forms, (mirror,)).get(mirror)
    return found or forms.notebook_of(mirror, ours)


def _beside(request: Request, notebook: Path) -> bytes | None:
    """The notebook of a mirror; None where theirs renamed the pair and its notebook is not there yet.

    Then all sides must have jupytext's header. Raise `FileNotFoundError`, `NotebookError`.
    """
    try:
        content = read_regular(str(notebook))
    except FileNotFoundError:
        if all(side is None or side.startswith(_HEADER) for side in (request.base, request.ours, request.theirs)):
            return None
        raise
    parse(content)
    return content


def _metadata(request: Request) -> Answer:
    from sahel_nb.kernels.metadata_merge import merge_metadata

    done = merge_metadata(request.base, request.ours, request.theirs, request.labels)
    return Answer(done.content, done.conflicts)


_DRIVERS = {"notebook": _notebook, "mirror": _mirror, "metadata": _metadata}


def _labels(size: int, given: Sequence[str]) -> Labels:
    """As git labels its own markers: by what it told us, or by what `git merge` leaves in the environment."""
    ours, theirs = _named(given[:1]), _named(given[1:2])
    merged = [value for name, value in os.environ.items() if name.startswith("GITHEAD_")]
    if not theirs and len(merged) == 1:
        ours, theirs = "HEAD", merged[0]
    return Labels(ours or "ours", theirs or "theirs", size=size)


def _named(given: Sequence[str]) -> str:
    return "" if not given or given[0].startswith("%") else given[0]


def _conflict_style() -> str:
    """The base's name where this person wants to see the base too (merge.conflictStyle diff3 or zdiff3), else empty."""
    from sahel_nb.repo.cmd import git

    style = git("config", "--get", "merge.conflictStyle", cwd=Path(), check=False).text
    return "base" if style in ("diff3", "zdiff3") else ""


def _replace(path: Path, content: bytes) -> None:
    """git reads the file by its name when we have ended: it must never be there in part."""
    temporary = path.with_name(f"{path.name}.sahel-nb")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise SahelError(f"{path} could not be written: {exc.strerror}") from exc


def _say(request: Request, conflicts: Sequence[str]) -> None:
    if request.labels.size > _SIZE or request.what == "mirror":
        return  # a merge of merge bases is nobody's to resolve, and of a pair the notebook has said it
    sys.stderr.write("".join(f"sahel-nb: {request.path}: {conflict}\n" for conflict in conflicts))
