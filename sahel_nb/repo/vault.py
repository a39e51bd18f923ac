"""The output vault: what the clean filter takes out of notebooks, kept below .git so that smudge can put it back.

    .git/sahel-nb/vault/<nanoseconds>-<pid>.pack      entries, one after the other; the newest is the last of the last
    .git/sahel-nb/vault/<nanoseconds>-<pid>-<n>.raw   a large notebook, named by its entry
    .git/sahel-nb/vault/off                           while this file is there, nothing is kept
    .git/sahel-nb/vault/limit                         bytes that it may take up; `install` writes it

    entry: vault1 SP <key> SP <size> SP <length of the path> SP <file, or -> SP <nanoseconds> SP <worktree> LF
           <path> LF  <size bytes> LF

The key is the CRC-32 and the length of the stripped notebook. The worktree is "-" for the main one and a checksum for
a linked one: all of them share the vault, and each prefers what is its own. A pack has one writer and only grows. What
a crash cut short is the last entry of its pack, does not fit into the file, and is passed over. Nothing here is trusted
on its way out: whoever restores an entry strips it again, and compares.

On the path of every `git add`: it imports almost nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import posix  # what os is made of, and there already; to import os costs as much as all of this program
import sys
import time
from binascii import crc32

from sahel_nb.repo.second_names import SecondNames, is_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAGIC = b"vault1"
_HEADER = 8192
"""Bytes that hold any header and any path."""
_NEW_PACK = posix.O_RDWR | posix.O_CREAT | posix.O_EXCL | posix.O_APPEND
MOST_VERSIONS = 8
"""Older ones of a notebook are found by their key alone."""
MOST_PACKS = 64
INSIDE = "-"
"""The file of an entry that has its bytes with it."""
MAIN = "-"
"""The worktree that was not made by `git worktree add`."""


class VaultFailed(Exception):
    """Outputs could not be kept, so the command that would go on without them must not. The message says why."""


class Entry:
    """One notebook as it was on disk. `offset` is where its bytes begin in `file`; `kept_at` is in nanoseconds."""

    __slots__ = ("file", "kept_at", "key", "offset", "pack", "path", "size", "worktree")

    def __init__(
        self, path: bytes, key: str, size: int, pack: str, file: str, offset: int, kept_at: int, worktree: str
    ) -> None:
        self.path = path
        self.key = key
        self.size = size
        self.pack = pack
        self.file = file
        self.offset = offset
        self.kept_at = kept_at
        self.worktree = worktree


def key_of(stripped: bytes) -> str:
    """What an entry is found by: it tells versions of a notebook apart at a tenth of the price of git's own id."""
    return f"{crc32(stripped):08x}-{len(stripped):x}"


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

    def keep(self, path: bytes, key: str, raw: bytes) -> None:
        """Keep `raw` as the newest of `path`, until git brings the blob of `key` back. Raise `VaultFailed`."""
        try:
            known = self.newest(path, key)
            if known is not None and known.size == len(raw) and self.read(known) == raw:
                return
            self.append(path, key, len(raw), INSIDE, raw)
        except OSError as exc:
            raise VaultFailed(f"its outputs could not be kept: {exc.strerror}") from exc

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
            with open(f"{self.folder}/{entry.file}", "rb", buffering=0) as file:
                file.seek(entry.offset)
                raw = file.read(entry.size)
        except FileNotFoundError:
            from sahel_nb.repo.vault_search import was_moved

            return self.read(entry) if was_moved(self, entry) else None
        except OSError:
            return None
        return raw if raw is not None and len(raw) == entry.size else None

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
                found = _entry(posix.pread(pack, _HEADER, at), name, at)
                if found is None:
                    return
                entry, at = found
                if at > size:
                    return
                yield entry
        finally:
            posix.close(pack)

    def append(self, path: bytes, key: str, size: int, file: str, raw: bytes) -> None:
        """Add an entry, whole or not at all: `raw` is in it, or its bytes are in `file`. Raise `OSError`."""
        pack = self._open_pack()
        start = self._end
        index = self._index()
        # In order of time, also on a machine whose clock was set back.
        self._last = max(time.time_ns(), self._last + 1)
        entry = Entry(path, key, size, self._name, file, 0, self._last, self._worktree)
        head = head_of(entry)
        try:
            written = posix.writev(pack, (head, raw, b"\n"))
            rest = (head + raw + b"\n")[written:] if written < len(head) + len(raw) + 1 else b""
            while rest:  # a disk that is full takes what fits, and then says so
                rest = rest[posix.write(pack, rest) :]
        except BaseException:
            posix.ftruncate(pack, start)
            raise
        if file == INSIDE:
            entry.file, entry.offset = self._name, start + len(head)
        self._end += len(head) + len(raw) + 1
        self._note(index, entry)

    def make_folder(self) -> None:
        """Raise `OSError`."""
        for folder in (self.folder.rpartition("/")[0], self.folder):
            try:  # noqa: SIM105  contextlib is not imported on this path
                posix.mkdir(folder)
            except FileExistsError:
                pass

    def _open_pack(self) -> int:
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
        self._pack = posix.open(
            f"{self.folder}/{self._name}", posix.O_RDWR | posix.O_CREAT | posix.O_EXCL | posix.O_APPEND, 0o600
        )
        return self._pack


def head_of(entry: Entry) -> bytes:
    """What stands before the bytes of an entry."""
    file = INSIDE if entry.file in (entry.pack, INSIDE) else entry.file
    words = f"{entry.key} {entry.size} {len(entry.path)} {file} {entry.kept_at} {entry.worktree}"
    return b"%s %s\n%s\n" % (_MAGIC, words.encode(), entry.path)


def _entry(head: bytes, pack: str, at: int) -> tuple[Entry, int] | None:
    """The entry that begins at `at`, and where it ends; None for what is none."""
    line, newline, rest = head.partition(b"\n")
    words = line.split(b" ")
    if not newline or len(words) != 7 or words[0] != _MAGIC or not line.isascii() or b"/" in words[4]:
        return None
    try:
        size, length, kept_at = int(words[2]), int(words[3]), int(words[5])
    except ValueError:
        return None
    if rest[length : length + 1] != b"\n" or size < 0:
        return None
    path, key, worktree = rest[:length], words[1].decode(), words[6].decode()
    start = at + len(line) + length + 2
    if words[4] == INSIDE.encode():
        return Entry(path, key, size, pack, pack, start, kept_at, worktree), start + size + 1
    return Entry(path, key, size, pack, words[4].decode(), 0, kept_at, worktree), start + 1
