"""Was a kernel edited on Kaggle? Its current version against what git last pushed, and the edit as a change for git.

What git pushed is named by the stamp in Kaggle's copy: the commit. A copy without one (the stamp's cell was deleted, or
the version never came from here) is compared with what the newest version below it that has one was made from. Where
there is none of these, what the copy was made from is not known: it can be shown beside HEAD, and nothing is brought
from it, unless somebody names a commit.

Settings are those of the commit. What it leaves to Kaggle (the machine, the image) is as Kaggle had it in the version
that was pushed: the oldest that carries the stamp, which an edit takes along.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sahel_nb.errors import Refused, UsageError
from sahel_nb.kernels.metadata import Metadata, slugify_title
from sahel_nb.kernels.metadata_merge import merge_metadata
from sahel_nb.kernels.model import KernelRef
from sahel_nb.kernels.settings import Settings
from sahel_nb.kernels.shapes import RETIRED, shape_of
from sahel_nb.kernels.stamp import Stamp
from sahel_nb.notebook.cell_diff import cell_diff, line_diff
from sahel_nb.notebook.merge import merge
from sahel_nb.notebook.merge_lines import Labels, merge_lines
from sahel_nb.notebook.round_trip import notebook_home, script_home, source_of, sources
from sahel_nb.repo.kept_commits import ref_of
from sahel_nb.run.plan import Source

LOOK_BACK = 10
"""Versions that are looked behind: for one with a stamp, and for the first that carries it."""
_FLAGS = ("is_private", "enable_gpu", "enable_tpu", "enable_internet")
_LISTS = ("dataset_sources", "competition_sources", "kernel_sources", "model_sources", "keywords")
LABELS = Labels(ours="git", theirs="Kaggle")
_DROPPED = "Kaggle may have dropped it by itself"
_OTHER_KIND = "a rescue does not rewrite a notebook as a script, or a script as a notebook"
_OTHER_LANGUAGE = "the kernel's language is what its cells and its script are written in"


@dataclass(frozen=True)
class Setting:
    """A setting that Kaggle has otherwise than git pushed it. A rescue takes it home, or `kept_out` says why not."""

    key: str
    git: Any
    kaggle: Any
    kept_out: str = ""

    @property
    def brought(self) -> bool:
        return not self.kept_out


class Origin(Enum):
    """How it is known what Kaggle's copy was made from."""

    STAMP = "stamp"
    BELOW = "the stamp of a version below"
    NAMED = "named"
    GUESSED = "guessed"


@dataclass(frozen=True)
class Drift:
    """`theirs` is Kaggle's copy as git would have it; None where it is of another kind, notebook or script."""

    ref: KernelRef
    version: int
    base: Source
    origin: Origin
    theirs: bytes | None
    diff: tuple[str, ...]
    settings: tuple[Setting, ...]

    @property
    def stamped(self) -> bool:
        """Kaggle's version names the commit itself."""
        return self.origin is Origin.STAMP

    @property
    def drifted(self) -> bool:
        return bool(self.diff or self.settings)


@dataclass(frozen=True)
class Rescued:
    """What the worktree's files become: the code, and the metadata. With conflicts both sides changed the same."""

    code: bytes
    metadata: bytes
    conflicts: tuple[str, ...]


def find_drift(
    ref: KernelRef,
    version: int,
    read: Callable[[int], Settings | None],
    commit: Callable[[str], Source | None],
    head: Source,
    named: Source | None = None,
) -> Drift:
    """Compare. `read` gives what Kaggle has of a version, `commit` the kernel at a commit; None: not there.

    `named` is what somebody says that Kaggle's copy was made from. Raises `UsageError` where there is no such version,
    `Refused` where the commit that it was made from is not to be had, `NotebookError` where Kaggle's copy is no
    notebook.
    """
    found = read(version)
    if found is None:
        raise UsageError(f"Kaggle has no {ref} v{version} that this account may see")
    number, stamp, settings = version, Stamp.find(found.source), found
    while stamp is None and number > max(1, version - LOOK_BACK + 1):
        number -= 1
        below = read(number)
        settings, stamp = below or settings, Stamp.find(below.source) if below else None
    origin = Origin.NAMED if named else Origin.GUESSED
    base = named
    if stamp is not None and base is None:
        base = commit(stamp.commit)
        if base is None:
            raise _not_here(ref, number, stamp)
        origin = Origin.STAMP if number == version else Origin.BELOW
    base = base or head
    pushed = _pushed(read, number, settings, stamp) if stamp is not None else None
    told = _settings(base.metadata, found, pushed, own_name=base.metadata.ref == ref)
    if any(one.key == "kernel_type" for one in told):
        return Drift(ref, version, base, origin, None, _text_diff(found.source, base), told)
    theirs, diff = _compare(found.source.encode("utf-8"), base)
    return Drift(ref, version, base, origin, theirs, diff, told)


