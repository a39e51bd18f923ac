"""The merge drivers of a clone: git configuration, and which files are mirrors.

merge.sahel-nb-notebook, merge.sahel-nb-mirror, merge.sahel-nb-metadata   in .git/config
/notebooks/fula/fula.py merge=sahel-nb-mirror                             in .git/info/attributes

Notebooks and kernel-metadata.json are named by the committed .gitattributes. Mirrors are named one by one, in the
clone: a line for *.py would take every module of the repository away from git's own merge.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sahel_nb.repo.worktree import Worktree

SECTIONS = ("merge.sahel-nb-notebook", "merge.sahel-nb-mirror", "merge.sahel-nb-metadata")
_NAMES = ("notebooks, by cell", "mirrors, as their notebooks", "kernel-metadata.json, by key")
_VERB = "merge"
_END = b" merge=sahel-nb-mirror"
_COMMENT = b"# sahel-nb: mirrors are merged as the notebooks they stand for"
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%,:=~") | frozenset(
    range(128, 256)
)
_GLOB = b"*?[\\"


def entries(runner: str) -> dict[str, str]:
    """git configuration of the drivers. `runner` starts `sahel-nb-hook`."""
    found = {}
    for section, name in zip(SECTIONS, _NAMES, strict=True):
        found[f"{section}.name"] = name
        found[f"{section}.driver"] = _command(runner, section.rpartition("-")[2])
    return found


def _command(runner: str, what: str) -> str:
    # 0 and 1 are our answers. With any other (not for us, no Python, killed) ours is untouched, and git's own merge of
    # text follows: else git would take our side for the whole result, without a marker.
    # git fills in %-letters; a percent sign in the runner's path is doubled.
    ours = f"{runner.replace('%', '%%')} {_VERB} {what} %O %A %B %L %P %S %X %Y"
    text = "git merge-file -q --marker-size=%L -L ours -L base -L theirs %A %O %B"
    return f"{ours}; code=$?; [ $code -le 1 ] && exit $code; {text} || exit 1"


def register_mirrors(worktree: Worktree, mirrors: Iterable[bytes]) -> None:
    """Let git merge these files as mirrors. Files that were mirrors once stay in the list.

    They do no harm: the driver finds no notebook of theirs and leaves them to git.
    """
    path = _attributes(worktree)
    if shut(worktree):
        _open_up(worktree)
    content = path.read_bytes() if path.is_file() else b""
    missing = [line for line in _lines(mirrors) if line not in content.splitlines()]
    if not missing:
        return
    from sahel_nb.durable import write_atomically

    path.parent.mkdir(mode=0o755, exist_ok=True)
    head = [] if _COMMENT in content.splitlines() else [_COMMENT]
    gap = b"" if not content or content.endswith(b"\n") else b"\n"
    write_atomically(path, content + gap + b"\n".join([*head, *missing]) + b"\n", 0o644)


def shut(worktree: Worktree) -> bool:
    """Whether somebody may read git's configuration here and not the attributes: an earlier version wrote them so."""
    try:
        there = _attributes(worktree).stat().st_mode
        wanted = (worktree.common_dir / "config").stat().st_mode & 0o044
    except OSError:
        return False
    return there & wanted != wanted


def _open_up(worktree: Worktree) -> None:
    path = _attributes(worktree)
    try:
        path.chmod(path.stat().st_mode & 0o777 | (worktree.common_dir / "config").stat().st_mode & 0o044)
    except OSError:
        return  # another user's


def forget_mirrors(worktree: Worktree) -> None:
    """Take our lines out of .git/info/attributes again."""
    path = _attributes(worktree)
    content = path.read_bytes() if path.is_file() else b""
    kept = b"".join(line for line in content.splitlines(keepends=True) if not _is_ours(line))
    if kept == content:
        return
    from sahel_nb.durable import write_atomically

    write_atomically(path, kept)


def unregistered(worktree: Worktree, mirrors: Iterable[bytes]) -> list[bytes]:
    """Those of these mirrors that git would merge as ordinary text."""
    path = _attributes(worktree)
    there = registered(path.read_bytes() if path.is_file() else b"", mirrors := list(mirrors))
    return [mirror for mirror in mirrors if mirror not in there]


def registered(attributes: bytes, paths: Iterable[bytes]) -> set[bytes]:
    """Those of these paths that .git/info/attributes has as mirrors."""
    if _END not in attributes:
        return set()
    there = set(attributes.splitlines())
    return {path for path in paths if _line(path) in there}


def mirrors_beside(worktree: Worktree, fmt: str) -> list[bytes]:
    """Files in the index that have a notebook of their name beside them."""
    from sahel_nb.notebook.pair import extension
    from sahel_nb.repo.cmd import git

    if not fmt:
        return []
    suffix = extension(fmt)
    answer = git("ls-files", "-z", "--", "*.ipynb", f"*{suffix}", cwd=worktree.root, check=False)
    paths = set(answer.stdout.split(b"\0"))
    mirrors = (path.removesuffix(b".ipynb") + suffix.encode() for path in paths if path.endswith(b".ipynb"))
    return sorted(path for path in mirrors if path in paths and b"\n" not in path)


def _attributes(worktree: Worktree) -> Path:
    return worktree.common_dir / "info" / "attributes"


def _lines(mirrors: Iterable[bytes]) -> list[bytes]:
    return [_line(mirror) for mirror in mirrors if b"\n" not in mirror]


def _line(mirror: bytes) -> bytes:
    return _pattern(mirror) + _END


def _pattern(path: bytes) -> bytes:
    """The path as gitattributes(5) wants it: anchored, wildcards taken literally, in quotes where it needs them."""
    literal = b"/" + b"".join(b"\\" + bytes([byte]) if byte in _GLOB else bytes([byte]) for byte in path)
    if _PLAIN.issuperset(literal):
        return literal
    return b'"' + b"".join(map(_quoted, literal)) + b'"'


def _quoted(byte: int) -> bytes:
    if byte in b'"\\':
        return b"\\" + bytes([byte])
    return b"\\%03o" % byte if byte < 32 else bytes([byte])


def _is_ours(line: bytes) -> bool:
    bare = line.rstrip(b"\r\n")
    return bare == _COMMENT or bare.endswith(_END)
