"""`new`: a kernel folder from a template.

    templates/kernels/<name>/notebook.py or .R      the mirror from which the notebook is made
    templates/kernels/<name>/kernel-metadata.json   defaults; {owner}, {slug} and {title} are filled in
    templates/kernels/<name>/template.toml          optional, about the template itself; not copied
    anything else                                   copied; {owner} is filled in in dataset-metadata.json

The metadata has every field written out: the client's defaults and Kaggle's documentation disagree.
"""

from __future__ import annotations

import json
import shlex
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sahel_nb.errors import Refused, UsageError
from sahel_nb.install import shipped
from sahel_nb.kernels.metadata import FILE_NAME, Metadata, slugify_title, title_for
from sahel_nb.kernels.model import KernelRef
from sahel_nb.notebook.document import NotebookError, parse
from sahel_nb.notebook.form import DEFAULT_FORMAT, in_language
from sahel_nb.notebook.generate import from_text, with_kernel
from sahel_nb.notebook.pair import extension, mirror_of

_HELP = "sahel-nb new --help"
DEFAULT_GPU = "NvidiaTeslaT4"
_MINE = ("notebook.py", "notebook.R", FILE_NAME, "template.toml", "__pycache__", ".ipynb_checkpoints", ".DS_Store")


@dataclass(frozen=True)
class NewKernel:
    """What was asked for. `source` is a .py, .R or .ipynb that becomes the notebook instead of the template's."""

    name: str
    owner: str
    title: str = ""
    template: str = "blank"
    source: Path | None = None
    machine_shape: str = ""
    private: bool = True
    datasets: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    competitions: tuple[str, ...] = ()
    models: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class MadeKernel:
    folder: Path
    metadata: Metadata
    files: tuple[Path, ...]


def create(folder: Path, wanted: NewKernel, fmt: str) -> MadeKernel:
    """Make `folder`, all of it or nothing. Raise `UsageError` for a name Kaggle would change.

    Raise `Refused` where the folder is there already. Its path has no links (`links.inside`).
    """
    template = _template(wanted.template)
    slug = slugify_title(wanted.name)
    title = wanted.title or title_for(slug)
    if slugify_title(title) != slug:
        raise UsageError(
            f"the title {title!r} resolves to {slugify_title(title)!r}, and Kaggle would push there, not to {slug!r}",
            hints=(shlex.join(("sahel-nb", "new", slugify_title(title), "--owner", wanted.owner, "--title", title)),),
        )
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is there already, and not empty", hints=(shlex.join(("ls", "-a", str(folder))),))
    notebook = _notebook(wanted, template)
    _refuse_owner(wanted.owner)
    language = parse(notebook).kernel_language
    metadata = _metadata(wanted, template, slug, title, language)
    _refuse_problems(metadata, language)
    code_file = metadata.code_file
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        made = Path(temporary) / folder.name
        shutil.copytree(template, made, ignore=shutil.ignore_patterns(*_MINE))
        (made / FILE_NAME).write_bytes(metadata.to_json())
        (made / code_file).write_bytes(notebook)
        if fmt:
            fmt = in_language(fmt, "R") if language == "r" else fmt
            (made / code_file).with_suffix(extension(fmt)).write_bytes(mirror_of(notebook, fmt))
        for path in made.rglob("dataset-metadata.json"):
            path.write_text(path.read_text("utf-8").replace("{owner}", wanted.owner), encoding="utf-8")
        files = tuple(sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file()))
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    return MadeKernel(folder, metadata, tuple(folder / path for path in files))


def _template(name: str) -> Path:
    known = shipped.kernel_templates()
    if name not in known:
        there_are = f"there are: {', '.join(known)}"
        raise UsageError(f"there is no template {name!r}", details=(there_are,), hints=(_HELP,))
    return known[name]


def _notebook(wanted: NewKernel, template: Path) -> bytes:
    if wanted.source is None:
        return _from_script(next(path for path in template.iterdir() if path.stem == "notebook"))
    try:
        data = wanted.source.read_bytes()
    except OSError as exc:
        raise UsageError(f"{wanted.source} cannot be read: {exc.strerror}", hints=(_HELP,)) from exc
    if wanted.source.suffix == ".ipynb":
        try:
            return with_kernel(data)
        except NotebookError as exc:
            raise UsageError(f"{wanted.source}: {exc.message}", hints=(_HELP,)) from exc
    if wanted.source.suffix in (".py", ".R", ".r"):
        return _from_script(wanted.source)
    raise UsageError(f"--from takes a .py, a .R or a .ipynb, not {wanted.source.name}", hints=(_HELP,))


def _from_script(path: Path) -> bytes:
    return from_text(path.read_bytes(), DEFAULT_FORMAT if path.suffix == ".py" else in_language(DEFAULT_FORMAT, "R"))


def _metadata(wanted: NewKernel, template: Path, slug: str, title: str, language: str) -> Metadata:
    text = (template / FILE_NAME).read_text("utf-8")
    for key, value in (("owner", wanted.owner), ("slug", slug), ("title", title)):
        text = text.replace("{" + key + "}", json.dumps(value, ensure_ascii=False)[1:-1])
    raw: dict[str, Any] = json.loads(text)
    raw |= {"id": f"{wanted.owner}/{slug}", "title": title, "is_private": wanted.private}
    raw |= {"language": "r"} if language == "r" else {}
    if wanted.machine_shape:
        tpu = wanted.machine_shape.lower().startswith("tpu")
        raw |= {"machine_shape": wanted.machine_shape, "enable_gpu": not tpu, "enable_tpu": tpu}
    asked = (("dataset_sources", wanted.datasets), ("kernel_sources", wanted.kernels))
    for key, values in (*asked, ("competition_sources", wanted.competitions), ("model_sources", wanted.models)):
        raw[key] = list(dict.fromkeys([*raw.get(key, []), *values]))
    found = Metadata.from_json(json.dumps(raw).encode("utf-8"))
    return Metadata.from_json(found.to_json())


def _refuse_owner(owner: str) -> None:
    try:
        KernelRef.parse(f"{owner}/any-slug")
    except UsageError as exc:
        said = f"{owner!r} is no name of a Kaggle account: letters, digits and dashes"
        raise UsageError(said, hints=(_HELP,)) from exc


def _refuse_problems(metadata: Metadata, language: str) -> None:
    of_language = metadata.language_problem(language)
    problems = (*metadata.problems(), *((of_language,) if of_language else ()))
    blocking = [problem for problem in problems if problem.blocks]
    if blocking:
        details = tuple(one.message for one in blocking)
        raise UsageError("Kaggle would not take this kernel", details=details, hints=(_HELP,))
