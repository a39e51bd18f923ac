"""A folder of wheels made from what is installed here: pip can install it elsewhere without any index."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

# What an installer writes, or makes anew.
_OF_THE_INSTALL = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")


def wheelhouse(folder: Path, project: str, *build: str) -> Path:
    """Wheels of what `project` needs to be built (`build`) and to run, not of itself; point PIP_FIND_LINKS at it."""
    folder.mkdir()
    needed = _closure((project, *build))
    del needed[project]
    for found in needed.values():
        _pack(found, folder)
    return folder


def _closure(names: Iterable[str]) -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    todo = list(names)
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in found:
            continue
        found[name] = distribution(name)
        wanted = map(Requirement, found[name].requires or ())
        todo += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def _pack(installed: Distribution, folder: Path) -> None:
    files = [file for file in installed.files or () if ".." not in file.parts and file.suffix != ".pyc"]
    info = next(file.parent for file in files if file.name == "WHEEL" and file.parent.name.endswith(".dist-info"))
    described = installed.read_text("WHEEL") or ""
    tags = [line.partition(": ")[2].split("-") for line in described.splitlines() if line.startswith("Tag: ")]
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))
    name = info.name.removesuffix(".dist-info")
    kept = [file for file in files if file.parent != info or file.name not in _OF_THE_INSTALL]
    with zipfile.ZipFile(folder / f"{name}-{tag}.whl", "w") as wheel:
        for file in kept:
            wheel.write(installed.locate_file(file), file.as_posix())
        listed = [*(file.as_posix() for file in kept), f"{info.name}/RECORD"]
        wheel.writestr(f"{info.name}/RECORD", "".join(f"{line},,\n" for line in listed))
