"""Names by which git finds a repository, on any file system: what a tree or an output may not be called.

git refuses them in its index: `verify_path` in read-cache.c, `is_ntfs_dotgit` in path.c, `is_hfs_dotgit` in utf8.c.
A tree that was made by hand has them all the same, and so has a folder that a program wrote.

    .git  .GIT  git~1  `.git `  .git.  .git::$INDEX_ALLOCATION  .g<U+200C>it     git's own folder
    HEAD                                                              with objects and refs beside it, a bare one

On the path of the hooks: it imports nothing until something is refused.
"""

from __future__ import annotations

# HFS+ passes over these in a name: zero-width joiners, directional marks, the byte order mark.
_IGNORED = dict.fromkeys((*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF))
_BESIDE_HEAD = ("objects", "refs", "commondir")


def is_git_folder(name: bytes) -> bool:
    """Whether some file system takes this name for `.git`."""
    plain = name.lower() if name.isascii() else _as_hfs(name)
    return _ends_after(plain, b".git") or _ends_after(plain, b"git~1")


def is_head(name: bytes) -> bool:
    """Whether some file system takes this name for `HEAD`, without which git sees no repository in a folder."""
    return _ends_after(name.lower() if name.isascii() else _as_hfs(name), b"head")


def makes_bare(names: list[str]) -> bool:
    """Whether a folder with these entries and a HEAD may be a bare repository to git, with settings of its own."""
    return any(name.lower().rstrip(". ") in _BESIDE_HEAD for name in names)


def unsafe_part(path: bytes) -> bytes | None:
    """The first part of a path with slashes that may not stand in one: empty, `.`, `..` or git's folder; else None.

    A backslash parts names, too: on another system it does.
    """
    for part in (path.replace(b"\\", b"/") if b"\\" in path else path).split(b"/"):
        if part[:1] not in _SUSPECT and part.isascii():
            continue
        if part in (b"", b".", b"..") or is_git_folder(part):
            return part
    return b"\0" if b"\0" in path else None


def safe(path: bytes, commit: str) -> bytes:
    """The path of a tree, for whoever reads one. Raise `Refused`, naming it and its commit, where git would not check
    it out: written to a disk, it would lie outside, or be what git runs programs from."""
    if unsafe_part(path) is None:
        return path
    from sahel_nb.errors import Refused

    name = path.decode("utf-8", "backslashreplace")
    raise Refused(
        f"commit {commit[:12]} has {name!r}, which no file may be called: git would not check it out",
        hints=("git fsck",),
        details=("it was made by hand, and not by git: ask who pushed it",),
    )


_SUSPECT = (b"", b".", b"g", b"G")


def _ends_after(name: bytes, plain: bytes) -> bool:
    """NTFS passes over dots and spaces at the end; behind a colon stands the name of a stream."""
    return name.startswith(plain) and not name[len(plain) :].partition(b":")[0].strip(b". ")


def _as_hfs(name: bytes) -> bytes:
    return name.decode("utf-8", "surrogateescape").translate(_IGNORED).lower().encode("utf-8", "surrogateescape")
