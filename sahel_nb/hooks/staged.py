"""What a commit is made of: the index it will be written from, read by object id and never from the worktree.

On the path of every commit: what is not needed for a commit without notebooks is imported where it is.
"""

from __future__ import annotations

import os

from sahel_nb.errors import UsageError
from sahel_nb.permissions import read_regular
from sahel_nb.repo.batch import objects
from sahel_nb.repo.cmd import GitResult, git, told_to_hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sahel_nb.repo.worktree import Worktree

LARGE = 32 * 1024 * 1024
"""Beyond this a blob is looked at in pieces."""
_FEW = 500
_EMPTY = frozenset(
    ("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813")
)
"""The empty blob, by SHA-1 and by SHA-256."""


class Change:
    """One path that differs between two trees. `before` and `after` are object ids, None where it is not there."""

    __slots__ = ("after", "before", "mode", "path")

    def __init__(self, path: bytes, before: str | None, after: str | None, mode: str) -> None:
        self.path = path
        self.before = before
        self.after = after
        self.mode = mode

    @property
    def name(self) -> str:
        """The path for showing."""
        return self.path.decode("utf-8", "backslashreplace")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Change) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return f"Change{self._all()}"

    def _all(self) -> tuple[bytes, str | None, str | None, str]:
        return self.path, self.before, self.after, self.mode


