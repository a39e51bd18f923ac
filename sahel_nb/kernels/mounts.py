"""Where Kaggle mounts what a kernel lists, now and before.

now      /kaggle/input/{datasets/<owner>/<slug>, competitions/<slug>, notebooks/<owner>/<slug>, models/…}
before   /kaggle/input/<slug>, still so in some sessions
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_INPUT = re.compile(r"(?:/kaggle|\.\.)/input/(?:(datasets|competitions|notebooks|models)(?:/|$))?(.*)")


@dataclass(frozen=True)
class Mount:
    """A source of a kernel that a path means: its kind, its ref, and the same path as sessions have it now."""

    kind: str
    ref: str
    now: str


def mount_of(
    path: str,
    datasets: tuple[str, ...] = (),
    competitions: tuple[str, ...] = (),
    kernels: tuple[str, ...] = (),
    models: tuple[str, ...] = (),
) -> Mount | None:
    """The listed source that `path` means, under its place of now or of before; None where none is."""
    match = _INPUT.match(path)
    if match is None:
        return None
    rest = match[2]
    for kind, ref, now, names in _places(datasets, competitions, kernels, models):
        for name in names:
            if f"{rest}/".lower().startswith(f"{name}/".lower()):
                return Mount(kind, ref, f"/kaggle/input/{now}{rest[len(name) :]}")
    return None


def _places(
    datasets: tuple[str, ...], competitions: tuple[str, ...], kernels: tuple[str, ...], models: tuple[str, ...]
) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    for kind, folder, refs in (("dataset", "datasets", datasets), ("notebook", "notebooks", kernels)):
        for ref in refs:
            owner, _, slug = "/".join(ref.split("/")[:2]).partition("/")
            yield kind, ref, f"{folder}/{owner}/{slug}", (f"{owner}/{slug}", slug)
    for ref in competitions:
        yield "competition", ref, f"competitions/{ref}", (ref,)
    for ref in models:
        owner, _, rest = ref.partition("/")
        model, _, variation = rest.partition("/")
        framework, _, variation = variation.partition("/")
        yield "model", ref, f"models/{owner}/{model}/{framework.lower()}/{variation}", (ref, rest)
        yield "model", ref, f"models/{owner}/{model}", (f"{owner}/{model}", model)