def _not_here(ref: KernelRef, version: int, stamp: Stamp) -> Refused:
    return Refused(
        f"commit {stamp.commit[:12]} is not in this clone, and {ref} v{version} was pushed from it",
        details=(f"no remote of this clone has it, under {ref_of(stamp.commit)} or otherwise",),
        hints=("git fetch --all", f"sahel-nb drift --base HEAD {ref}"),
    )


def _pushed(read: Callable[[int], Settings | None], number: int, settings: Settings, stamp: Stamp) -> Settings:
    """The version that git pushed: the oldest that carries this very stamp."""
    for older in range(number - 1, max(0, number - LOOK_BACK), -1):
        found = read(older)
        seen = Stamp.find(found.source) if found else None
        if found is None or seen is None or seen.nonce != stamp.nonce:
            break
        settings = found
    return settings


def rescue(drift: Drift, code: bytes, metadata: bytes, base_metadata: bytes) -> Rescued:
    """Kaggle's edit on top of what the worktree has; what both changed differently stands between markers.

    Raises `Refused` where that would take a guess.
    """
    name = f"{drift.ref} v{drift.version}"
    if drift.origin is Origin.GUESSED:
        raise Refused(
            f"{name} bears no stamp of ours, nor does a version below it: what it was made from is not known",
            details=("name the commit that it was made from, to bring what differs from that",),
            hints=(f"sahel-nb rescue --base HEAD {drift.ref}",),
        )
    if drift.theirs is None:
        one, other = ("notebook", "script") if drift.base.is_notebook else ("script", "notebook")
        raise Refused(
            f"{name} is a {other} on Kaggle, and a {one} in git: nothing was written",
            details=(_OTHER_KIND,),
            hints=(f"sahel-nb drift {drift.ref}",),
        )
    conflicts: tuple[str, ...]
    if drift.base.is_notebook:
        merged = merge(drift.base.code, code, drift.theirs, LABELS)
        content, conflicts = merged.content, tuple(map(str, merged.conflicts))
    else:
        base, ours, theirs = (one.decode("utf-8").split("\n") for one in (drift.base.code, code, drift.theirs))
        lines = merge_lines(base, ours, theirs, LABELS)
        content = "\n".join(lines.lines).encode("utf-8")
        conflicts = (f"{lines.conflicts} places of the script",) if lines.conflicts else ()
    changed = [setting for setting in drift.settings if setting.brought]
    if not changed:
        return Rescued(content, metadata, conflicts)
    value = json.loads(base_metadata) | {setting.key: setting.kaggle for setting in changed}
    edited = (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8")
    settled = merge_metadata(base_metadata, metadata, edited, LABELS)
    return Rescued(content, settled.content, (*conflicts, *settled.conflicts))


def _compare(kaggle: bytes, base: Source) -> tuple[bytes, tuple[str, ...]]:
    if base.is_notebook:
        theirs = notebook_home(kaggle, base.code)
        return theirs, cell_diff(sources(base.code), sources(theirs))
    theirs = script_home(kaggle)
    ours = base.code if base.code.endswith(b"\n") or not base.code else base.code + b"\n"  # the stamp wants one
    if theirs == ours:
        return base.code, ()
    return theirs, line_diff(ours.decode("utf-8", "replace"), theirs.decode("utf-8"))


def _text_diff(kaggle: str, base: Source) -> tuple[str, ...]:
    """Between a notebook and a script: their code as text, whichever of them is which."""
    ours, theirs = (_plain(text).splitlines() for text in (base.code.decode("utf-8", "replace"), kaggle))
    return line_diff("\n".join(ours) + "\n", "\n".join(theirs) + "\n")


def _plain(source: str) -> str:
    """The code of a notebook's cells, one below the other; a script without its stamp."""
    try:
        cells = json.loads(source)["cells"]
        return "\n".join(source_of(cell) for cell in cells if cell["cell_type"] == "code")
    except (ValueError, KeyError, TypeError, AttributeError):
        return script_home(source.encode("utf-8")).decode("utf-8")


def _settings(git: Metadata, kaggle: Settings, pushed: Settings | None, *, own_name: bool) -> tuple[Setting, ...]:
    """`pushed` is what Kaggle made of the push itself. A personal slug has another title than git's, on purpose."""
    asked = json.loads(git.to_json())
    found: list[Setting] = []
    if own_name and kaggle.title and kaggle.title != git.title:
        slug = slugify_title(kaggle.title)
        away = "" if slug == git.ref.slug else f"it resolves to {slug!r}, which is another kernel"
        found.append(Setting("title", git.title, kaggle.title, away))
    # Kaggle's client pushes a notebook in R Markdown as one in R.
    language = "r" if git.kernel_type == "notebook" and git.language == "rmarkdown" else git.language
    kinds = (("kernel_type", git.kernel_type, _OTHER_KIND), ("language", language, _OTHER_LANGUAGE))
    for key, said, why in kinds:
        there = str(getattr(kaggle, key)).lower()
        if there and there != said.lower():
            found.append(Setting(key, said, there, why))
    # A shape names its accelerator, whatever the flag beside it says; and one that is retired may have become none.
    uses = {key: bool(asked[key]) for key in _FLAGS} | _before(git, pushed)
    given = {key: bool(kaggle.raw[key]) for key in _FLAGS} | _accelerators(kaggle)
    found += [Setting(key, asked[key], given[key]) for key in _FLAGS if uses[key] != given[key]]
    for key in _LISTS:
        ours, theirs = [str(name) for name in asked[key]], [str(name) for name in kaggle.raw[key]]
        new = [name for name in theirs if _named(name) not in map(_named, ours)]
        lost = [name for name in ours if _named(name) not in map(_named, theirs)]
        if new:
            found.append(Setting(key, ours, [*ours, *new]))
        if lost:
            found.append(Setting(key, ours, theirs, _DROPPED))
    found += _machine(git, kaggle, pushed)
    image, there = (str(raw.get("docker_image") or "") for raw in (asked, kaggle.raw))
    before = image or (str(pushed.raw.get("docker_image") or "") if pushed else there)
    if there and there != before:
        found.append(Setting("docker_image", image, there))
    return tuple(found)


def _machine(git: Metadata, kaggle: Settings, pushed: Settings | None) -> list[Setting]:
    """The shape: what is chosen in the web page is one, whether git left it to Kaggle or not."""
    asked, there = shape_of(git.raw.get("machine_shape")), shape_of(kaggle.shape)
    given = _accelerators(kaggle)
    turned = given != _before(git, pushed)
    if there:
        made = shape_of(pushed.shape) if pushed else there if not asked else ""
        expected = (asked, RETIRED.get(asked), made)
        return [Setting("machine_shape", asked, there)] if turned or there not in expected else []
    off = asked and turned and not any(given.values())
    return [Setting("machine_shape", asked, "")] if off else []


def _before(git: Metadata, pushed: Settings | None) -> dict[str, bool]:
    """The accelerators of the push: as Kaggle gave them, where that can be seen, else as git asked for them."""
    return _accelerators(pushed) if pushed else {"enable_gpu": git.uses_gpu, "enable_tpu": git.uses_tpu}


def _accelerators(kaggle: Settings) -> dict[str, bool]:
    shape = shape_of(kaggle.shape).lower()
    return {
        "enable_gpu": bool(kaggle.raw["enable_gpu"]) or shape.startswith(("nvidia", "gpu")),
        "enable_tpu": bool(kaggle.raw["enable_tpu"]) or shape.startswith("tpu"),
    }


def _named(name: str) -> str:
    """A source, or a keyword: Kaggle writes `util-script` here and `utility script` there."""
    return "utility script" if name.lower() == "util-script" else name.lower()
