"""Output files, from the service to a folder: contained, checked, resumable, digested.

Kaggle's own client writes `../` names outside the folder, saves an error page as the file, and skips what it thinks is
stale; a fresh folder for every run and the checks here are what makes a downloaded output trustworthy.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sahel_nb.errors import NetworkError, SahelError
from sahel_nb.kernels.door import translated
from sahel_nb.kernels.model import OutputFile

CHUNK = 1 << 20
ATTEMPTS = 5


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
    if len(name.encode("utf-8", "surrogatepass")) > 1000 or any(len(os.fsencode(part)) > 240 for part in pure.parts):
        return None
    target = folder.joinpath(*pure.parts)
    root = folder.resolve()
    return target if target.parent.resolve().is_relative_to(root) else None


def fetch_all(
    files: Iterable[OutputFile], folder: Path, *, progress: Callable[[str], None] = lambda _: None
) -> tuple[tuple[Fetched, ...], tuple[Missed, ...]]:
    """Fetch every file into `folder`. What fails is reported and does not keep the others from arriving."""
    import requests

    fetched: list[Fetched] = []
    missed: list[Missed] = []
    seen: set[Path] = set()
    with requests.Session() as session:
        for file in files:
            target = contained(folder, file.name)
            if target is None:
                missed.append(Missed(file.name, "its name would leave the output folder"))
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
                missed.append(Missed(file.name, f"{exc.strerror or exc} (what arrived is kept as .part)"))
            else:
                fetched.append(Fetched(file.name, size, digest))
    return tuple(fetched), tuple(missed)


def fetch(session: Any, url: str, target: Path) -> tuple[int, str]:
    """One file: into `<name>.part`, resumed by Range after a cut, renamed when its length is right.

    Returns (bytes, sha256). Raises `NetworkError` when it stays incomplete, `SahelError` for a refusal, `OSError` for
    the disk's own failures; the `.part` then stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    validator = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(min(0.2 * 2**attempt, 5.0))
        try:
            validator, complete = _continue(session, url, part, validator)
        except NetworkError:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        if complete:
            digest = _digest(part)
            size = part.stat().st_size
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(target)
            return size, digest
    raise NetworkError(f"fetching {target.name}: cut off {ATTEMPTS} times")


def _continue(session: Any, url: str, part: Path, validator: str) -> tuple[str, bool]:
    """One request, from where the part ends if the file is still the same one. Returns (validator, complete?)."""
    have = part.stat().st_size if validator and part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    with (
        translated(f"fetching {part.name[:-5]}"),
        session.get(url, headers=headers, stream=True, timeout=(10, 60)) as response,
    ):
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise NetworkError("the file changed while it was fetched")
        response.raise_for_status()
        resumed = response.status_code == 206 and have > 0
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        length = response.headers.get("Content-Length")
        expected = int(length) + (have if resumed else 0) if length is not None else None
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
    size = part.stat().st_size
    return validator, expected is None or size == expected


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
