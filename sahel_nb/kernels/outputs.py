"""Output files, from the service to a folder: contained, checked, resumable, digested.

Kaggle's own client writes `../` names outside the folder, saves an error page as the file, and skips what it thinks is
stale; a fresh folder for every run and the checks here are what makes a downloaded output trustworthy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sahel_nb.errors import SahelError
from sahel_nb.kernels.download import fetch
from sahel_nb.kernels.model import OutputFile


@dataclass(frozen=True)
class Fetched:
    """A file that arrived whole: its name below the folder, bytes, and sha256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Missed:
    """A file that did not arrive, and why."""

    name: str
    why: str


def contained(folder: Path, name: str) -> Path | None:
    """Where a server-given name lands inside `folder`; None where it would leave it or cannot be a file's name."""
    pure = PurePosixPath(name)
    if not name or "\x00" in name or "\\" in name or pure.is_absolute() or not pure.parts:
        return None
    if any(part in ("", ".", "..") for part in name.split("/")):
        return None
    try:
        encoded = [os.fsencode(part) for part in pure.parts]
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    if sum(map(len, encoded)) > 1000 or any(len(part) > 240 for part in encoded):
        return None
    target = folder.joinpath(*pure.parts)
    root = folder.resolve()
    return target if target.parent.resolve().is_relative_to(root) else None


def fetch_all(
    files: Iterable[OutputFile], folder: Path, *, progress: Callable[[str], None] = lambda _: None
) -> tuple[tuple[Fetched, ...], tuple[Missed, ...]]:
    """Fetch every file into `folder`. What fails is reported and does not keep the others from arriving.

    For one process a folder at a time.
    """
    import requests

    fetched: list[Fetched] = []
    missed: list[Missed] = []
    seen: set[Path] = set()
    with requests.Session() as session:
        for file in files:
            target = contained(folder, file.name)
            if target is None:
                missed.append(Missed(file.name, "its name would leave the output folder, or is no file's name"))
                continue
            if target in seen:
                missed.append(Missed(file.name, "the service listed this name twice"))
                continue
            seen.add(target)
            progress(file.name)
            try:
                size, digest = fetch(session, file.url, target)
            except SahelError as exc:
                missed.append(Missed(file.name, exc.message))
            except OSError as exc:
                missed.append(Missed(file.name, exc.strerror or str(exc)))
            else:
                fetched.append(Fetched(file.name, size, digest))
    return tuple(fetched), tuple(missed)
