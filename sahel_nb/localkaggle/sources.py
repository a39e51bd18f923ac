"""The data sources that a push names: which are valid, and where a run finds them below /kaggle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from sqlite3 import Connection

from sahel_nb.durable import write_atomically
from sahel_nb.localkaggle import access, names
from sahel_nb.localkaggle.executor.job import Mount
from sahel_nb.localkaggle.folder import DataFolder
from sahel_nb.localkaggle.model import Dataset, DatasetVersion, Kernel, Settings
from sahel_nb.localkaggle.store import datasets, kernels

UTILITY_SCRIPT = "utility script"
"""The keyword that makes a script importable from the kernels that name it as a source."""


@dataclass(frozen=True)
class Invalid:
    """Sources that were dropped. The live service names them in its answer, and starts the run without them."""

    datasets: tuple[str, ...] = ()
    competitions: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


def check(tx: Connection, folder: DataFolder, settings: Settings, account: str) -> tuple[Settings, Invalid]:
    """The settings without the sources that do not exist or that the account may not see, and those."""
    good_datasets, bad_datasets = _split(settings.dataset_sources, lambda s: _dataset(tx, s, account) is not None)
    good_kernels, bad_kernels = _split(settings.kernel_sources, lambda s: _kernel(tx, s, account) is not None)
    good_comps, bad_comps = _split(settings.competition_sources, lambda s: _competition(folder, s) is not None)
    good_models, bad_models = _split(settings.model_sources, lambda s: _model(folder, s) is not None)
    kept = replace(
        settings,
        dataset_sources=good_datasets,
        kernel_sources=good_kernels,
        competition_sources=good_comps,
        model_sources=good_models,
    )
    return kept, Invalid(bad_datasets, bad_comps, bad_kernels, bad_models)


def mounts(tx: Connection, folder: DataFolder, settings: Settings, account: str) -> tuple[Mount, ...]:
    """What a run sees: the layout of today, and the classic `input/<slug>` for the first source that claims it."""
    found: list[tuple[Path, str, str]] = []
    extra: list[Mount] = []
    for source in settings.dataset_sources:
        pair = _dataset(tx, source, account)
        if pair is not None:
            dataset, version = pair
            found.append((folder.dataset(version.id), f"datasets/{dataset.owner}/{dataset.slug}", dataset.slug))
    for source in settings.kernel_sources:
        kernel = _kernel(tx, source, account)
        latest = kernels.latest_complete(tx, kernel) if kernel is not None else None
        if kernel is None or latest is None:
            continue
        found.append((folder.working(latest.id), f"notebooks/{kernel.owner}/{kernel.slug}", kernel.slug))
        if latest.settings.kernel_type == "script" and UTILITY_SCRIPT in latest.settings.category_ids:
            extra.append(_utility_script(tx, folder, kernel, latest.id))
    for source in settings.competition_sources:
        path = _competition(folder, source)
        if path is not None:
            found.append((path, f"competitions/{path.name}", path.name))
    for source in settings.model_sources:
        path = _model(folder, source)
        if path is not None:
            relative = path.relative_to(folder.root / "models").as_posix()
            found.append((path, f"models/{relative}", ""))
    taken = {"datasets", "notebooks", "competitions", "models", ""}
    result: list[Mount] = []
    for path, target, classic in dict.fromkeys(found):
        targets = [f"input/{target}"]
        if classic not in taken:
            taken.add(classic)
            targets.append(f"input/{classic}")
        result.append(Mount(path, tuple(targets)))
    return (*result, *extra)


def _dataset(tx: Connection, source: str, account: str) -> tuple[Dataset, DatasetVersion] | None:
    wanted = names.pinned(source)
    found = datasets.find(tx, wanted[0]) if wanted is not None else None
    if wanted is None or found is None or not access.sees_dataset(found, account):
        return None
    number = wanted[1]
    version = datasets.latest(tx, found) if number is None else datasets.version(tx, found, number)
    return (found, version) if version is not None else None


def _kernel(tx: Connection, source: str, account: str) -> Kernel | None:
    wanted = names.pinned(source)
    found = kernels.find(tx, wanted[0]) if wanted is not None else None
    return found if found is not None and access.sees_kernel(tx, found, account) else None


def _competition(folder: DataFolder, source: str) -> Path | None:
    slug = names.slug(source)
    path = folder.root / "competitions" / slug if slug else None
    return path if path is not None and path.is_dir() else None


def _model(folder: DataFolder, source: str) -> Path | None:
    """`owner/model/framework/variation/version`, as the client insists on."""
    if names.file_path(source) is None or source.count("/") != 4:
        return None
    path = folder.root / "models" / source
    return path if path.is_dir() else None


def _utility_script(tx: Connection, folder: DataFolder, kernel: Kernel, version_id: int) -> Mount:
    module = kernel.slug.replace("-", "_")
    version = kernels.version_by_id(tx, version_id)
    assert version is not None
    home = folder.run(version_id) / "utility"
    home.mkdir(exist_ok=True)
    write_atomically(home / f"{module}.py", kernels.source(tx, version).encode("utf-8"))
    return Mount(home, (f"usr/lib/notebooks/{kernel.owner}/{module}",))


def _split(sources: tuple[str, ...], good: Callable[[str], bool]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    kept = tuple(source for source in sources if good(source))
    return kept, tuple(source for source in sources if source not in kept)
