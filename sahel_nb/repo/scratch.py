"""A bare repository that lives for one conversation with a remote, and the two kinds of object it needs.

Lock records never enter the person's own repository: a depth-1 fetch would mark it as shallow, `git log --all` would
show them, `git push --mirror` would send them, and a concurrent `git gc` or a crash in the middle of a fetch would
leave its lock files where people work. A bare repository is five files, made in less time than git needs to start.

Objects are git's own: `zlib("<type> <size>\\0<content>")` under the hash of that, see gitformat-loose(5).
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

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
        """A commit that git has just unpacked; None where it is not here or is no commit."""
        try:
            framed = zlib.decompress((self.git_dir / "objects" / oid[:2] / oid[2:]).read_bytes())
        except (FileNotFoundError, zlib.error):
            return None
        head, _, body = framed.partition(b"\0")
        return RawCommit(oid, body) if head.startswith(b"commit ") else None


def loose(kind: str, body: bytes) -> bytes:
    """An object as git keeps it in a file of its own."""
    return zlib.compress(_framed(kind, body), 1)


@contextlib.contextmanager
def scratch(parent: Path, settings: Iterable[tuple[str, str]], algorithm: str) -> Iterator[Scratch]:
    """Make one below `parent`, and remove it. `settings` may hold secrets: only the owner can read them."""
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    git_dir = Path(tempfile.mkdtemp(prefix="git-", dir=parent))  # mode 700
    try:
        (git_dir / "objects").mkdir()
        (git_dir / "refs").mkdir()
        (git_dir / "HEAD").write_text("ref: refs/heads/none\n")
        (git_dir / "config").write_bytes(config_text(settings, algorithm))
        yield Scratch(git_dir, algorithm)
    finally:
        shutil.rmtree(git_dir, ignore_errors=True)


def config_text(settings: Iterable[tuple[str, str]], algorithm: str) -> bytes:
    """The configuration of a bare repository: what git needs, and `settings`."""
    extension = [] if algorithm == "sha1" else [("extensions.objectformat", algorithm)]
    version = ("core.repositoryformatversion", "1" if extension else "0")
    text = "".join(_setting(*pair) for pair in [*settings, version, *extension, ("core.bare", "true")])
    return text.encode("utf-8", "surrogateescape")


def _sweep(parent: Path) -> None:
    horizon = time.time() - _LEFT_BEHIND
    for old in parent.glob("git-*"):
        with contextlib.suppress(OSError):
            if old.stat().st_mtime < horizon:
                shutil.rmtree(old, ignore_errors=True)


def _setting(key: str, value: str) -> str:
    # section.key or section.sub.section.key, quoted as git-config(1) says
    section, _, rest = key.partition(".")
    subsection, _, name = rest.rpartition(".")
    head = f'[{section} "{_quoted(subsection)}"]' if subsection else f"[{section}]"
    return f'{head}\n\t{name} = "{_quoted(value)}"\n'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")


def _framed(kind: str, body: bytes) -> bytes:
    return f"{kind} {len(body)}\0".encode("ascii") + body


def _clean(text: str) -> str:
    """git's own rule for names: nothing that would end the field."""
    return re.sub(r"[<>\x00-\x1f]", "", text).strip(" .,:;\"'")
