"""What was found clean before, so that the next push need not look again.

    .git/sahel-nb/clean/<key>     sahel-nb clean <key> LF
                                  LF <kind> <object id> LF <kind> <object id> LF …     an append for each check

Only "clean" is remembered, and only of what never changes: objects of git, named by their ids. The key is a digest of
every rule (our own source, the versions of the libraries behind it) and of what a person has set: under other rules
nothing is known. An append is one write, begins with a line end, and so cannot run into what a crash cut short;
whatever is not such a line matches nothing. A file with another first line is not read. All of it may be deleted.
"""

from __future__ import annotations

import os
import sys

from sahel_nb.permissions import make_folder, opener

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

COMMIT, NO_SECRET, NO_SECRET_AS_NOTEBOOK, STRIPPED, PAIR = b"c", b"s", b"k", b"n", b"p"
NO_FORMATS = b"o"
"""A notebook that does not name its mirror itself."""
OWN_IDS = b"i"
"""A commit in which no two folders have one id."""
_LARGEST = 8 << 20
_LIBRARIES = ("jupytext", "nbformat", "nbstripout", "python_slugify")


class Memory:
    """The clean ones under one set of rules. `key` is a file name."""

    def __init__(self, folder: str, key: str) -> None:
        self._path = f"{folder}/{key}"
        self._head = f"sahel-nb clean {key}\n".encode("ascii")
        self._new: dict[bytes, None] = {}
        self._known: frozenset[bytes] | None = None
        self._size = 0

    def has(self, kind: bytes, name: str) -> bool:
        line = kind + name.encode("ascii")
        return line in self._loaded() or line in self._new

    def add(self, kind: bytes, name: str) -> None:
        self._new[kind + name.encode("ascii")] = None

    def save(self) -> None:
        """Write down what is new. A memory that cannot be written is no reason to refuse anything."""
        known = self._loaded()
        lines = [line for line in self._new if line not in known]
        if not lines:
            return
        try:
            if not known or self._size > _LARGEST:
                self._begin_anew()
            with open(self._path, "ab", 0, opener=opener) as file:
                file.write(b"\n" + b"\n".join(lines) + b"\n")
        except OSError:
            return
        self._known = known | self._new.keys()
        self._new = {}

    def _loaded(self) -> frozenset[bytes]:
        if self._known is None:
            try:
                with open(self._path, "rb") as file:
                    data = file.read()
            except OSError:
                data = b""
            self._size = len(data)
            ours = data.startswith(self._head)
            # The last line may be one that another push is writing.
            self._known = frozenset(data.split(b"\n")[1:-1]) if ours else frozenset()
        return self._known

    def _begin_anew(self) -> None:
        """Under other rules, after damage, or when it has grown too large; the newer half of the last is kept."""
        folder = os.path.dirname(self._path)  # noqa: PTH120  pathlib is not imported on this path
        make_folder(folder)
        kept = b""
        if self._size > _LARGEST:
            with open(self._path, "rb") as file:
                file.seek(self._size // 2)
                kept = file.read().partition(b"\n")[2]
        elif self._is_whole():
            return
        temporary = f"{self._path}.{os.getpid()}"
        with open(temporary, "wb", opener=opener) as file:
            file.write(self._head + kept)
        os.replace(temporary, self._path)  # noqa: PTH105  the same
        for name in os.listdir(folder):  # noqa: PTH208  the same
            # Other rules are forgotten, and what a crash left; a push that writes there loses its memory, no more.
            if not self._path.endswith(f"/{name}"):
                os.unlink(f"{folder}/{name}")  # noqa: PTH108  the same

    def _is_whole(self) -> bool:
        """Another push may have begun it in the meantime."""
        try:
            with open(self._path, "rb") as file:
                return file.read(len(self._head)) == self._head
        except FileNotFoundError:
            return False


def memory_of(common_dir: str, settings: Iterable[str]) -> Memory:
    """That of a repository, all its worktrees together, under the rules of this installation and these settings."""
    return Memory(f"{common_dir}/sahel-nb/clean", rules_key(settings))


def rules_key(settings: Iterable[str]) -> str:
    """A digest of whatever a verdict depends on, besides the object itself."""
    from _blake2 import blake2b  # hashlib brings OpenSSL with it

    digest = blake2b(digest_size=20)
    for one in (*_sources(), *_versions(), repr(sys.version_info[:2]).encode(), *(s.encode() for s in settings)):
        digest.update(b"%d\n" % len(one))
        digest.update(one)
    return str(digest.hexdigest())


def _sources() -> list[bytes]:
    """Our own code: whichever line of it a rule stands on."""
    root = __file__.rpartition("/hooks/")[0]
    found = []
    for folder in ("", "/hooks", "/notebook", "/kernels", "/repo"):
        for name in sorted(os.listdir(root + folder)):  # noqa: PTH208  pathlib is not imported on this path
            if name.endswith(".py"):
                with open(f"{root}{folder}/{name}", "rb") as file:
                    found.append(file.read())
    return found


def _versions() -> list[bytes]:
    """Of the libraries that rules ask, by the names of their folders. Call `with_site_packages` first."""
    found: set[bytes] = set()
    for folder in sys.path:
        try:
            names = os.listdir(folder)  # noqa: PTH208  pathlib is not imported on this path
        except OSError:
            continue
        found.update(name.encode() for name in names if name.startswith(_LIBRARIES) and name.endswith("-info"))
    return sorted(found)
