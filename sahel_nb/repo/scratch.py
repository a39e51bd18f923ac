"""A bare repository that lives for one conversation with a remote, and the two kinds of object it needs.

Lock records never enter the person's own repository: a depth-1 fetch would mark it as shallow, `git log --all` would
show them, `git push --mirror` would send them, and a concurrent `git gc` or a crash in the middle of a fetch would
leave its lock files where people work. A bare repository is five files, made in less time than git needs to start.

What this clone's configuration says of reaching a server goes there in git's environment, never to the disk: it may
hold tokens (http.extraHeader, url.<base>.insteadOf, a proxy).

Objects are git's own: `zlib("<type> <size>\\0<content>")` under the hash of that, see gitformat-loose(5).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.durable import make_folder

LARGEST = 1 << 20
"""Bytes of the largest commit that is read: a record is a quarter of that, and may be signed."""
_PIECE = 64 * 1024
_LEFT_BEHIND = 24 * 3600.0  # what a killed process left is removed by a later one


@dataclass(frozen=True)
class RawCommit:
    """A commit object as git stores it, under its id."""

    oid: str
    body: bytes

    @property
    def parents(self) -> tuple[str, ...]:
        header = self.body.partition(b"\n\n")[0]
        return tuple(line[7:].decode("ascii") for line in header.split(b"\n") if line.startswith(b"parent "))

    @property
    def message(self) -> bytes:
        return self.body.partition(b"\n\n")[2]

    @property
    def when(self) -> int:
        """The committer's date, in seconds; 0 where there is none that git would write."""
        line = next((line for line in self.body.split(b"\n\n")[0].split(b"\n") if line.startswith(b"committer ")), b"")
        words = line.rpartition(b"> ")[2].split()
        return int(words[0]) if words and words[0].isdigit() and len(words[0]) < 16 else 0


def object_id(kind: str, body: bytes, algorithm: str = "sha1") -> str:
    """The id that git gives to an object. `algorithm` is the repository's object format, sha1 or sha256."""
    return hashlib.new(algorithm, _framed(kind, body), usedforsecurity=False).hexdigest()


def make_commit(
    message: bytes, *, parent: str | None, name: str, email: str, when: int, algorithm: str = "sha1"
) -> RawCommit:
    """A commit of the empty tree, in UTC. The same arguments make the same commit on every machine."""
    who = f"{_clean(name) or 'unknown'} <{_clean(email)}> {when} +0000"
    header = [f"tree {object_id('tree', b'', algorithm)}"]
    if parent is not None:
        header.append(f"parent {parent}")
    header += [f"author {who}", f"committer {who}"]
    body = "\n".join(header).encode("utf-8") + b"\n\n" + message
    return RawCommit(object_id("commit", body, algorithm), body)


@dataclass(frozen=True)
class Scratch:
    """The repository, its folder and its object format."""

    git_dir: Path
    algorithm: str

    def ref(self, name: str) -> str | None:
        """What a ref that git has just written points to."""
        try:
            return (self.git_dir / name).read_text().strip()
        except FileNotFoundError:
            return None

    def commit(self, oid: str) -> RawCommit | None:
        """A commit that git has just unpacked; None where it is not here or is no commit. One of more than `LARGEST`
        bytes, which may be gigabytes in a small file, is no record of ours: it has an empty body."""
        unpacked, framed = zlib.decompressobj(), b""
        try:
            with (self.git_dir / "objects" / oid[:2] / oid[2:]).open("rb") as file:
                while len(framed) <= LARGEST and (piece := file.read(_PIECE)):
                    framed += unpacked.decompress(piece, LARGEST + 1 - len(framed))
        except (FileNotFoundError, zlib.error):
            return None
        head, _, body = framed.partition(b"\0")
        if not head.startswith(b"commit ") or not (unpacked.eof or len(framed) > LARGEST):
            return None
        return RawCommit(oid, body if len(framed) <= LARGEST else b"")


def loose(kind: str, body: bytes) -> bytes:
    """An object as git keeps it in a file of its own."""
    return zlib.compress(_framed(kind, body), 1)


@contextlib.contextmanager
def scratch(parent: Path, algorithm: str) -> Iterator[Scratch]:
    """Make one below `parent`, and remove it."""
    make_folder(parent)
    sweep(parent)
    git_dir = Path(tempfile.mkdtemp(prefix="git-", dir=parent))  # mode 700
    try:
        for name in ("objects", "refs"):
            make_folder(git_dir / name)
        (git_dir / "HEAD").write_text("ref: refs/heads/none\n")
        (git_dir / "config").write_bytes(config_text(algorithm))
        yield Scratch(git_dir, algorithm)
    finally:
        shutil.rmtree(git_dir, ignore_errors=True)


def config_text(algorithm: str) -> bytes:
    """The configuration of a bare repository."""
    if algorithm == "sha1":
        return b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
    extension = f"[extensions]\n\tobjectformat = {algorithm}\n"
    return f"[core]\n\trepositoryformatversion = 1\n\tbare = true\n{extension}".encode("ascii")


def as_environment(settings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """git's environment with `settings` between a person's configuration and what this process was given.

    As git hands `-c` on to the processes that it starts (config.c, git_config_from_parameters): in no argument that
    other users see, and read by every git since 1.7. A remote that is a path is started without it.
    """
    given = [quote(f"{key}={value}") if "=" not in key else f"{quote(key)}={quote(value)}" for key, value in settings]
    if not given:
        return {}
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    for number in range(int(count) if count.isascii() and count.isdigit() else 0):
        key, value = (os.environ.get(f"GIT_CONFIG_{what}_{number}", "") for what in ("KEY", "VALUE"))
        given.append(quote(f"{key}={value}"))  # git would read these before
    given.append(os.environ.get("GIT_CONFIG_PARAMETERS", ""))
    return {"GIT_CONFIG_PARAMETERS": " ".join(filter(None, given)), "GIT_CONFIG_COUNT": "0"}


def quote(text: str) -> str:
    """In git's single quotes, see sq_quote_buf in quote.c."""
    return "'" + text.replace("'", "'\\''").replace("!", "'\\!'") + "'"


def sweep(parent: Path) -> None:
    """Remove what a killed process left, and at once what an earlier version wrote a clone's settings into."""
    horizon = time.time() - _LEFT_BEHIND
    for old in (*parent.glob("git-*"), *parent.glob("outbox-*")):
        with contextlib.suppress(OSError):
            stale = old.name.startswith("git-") and old.stat().st_mtime < horizon
            if stale or not _is_plain(old / "config"):
                shutil.rmtree(old, ignore_errors=True)


def _is_plain(config: Path) -> bool:
    """Is there nothing in it but what every such repository has? Half of it, while it is being made, is that too."""
    try:
        text = config.read_bytes()
    except FileNotFoundError:
        return True
    return any(config_text(algorithm).startswith(text) for algorithm in ("sha1", "sha256"))


def _framed(kind: str, body: bytes) -> bytes:
    return f"{kind} {len(body)}\0".encode("ascii") + body


def _clean(text: str) -> str:
    """git's own rule for names: nothing that would end the field."""
    return re.sub(r"[<>\x00-\x1f]", "", text).strip(" .,:;\"'")
