"""Output files, from the service to a folder: contained, checked, resumable, digested.

Kaggle's own client writes `../` names outside the folder, saves an error page as the file, and skips what it thinks is
stale; a fresh folder for every run and the checks here are what makes a downloaded output trustworthy.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from unicodedata import category

from sahel_nb.errors import SahelError
from sahel_nb.git_names import is_git_folder, is_head
from sahel_nb.kernels.arrivals import ARRIVED, OWNER, Arrivals
from sahel_nb.kernels.crew import Hand, Progress, work_off
from sahel_nb.kernels.download import Incomplete, fetch, still_there
from sahel_nb.kernels.model import OutputFile

NAME_MAX = 255
"""Bytes of a name, on every file system that Linux and macOS make by themselves; what fits on Kaggle fits here."""
WORKERS = 12
"""Files on their way at the same time: 40 ms away, 200 small ones take three quarters of the time that 8 need."""

_SHOWN = 20


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

    @classmethod
    def shown(cls, missed: Sequence[Missed]) -> tuple[str, ...]:
        """A line for each, or for the first of many."""
        lines = tuple(f"{one.name}: {one.why}" for one in missed[:_SHOWN])
        return lines if len(missed) <= _SHOWN else (*lines, f"… and {len(missed) - _SHOWN} more")


def contained(folder: Path, name: str, inside: Callable[[Path], bool] | None = None) -> Path | None:
    """Where a server-given name lands inside `folder`; None where it may not lie there.

    `inside` is `_below(folder)`, for whoever asks about many names.
    """
    pure = PurePosixPath(name)
    if unwelcome(name) or not name or "\x00" in name or "\\" in name or pure.is_absolute() or not pure.parts:
        return None
    if any(part in ("", ".", "..") for part in name.split("/")):
        return None
    try:
        encoded = [os.fsencode(part) for part in pure.parts]
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    if sum(map(len, encoded)) > 1000 or any(len(part) > NAME_MAX for part in encoded):
        return None
    target = folder.joinpath(*pure.parts)
    return target if (inside or _below(folder))(target.parent) else None


def unwelcome(name: str) -> str:
    """Why a file of this name is not fetched, though it would stay inside; empty where it is.

    git runs programs that a repository's own settings name (core.fsmonitor), as soon as anybody asks it for anything in
    that folder: a kernel's outputs may not be a repository, nor have one in them, bare or not.
    """
    parts = name.encode("utf-8", "surrogatepass").split(b"/")
    if any(map(is_git_folder, parts)) or is_head(parts[-1]):
        return (
            "git would take its folder for a repository, and run the programs that its settings name; "
            "let the notebook clone into /tmp"
        )
    if any(category(letter) == "Cc" for letter in name):
        return "its name has control characters"
    return ""


def _below(root: Path) -> Callable[[Path], bool]:
    """Whether a folder is `root` or below it, links followed; each is looked at once."""
    real = root.resolve()
    return cache(lambda folder: folder.resolve().is_relative_to(real))


@dataclass(frozen=True)
class _Job:
    name: str
    url: str
    target: Path


def fetch_all(
    files: Iterable[OutputFile],
    folder: Path,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    workers: int = WORKERS,
) -> tuple[tuple[Fetched, ...], tuple[Missed, ...]]:
    """Fetch every file into `folder`, several at a time. What fails is reported and keeps no other from arriving.

    Both lists are in the order of `files`. For one process a folder at a time. `progress` is called in the caller's
    thread. A KeyboardInterrupt gets through; what had arrived, whole or not, is not fetched again by the next attempt.
    """
    jobs: list[_Job] = []
    places: list[_Job | Missed] = []
    seen: set[Path] = set()
    inside = _below(folder)
    for file in files:
        target = contained(folder, file.name, inside)
        if target is None:
            why = unwelcome(file.name) or "its name would leave the output folder, or is no file's name"
            places.append(Missed(file.name, why))
        elif target.name in (ARRIVED, OWNER):
            places.append(Missed(file.name, "the name is one of our own"))
        elif target in seen:
            places.append(Missed(file.name, "the service listed this name twice"))
        else:
            seen.add(target)
            jobs.append(_Job(file.name, file.url, target))
            places.append(jobs[-1])
    full, arrivals = threading.Event(), Arrivals(folder)
    try:
        done = iter(
            work_off(jobs, lambda hand, job: _fetch(hand, job, arrivals, full), workers=workers, progress=progress)
        )
    finally:
        arrivals.close()
    results = [place if isinstance(place, Missed) else next(done) for place in places]
    fetched = tuple(item for item in results if isinstance(item, Fetched))
    missed = tuple(item for item in results if isinstance(item, Missed))
    if not missed:
        arrivals.forget(file.name for file in fetched)
    return fetched, missed


def _fetch(hand: Hand, job: _Job, arrivals: Arrivals, full: threading.Event) -> Fetched | Missed:
    """`full` is set by the first who finds no room on the disk: hundreds of begun files would help nobody."""
    if full.is_set():
        return Missed(job.name, "not begun: the disk is full")
    try:
        arrival = arrivals.of(job.name)
        if arrival is None or not still_there(hand.session, job.url, job.target, arrival, hand.stop):
            arrival = fetch(hand.session, job.url, job.target, arrived=hand.arrived, stop=hand.stop)
            arrivals.add(job.name, arrival)
    except Incomplete as exc:
        if exc.full:
            full.set()
        return Missed(job.name, exc.message)
    except SahelError as exc:
        return Missed(job.name, exc.message)
    return Fetched(job.name, arrival.size, arrival.sha256)
