"""The output vault: what the clean filter takes out of notebooks, kept below .git so that smudge can put it back.

    .git/sahel-nb/vault/<nanoseconds>-<pid>.pack      entries, one after the other; the newest is the last of the last
    .git/sahel-nb/vault/<nanoseconds>-<pid>-<n>.raw   a large notebook, named by its entry
    .git/sahel-nb/vault/off                           while this file is there, nothing is kept
    .git/sahel-nb/vault/limit                         bytes that it may take up; `install` writes it

What an entry looks like is in vault_entry.py. All worktrees share the vault, and each prefers what is its own. A pack
has one writer and only grows. What a crash cut short is the last entry of its pack, does not fit into the file, and is
passed over. Nothing here is trusted on its way out: whoever restores an entry strips it again, and compares.

An entry also remembers what its notebook is without outputs. So `git status` of a notebook that was only touched, and
every second look that git takes at one, compares bytes and parses nothing.

On the path of every `git add`: it imports almost nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import posix  # what os is made of, and there already; to import os costs as much as all of this program
import sys
import time
from binascii import crc32

from sahel_nb.repo.second_names import SecondNames, is_there
from sahel_nb.repo.vault_entry import HEADER, INSIDE, NOBODY, Entry, entry_at, head_of, key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NEW_PACK = posix.O_RDWR | posix.O_CREAT | posix.O_EXCL | posix.O_APPEND
_WORTH_ITS_ROOM = 2
"""A stripped notebook is remembered where it is this many times smaller: the rest is parsed again soon enough."""
MOST_VERSIONS = 8
"""Older ones of a notebook are found by their key alone."""
MOST_PACKS = 64
MAIN = "-"
"""The worktree that was not made by `git worktree add`."""


class VaultFailed(Exception):
    """Outputs could not be kept, so the command that would go on without them must not. The message says why."""


def place_here() -> tuple[str, str]:
    """Where the vault of this repository is, or will be, and the worktree's name in it; ("", "") outside of one.

    git starts filters at a worktree's top.
    """
    git_dir = _environment(b"GIT_DIR") or ".git"
    try:
        with open(git_dir, "rb") as file:
            target = _decoded(file.read().removeprefix(b"gitdir: ").rstrip(b"\n"))
        git_dir = _joined(git_dir.rpartition("/")[0], target)
    except OSError:
        pass  # the folder itself, or none
    try:
        common = _environment(b"GIT_COMMON_DIR") or _common(git_dir)
    except OSError:
        return "", ""
    return (f"{common}/sahel-nb/vault", worktree_name(git_dir, common)) if is_there(f"{common}/.") else ("", "")


def worktree_name(git_dir: str, common: str) -> str:
    """What entries call the worktree of this git folder."""
    linked = common != git_dir and "/worktrees/" in git_dir
    return f"{crc32(git_dir.rpartition('/')[2].encode(*_CODING)):08x}" if linked else MAIN


def _common(git_dir: str) -> str:
    """Linked worktrees name the folder that they share."""
    try:
        with open(f"{git_dir}/commondir", "rb") as file:
            return _joined(git_dir, _decoded(file.read().rstrip(b"\n")))
    except FileNotFoundError:
        return git_dir


def _joined(folder: str, path: str) -> str:
    return path if path.startswith("/") or not folder else f"{folder}/{path}"


def _environment(name: bytes) -> str:
    return _decoded(posix.environ.get(name, b""))


def _decoded(path: bytes) -> str:
    return path.decode(*_CODING)


_CODING = (sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())


class Vault:
    """What is kept in `folder`. Entries are found by the path and by the key of what was committed in their place."""

    def __init__(self, folder: str, worktree: str = MAIN) -> None:
        self.folder = folder
        self.names = SecondNames(folder, worktree)
        self._worktree = worktree
        self._by_both: dict[tuple[bytes, str], Entry] | None = None
        self._by_path: dict[bytes, list[Entry]] = {}
        self._last = 0
        self._pack = -1
        self._end = 0
        self._name = ""

    @classmethod
    def here(cls) -> Vault | None:
        """The vault of the repository whose worktree we stand in; None outside of one, and where it is switched off."""
        folder, worktree = place_here()
        if not folder or is_there(f"{folder}/off"):
            return None
        return cls(folder, worktree)

    def keep(self, path: bytes, key: str, raw: bytes, stripped: bytes = b"", stripper: str = NOBODY) -> None:
        """Keep `raw` as the newest of `path`, until git brings the blob of `key` back. Raise `VaultFailed`.

        `stripped` is what `known_as` is to give back for it, to whom the same stripper counts.
        """
        try:
            known = self.newest(path, key)
            if known is not None and known.size == len(raw) and self.read(known) == raw:
                return
            self.append(path, key, len(raw), INSIDE, raw, stripped, stripper)
        except OSError as exc:
            raise VaultFailed(f"its outputs could not be kept: {exc.strerror}") from exc

    def known_as(self, path: bytes, raw: bytes, stripper: str) -> bytes | None:
        """What this stripper made of exactly these bytes, where they are the newest of their key; None if not known."""
        for entry in self.paths().get(path, [])[: -1 - MOST_VERSIONS : -1]:
            if entry.size == len(raw) and entry.stripper == stripper and self.read(entry) == raw:
                return self.stripped(entry)
        return None

    def stripped(self, entry: Entry) -> bytes | None:
        """The stripped notebook of an entry; None where it has none, or it is not what it was."""
        try:
            stripped = self._bytes(entry.pack, entry.stripped_at, entry.stripped_size)
        except OSError:
            return None
        return stripped if stripped and key_of(stripped) == entry.key else None

    def find(self, path: bytes, key: str) -> bytes | None:
        """The newest notebook of this path that was committed as the blob of `key`."""
        entry = self.newest(path, key)
        return self.read(entry) if entry else None

    def newest(self, path: bytes, key: str) -> Entry | None:
        """Where that notebook lies."""
        return self._index().get((path, key))

    def versions(self, path: bytes) -> Iterator[bytes]:
        """The newest notebook of each version that this path had, the newest first."""
        yield from self.read_all(self.paths().get(path, ()))

    def paths(self) -> dict[bytes, list[Entry]]:
        """Every path that has something here: the newest of each version, the newest version last."""
        self._index()
        return self._by_path

    def read_all(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """The bytes of the last of these, the last first."""
        for entry in entries[: -1 - MOST_VERSIONS : -1]:
            raw = self.read(entry)
            if raw is not None:
                yield raw

    def entries(self) -> list[Entry]:
        """Everything that is whole, the oldest first."""
        found = [entry for name in self._packs() for entry in self._read_pack(name)]
        found.sort(key=lambda entry: entry.kept_at)
        self._last = max(self._last, found[-1].kept_at if found else 0)
        return found

    def read(self, entry: Entry) -> bytes | None:
        """The bytes of an entry; None where they are gone, or not all there."""
        try:
            return self._bytes(entry.file, entry.offset, entry.size)
        except FileNotFoundError:
            from sahel_nb.repo.vault_search import was_moved

            return self.read(entry) if was_moved(self, entry) else None
        except OSError:
            return None

    def _bytes(self, name: str, offset: int, size: int) -> bytes | None:
        file = posix.open(f"{self.folder}/{name}", posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            found = posix.pread(file, size, offset)
        finally:
            posix.close(file)
        return found if len(found) == size else None

    def close(self) -> None:
        if self._pack >= 0:
            posix.close(self._pack)
            self._pack = -1

    def limit(self) -> int:
        """Bytes that it may take up; 0 where nobody said."""
        try:
            with open(f"{self.folder}/limit", "rb") as file:
                return int(file.read())
        except (OSError, ValueError):
            return 0

    def wants_sweeping(self) -> bool:
        """Whether it is more than the limit, or in too many pieces; asked by whoever has just added to it."""
        limit = self.limit()
        total = packs = 0
        with posix.scandir(self.folder) as files:
            for one in files:
                if one.name.endswith((".pack", ".raw")):
                    packs += one.name.endswith(".pack")
                    total += one.stat().st_size
        return total > limit > 0 or packs > MOST_PACKS

    @property
    def grew(self) -> bool:
        """Whether this process has added to it."""
        return self._end > 0

    def _index(self) -> dict[tuple[bytes, str], Entry]:
        if self._by_both is None:
            self._by_both = {}
            entries = self.entries()
            # What is noted last counts as the newest.
            for own in (False, True):
                for entry in entries:
                    if (entry.worktree == self._worktree) is own:
                        self._note(self._by_both, entry)
        return self._by_both

    def _note(self, index: dict[tuple[bytes, str], Entry], entry: Entry) -> None:
        versions = self._by_path.setdefault(entry.path, [])
        older = index.get((entry.path, entry.key))
        if older is not None:
            versions.remove(older)
        versions.append(entry)
        index[entry.path, entry.key] = entry

    def _packs(self) -> list[str]:
        try:
            names = sorted(name for name in posix.listdir(self.folder) if name.endswith(".pack"))
        except OSError:
            return []
        if names and names[-1].partition("-")[0].isdigit():
            self._last = int(names[-1].partition("-")[0])
        return names

    def _read_pack(self, name: str) -> Iterator[Entry]:
        try:
            pack = posix.open(f"{self.folder}/{name}", posix.O_RDONLY)
        except OSError:
            return
        try:
            size = posix.fstat(pack).st_size
            at = 0
            while at < size:
                found = entry_at(posix.pread(pack, HEADER, at), name, at)
                if found is None:
                    return
                entry, at = found
                if at > size:
                    return
                yield entry
        finally:
            posix.close(pack)

    def append(
        self, path: bytes, key: str, size: int, file: str, raw: bytes, stripped: bytes = b"", stripper: str = NOBODY
    ) -> None:
        """Add an entry, whole or not at all: `raw` is in it, or its bytes are in `file`. Raise `OSError`."""
        if stripper == NOBODY or len(stripped) * _WORTH_ITS_ROOM > size:
            stripped, stripper = b"", NOBODY
        pack = self._open_pack()
        start = self._end
        index = self._index()
        # In order of time, also on a machine whose clock was set back.
        self._last = max(time.time_ns(), self._last + 1)
        entry = Entry(path, key, size, self._name, file, 0, self._last, self._worktree, stripper, len(stripped), 0)
        head = head_of(entry)
        whole = len(head) + len(raw) + len(stripped) + 1
        try:
            written = posix.writev(pack, (head, raw, stripped, b"\n"))
            rest = (head + raw + stripped + b"\n")[written:] if written < whole else b""
            while rest:  # a disk that is full takes what fits, and then says so
                rest = rest[posix.write(pack, rest) :]
        except BaseException:
            posix.ftruncate(pack, start)
            raise
        if file == INSIDE:
            entry.file, entry.offset = self._name, start + len(head)
        self._end += whole
        entry.stripped_at = self._end - 1 - len(stripped)
        self._note(index, entry)

    def make_folder(self) -> None:
        """Raise `OSError`."""
        from sahel_nb.permissions import make_folder

        make_folder(self.folder)

    def _open_pack(self) -> int:
        from sahel_nb.permissions import opener

        if self._pack >= 0:
            if posix.fstat(self._pack).st_nlink:
                return self._pack
            self.close()  # swept away under us: what is written there is lost
        self.make_folder()
        self._index()
        # Names are in order of time, also on a machine whose clock was set back.
        self._last = max(time.time_ns(), self._last + 1)
        self._name = f"{self._last:020}-{posix.getpid()}.pack"
        self._end = 0
        self._pack = opener(f"{self.folder}/{self._name}", _NEW_PACK)
        return self._pack
