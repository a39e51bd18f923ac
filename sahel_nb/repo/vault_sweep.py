"""Sweeping the vault: few packs instead of many, and never more than the limit for long.

What goes first: what was executed again since and is two weeks old; then, as long as there is too much, the oldest of
what was executed again since, then of versions beyond the eighth of a notebook, then of all the rest.

It may be killed anywhere: what stays is written to a new pack, whole before it has its name, and only then do old packs
go. A pack whose writer lives is left alone; a writer whose pack went nevertheless begins a new one (vault.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.durable import sync_folder
from sahel_nb.permissions import opener
from sahel_nb.repo.second_names import FOLDER, second_name
from sahel_nb.repo.vault import MOST_PACKS, MOST_VERSIONS, Vault
from sahel_nb.repo.vault_entry import NOBODY, Entry, head_of, room_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_TWO_WEEKS = 14 * 24 * 3600
_AN_HOUR = 3600
_SMALL = 16_000_000
_MOST_ENTRIES = 2000
"""Each git command reads about every entry; this many take it some ten milliseconds."""
_ROOM = 0.8
"""What is left of a limit that was reached: not every `git add` is to sweep."""


@dataclass(frozen=True)
class Swept:
    """Bytes before and after, and how many notebooks went."""

    before: int
    after: int
    dropped: int


def sweep(folder: Path, limit: int, *, now: float | None = None, thorough: bool = False) -> Swept | None:
    """Sweep the vault in `folder` down to `limit` bytes; None where somebody else is sweeping. Raise `OSError`.

    `thorough` merges all packs that can be, and not only when there are too many of them.
    """
    with _alone(folder) as alone:
        if not alone:
            return None
        now = time.time() if now is None else now
        busy = frozenset(path.name for path in folder.glob("*.pack") if _is_written(path.name))
        swept = _drop(folder, lambda entries: _too_old(entries, busy, limit, now), busy, thorough=thorough)
        _tidy(folder, now)
        return swept


def clear(folder: Path, paths: frozenset[bytes] | None = None) -> Swept | None:
    """Forget every version of these notebooks, or of all; None where somebody else is sweeping. Raise `OSError`."""
    with _alone(folder) as alone:
        if not alone:
            return None
        for name in ("*",) if paths is None else map(second_name, paths):
            for path in folder.glob(f"{FOLDER}/*/{name}"):
                path.unlink(missing_ok=True)
        return _drop(folder, lambda entries: {entry for entry in entries if paths is None or entry.path in paths})


def sweep_if_needed(vault: Vault) -> None:
    """For whoever has just added to it. Raises nothing: the next one tries again."""
    with contextlib.suppress(OSError):
        if vault.wants_sweeping():
            sweep(Path(vault.folder), vault.limit() or sys.maxsize)


def size_of(folder: Path) -> int:
    """Bytes that the vault takes up."""
    return sum(_size(path) for path in folder.glob("*.*") if path.suffix in (".pack", ".raw", ".tmp"))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    with open(f"{folder}/sweep.lock", "ab", opener=opener) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _drop(
    folder: Path,
    choose: Callable[[Sequence[Entry]], set[Entry]],
    busy: frozenset[str] = frozenset(),
    *,
    thorough: bool = False,
) -> Swept:
    before = size_of(folder)
    sizes = {path.name: _size(path) for path in folder.glob("*.pack")}
    vault = Vault(str(folder))
    entries = [entry for entry in vault.entries() if entry.pack in sizes]
    dropped = choose(entries)
    dropped |= {entry for entry in entries if entry.file != entry.pack and not (folder / entry.file).is_file()}
    dropped = {entry for entry in dropped if entry.pack not in busy}
    stay: dict[str, list[Entry]] = {name: [] for name in sizes}
    for entry in entries:
        if entry not in dropped:
            stay[entry.pack].append(entry)
    # Room first: a disk may be full.
    for entry in dropped:
        if entry.file != entry.pack:
            (folder / entry.file).unlink(missing_ok=True)
    for name in sizes.keys() - busy:
        if not stay[name]:
            _drop_pack(folder, name, sizes)
    touched = {entry.pack for entry in dropped if stay[entry.pack]}
    small = {name for name in sizes.keys() - busy if stay[name] and sizes[name] < _SMALL}
    if (thorough and len(small) > 1) or len(sizes) > MOST_PACKS // 2:
        touched |= small
    if touched:
        _rewrite(vault, folder, [entry for entry in entries if entry.pack in touched and entry not in dropped])
        for name in touched:
            _drop_pack(folder, name, sizes)
    return Swept(before, size_of(folder), len(dropped))


def _too_old(entries: Sequence[Entry], busy: frozenset[str], limit: int, now: float) -> set[Entry]:
    """What is to go; what lies in a busy pack counts, and stays."""
    ranks = _ranks(entries)
    dropped: set[Entry] = set()
    total, number = sum(map(room_of, entries)), len(entries)
    goal = limit * _ROOM if total > limit else limit
    for entry in sorted(entries, key=lambda entry: (entry.size <= limit, ranks[entry], entry.kept_at)):
        rank = ranks[entry]
        aged = rank == 0 and entry.kept_at < (now - _TWO_WEEKS) * 1e9
        if entry.pack not in busy and (rank < 0 or aged or total > goal or (number > _MOST_ENTRIES and rank < 2)):
            dropped.add(entry)
            total -= room_of(entry)
            number -= 1
    return dropped


def _ranks(entries: Sequence[Entry]) -> dict[Entry, int]:
    """-1 a second copy, 0 executed again since, 1 a version beyond those that are looked at, 2 the rest."""
    ranks: dict[Entry, int] = {}
    seen: set[tuple[str, bytes, str]] = set()
    copies: set[tuple[bytes, str, int]] = set()
    versions: dict[bytes, int] = {}
    for entry in reversed(entries):
        one, copy = (entry.worktree, entry.path, entry.key), (entry.path, entry.key, entry.kept_at)
        if copy in copies:
            ranks[entry] = -1
        elif one in seen:
            ranks[entry] = 0
        else:
            versions[entry.path] = versions.get(entry.path, 0) + 1
            ranks[entry] = 1 if versions[entry.path] > MOST_VERSIONS else 2
        seen.add(one)
        copies.add(copy)
    return ranks


def _rewrite(vault: Vault, folder: Path, entries: Sequence[Entry]) -> None:
    from sahel_nb.report.progress import counted

    name = f"{time.time_ns():020}-{os.getpid()}"
    temporary = folder / f"{name}.tmp"
    try:
        with open(str(temporary), "xb", opener=opener) as file:
            for entry in counted("sweeping the vault", entries, len(entries)):
                file.write(_whole(vault, entry))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(folder / f"{name}.pack")
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(folder)


def _whole(vault: Vault, entry: Entry) -> bytes:
    raw = vault.read(entry) if entry.file == entry.pack else b""
    if raw is None:
        raise OSError(f"{entry.pack} cannot be read")
    stripped = vault.stripped(entry)
    if stripped is None:
        entry.stripper, entry.stripped_size = NOBODY, 0
    return head_of(entry) + raw + (stripped or b"") + b"\n"


def _drop_pack(folder: Path, name: str, sizes: dict[str, int]) -> None:
    """A writer of another machine, whose life we cannot see, may have gone on: then the pack stays."""
    if _size(folder / name) == sizes[name]:
        (folder / name).unlink(missing_ok=True)


def _tidy(folder: Path, now: float) -> None:
    """What crashes left: files that no entry names, and second names of files that are long gone."""
    named = {entry.file for entry in Vault(str(folder)).entries()}
    for path in folder.glob("*.*"):
        loose = path.suffix == ".tmp" or (path.suffix == ".raw" and path.name not in named)
        if loose and not _is_written(path.name) and _age(path, now) > _AN_HOUR:
            path.unlink(missing_ok=True)
    for path in folder.glob(f"{FOLDER}/*/*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_nlink == 1 and _age(path, now) > _TWO_WEEKS:
                path.unlink()


def _is_written(name: str) -> bool:
    """Whether the process that writes, or wrote, this file lives; names are <nanoseconds>-<pid>…"""
    pid = name.partition(".")[0].split("-")[1:2]
    if not pid or not pid[0].isdigit():
        return True
    if int(pid[0]) == os.getpid():
        return False
    try:
        os.kill(int(pid[0]), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _age(path: Path, now: float) -> float:
    return now - path.stat().st_mtime


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