class Repository:
    """The worktree as a hook sees it: with the index that git told the hook to look at."""

    __slots__ = ("_opted_out", "_worktree", "common_dir", "env", "git_dir", "root")

    def __init__(self, worktree: Worktree, env: Mapping[str, str] | None = None) -> None:
        self.root = str(worktree.root)
        self.git_dir = str(worktree.git_dir)
        self.common_dir = str(worktree.common_dir)
        self.env: Mapping[str, str] = env or {}
        self._worktree: Worktree | None = worktree
        self._opted_out: dict[bytes, bool] = {}

    @classmethod
    def here(cls, **more: str) -> Repository:
        """That of the current folder; `more` is set in the environment of every git. Raise as `Worktree.discover`."""
        start = os.getcwd()  # noqa: PTH109  pathlib is not imported on this path
        env = told_to_hooks(os.environ) | more
        if "GIT_INDEX_FILE" in env:
            # git gives it relative to the folder in which it started the hook.
            env["GIT_INDEX_FILE"] = os.path.join(start, env["GIT_INDEX_FILE"])  # noqa: PTH118  the same
        made = cls.__new__(cls)
        if _is_plain(start, env):
            made.root, made.git_dir = start, f"{start}/.git"
            made.common_dir = made.git_dir
        else:
            asked = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
            answer = git("rev-parse", *asked, cwd=start, check=False, env=env)
            lines = answer.stdout.rstrip(b"\n").split(b"\n")
            if answer.returncode != 0 or len(lines) != len(asked):
                # What is wrong, or a folder name with a line end in it: there is time to find out.
                from pathlib import Path

                from sahel_nb.repo.worktree import Worktree

                return cls(Worktree.discover(Path(start), env), env)
            made.root, made.git_dir, made.common_dir = (
                os.path.realpath(os.path.join(start, os.fsdecode(line)))  # noqa: PTH118  the same
                for line in lines
            )
        made.env = env
        made._worktree = None
        made._opted_out = {}
        return made

    @property
    def worktree(self) -> Worktree:
        if self._worktree is None:
            from pathlib import Path

            from sahel_nb.repo.worktree import Worktree

            self._worktree = Worktree(Path(self.root), Path(self.git_dir), Path(self.common_dir))
        return self._worktree

    def git(self, *args: str | bytes, stdin: bytes | None = None, check: bool = True) -> GitResult:
        return git(*args, cwd=self.root, env=self.env, stdin=stdin, check=check)

    def disk(self, path: bytes) -> Path:
        """Where a path of the tree lies on disk."""
        from pathlib import Path

        return Path(self.root) / os.fsdecode(path)

    def path_of(self, name: str) -> bytes:
        """The path in the tree of a file as somebody calls it. A link is a path of its own, its folder is not."""
        folder, _, last = os.path.abspath(name).rpartition("/")  # noqa: PTH100  keeps links
        return os.fsencode(os.path.relpath(os.path.join(os.path.realpath(folder), last), self.root))  # noqa: PTH118  as above

    def config_file(self) -> bytes | None:
        """sahel-nb.toml as it stands in the worktree. Raise `UsageError` where it cannot be read."""
        try:
            return read_regular(f"{self.root}/sahel-nb.toml")
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise UsageError(f"sahel-nb.toml cannot be read: {exc.strerror}") from exc

    def git_config(self, pattern: str) -> dict[str, str]:
        """Settings whose names match, the last value of each; the variable in lower case, as git gives it."""
        answer = self.git("config", "-z", "--get-regexp", pattern, check=False)
        if answer.returncode not in (0, 1):  # 1: none set
            answer = self.git("config", "-z", "--get-regexp", pattern)
        found = {}
        for item in answer.stdout.split(b"\0"):
            if item:
                key, has_value, value = item.partition(b"\n")
                found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace") if has_value else "true"
        return found

    @property
    def commits_only_some_paths(self) -> bool:
        """`git commit PATHS`: the index is a temporary one, and what a hook adds to it is missing in the real one."""
        return self.env.get("GIT_INDEX_FILE", "").rpartition("/")[2].startswith("next-index-")

    @property
    def merges(self) -> bool:
        """The commit in preparation is a merge."""
        return os.path.exists(f"{self.git_dir}/MERGE_HEAD")  # noqa: PTH110  pathlib is not imported on this path

    def staged(self) -> list[Change]:
        """What differs between HEAD and the index; everything, before the first commit."""
        asked = ("diff-index", "--cached", "--ita-invisible-in-index", "--raw", "-z", "--no-renames", "--no-abbrev")
        answer = self.git(*asked, "HEAD", "--", check=False)
        if answer.returncode != 0:
            base = self.git("hash-object", "-t", "tree", "--stdin", stdin=b"").text
            if self.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False).returncode == 0:
                base = "HEAD"  # then git has another reason, and gives it again
            answer = self.git(*asked, base, "--")
        return parse_raw(answer.stdout)

    def index(self, paths: Iterable[bytes]) -> dict[bytes, tuple[str, str]]:
        """path → (mode, object id) for those of `paths` that the index has. `git add -N` puts nothing there yet."""
        asked = set(paths)
        if not asked:
            return {}
        few = asked if len(asked) <= _FEW else ()  # a command line has an end; the whole index is read fast, too
        answer = self.git("--literal-pathspecs", "ls-files", "-s", "-z", "--full-name", "--", *sorted(few))
        found = {}
        for line in answer.stdout.split(b"\0"):
            # <mode> SP <oid> SP <stage> TAB <path>
            head, _, path = line.partition(b"\t")
            if path and path in asked:
                mode, oid, _stage = head.decode("ascii").split(" ")
                found[path] = (mode, oid)
        if any(oid in _EMPTY for _, oid in found.values()):
            for path in self._only_intended():
                found.pop(path, None)
        return found

    def _only_intended(self) -> list[bytes]:
        """Paths of `git add -N`: `ls-files -s` shows them as empty files, and no commit has them."""
        answer = self.git("diff-files", "--ita-invisible-in-index", "--name-only", "-z", "--diff-filter=A", check=False)
        return answer.stdout.split(b"\0")

    def read(self, oids: Iterable[str | None]) -> dict[str, bytes]:
        """The blobs among `oids` that are small enough to be held."""
        wanted = dict.fromkeys(oid.encode("ascii") for oid in oids if oid)
        return {
            found.oid: found.read()
            for found in objects(wanted, self.root, self.env)
            if found.kind == "blob" and found.size <= LARGE
        }

    def stage(self, files: Mapping[bytes, tuple[str, bytes]]) -> None:
        """Put contents into the index without touching the worktree: path → (mode, bytes)."""
        if not files:
            return
        oids = self._stored([data for _, data in files.values()])
        lines = [
            f"{mode} {oid} 0\t".encode("ascii") + path + b"\0"
            for (path, (mode, _)), oid in zip(files.items(), oids, strict=True)
        ]
        self.git("update-index", "-z", "--index-info", stdin=b"".join(lines))

    def _stored(self, contents: Sequence[bytes]) -> list[str]:
        """Object ids of blobs, which git then has."""
        hashing = ("hash-object", "-w", "--no-filters")
        if len(contents) == 1 or "\n" in self.git_dir:  # git wants a line for each name
            return [self.git(*hashing, "--stdin", stdin=data).text for data in contents]
        import tempfile

        with tempfile.TemporaryDirectory(dir=self.git_dir, prefix="sahel-nb-staged-") as folder:
            names = [f"{folder}/{number}" for number in range(len(contents))]
            for name, data in zip(names, contents, strict=True):
                with open(name, "wb") as file:
                    file.write(data)
            answer = self.git(*hashing, "--stdin-paths", stdin=os.fsencode("\n".join(names)) + b"\n")
        return answer.text.split("\n")

    def opted_out(self, paths: Iterable[bytes]) -> set[bytes]:
        """Paths that .gitattributes takes out with `-filter`: notebooks that are meant to keep what they have."""
        asked = tuple(paths)
        unknown = [path for path in asked if path not in self._opted_out]
        if unknown:
            answer = self.git("check-attr", "-z", "--stdin", "filter", stdin=b"".join(path + b"\0" for path in unknown))
            fields = answer.stdout.split(b"\0")
            found = zip(fields[0::3], fields[2::3], strict=False)
            self._opted_out.update({path: value == b"unset" for path, value in found})
        return {path for path in asked if self._opted_out.get(path)}


def _is_plain(folder: str, env: Mapping[str, str]) -> bool:
    """Is this surely the top of an ordinary worktree of our own, with its .git in it? Then git need not be asked."""
    if any(name in env for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR")):
        return False
    try:
        there, top = os.lstat(f"{folder}/.git"), os.stat(folder)  # noqa: PTH116  pathlib is not imported on this path
        with open(f"{folder}/.git/config", "rb") as file:
            config = file.read().lower()
        os.lstat(f"{folder}/.git/HEAD")
        os.lstat(f"{folder}/.git/objects")
    except OSError:
        return False
    # core.worktree, extensions.worktreeConfig, and whatever another file may say.
    elsewhere = b"worktree" in config or b"[include" in config or b"bare = false" not in config
    # To what belongs to others git has something to say; a linked worktree and a submodule have a file here.
    own = (there.st_mode & 0o170000) == 0o040000 and {there.st_uid, top.st_uid} == {os.geteuid()}
    return own and not elsewhere and not os.path.lexists(f"{folder}/.git/commondir")


def parse_raw(output: bytes) -> list[Change]:
    """`git diff-index --raw -z`: `:<mode> <mode> <oid> <oid> <status>` NUL `<path>` NUL."""
    fields = output.split(b"\0")
    return [parse_change(head, path) for head, path in zip(fields[0::2], fields[1::2], strict=False) if path]


def parse_change(head: bytes, path: bytes) -> Change:
    old_mode, mode, before, after, _status = head.decode("ascii").lstrip(":").split(" ")
    return Change(
        path=path,
        before=before if _is_file(old_mode) else None,
        after=after if _is_file(mode) else None,
        mode=mode,
    )


def _is_file(mode: str) -> bool:
    """Neither absent, nor a submodule, nor a link, whose blob is its target's name."""
    return mode.startswith("100")
