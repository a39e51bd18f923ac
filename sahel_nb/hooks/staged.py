"""What a commit is made of: the index it will be written from, read by object id and never from the worktree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sahel_nb.repo.cmd import GitResult, git, told_to_hooks
from sahel_nb.repo.objects import blobs
from sahel_nb.repo.worktree import Worktree

_LARGEST = 32 * 1024 * 1024
"""Beyond this a blob is data: it is not read into memory to look for secrets."""
_FEW = 500


@dataclass(frozen=True)
class Change:
    """One path that differs between two trees. `before` and `after` are object ids, None where it is not there."""

    path: bytes
    before: str | None
    after: str | None
    mode: str

    @property
    def name(self) -> str:
        """The path for showing."""
        return self.path.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Repository:
    """The worktree as a hook sees it: with the index that git told the hook to look at."""

    worktree: Worktree
    env: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def here(cls) -> Repository:
        env = told_to_hooks(os.environ)
        if "GIT_INDEX_FILE" in env:
            # git gives it relative to the folder in which it started the hook.
            env["GIT_INDEX_FILE"] = str(Path.cwd() / env["GIT_INDEX_FILE"])
        return cls(Worktree.discover(Path.cwd(), env), env)

    def git(self, *args: str | bytes, stdin: bytes | None = None, check: bool = True) -> GitResult:
        return git(*args, cwd=self.worktree.root, env=self.env, stdin=stdin, check=check)

    def disk(self, path: bytes) -> Path:
        """Where a path of the tree lies on disk."""
        return self.worktree.root / os.fsdecode(path)

    @property
    def commits_only_some_paths(self) -> bool:
        """`git commit PATHS`: the index is a temporary one, and what a hook adds to it is missing in the real one."""
        return Path(self.env.get("GIT_INDEX_FILE", "")).name.startswith("next-index-")

    def staged(self) -> list[Change]:
        """What differs between HEAD and the index; everything, before the first commit."""
        head = self.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False)
        base = head.text if head.returncode == 0 else self.git("hash-object", "-t", "tree", "--stdin", stdin=b"").text
        answer = self.git("diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", base, "--")
        return parse_raw(answer.stdout)

    def index(self, paths: Iterable[bytes]) -> dict[bytes, tuple[str, str]]:
        """path → (mode, object id) for those of `paths` that the index has."""
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
        return found

    def read(self, oids: Iterable[str | None]) -> dict[str, bytes]:
        """The blobs among `oids` that are small enough to be looked at."""
        wanted = list(dict.fromkeys(oid for oid in oids if oid))
        if not wanted:
            return {}
        asked = "".join(f"{oid}\n" for oid in wanted).encode("ascii")
        answer = self.git("cat-file", "--batch-check", stdin=asked)
        small = []
        for line in answer.stdout.splitlines():
            words = line.decode("ascii").split(" ")
            if len(words) == 3 and words[1] == "blob" and int(words[2]) <= _LARGEST:
                small.append(words[0])
        return blobs(self.worktree, small)

    def stage(self, files: Mapping[bytes, tuple[str, bytes]]) -> None:
        """Put contents into the index without touching the worktree: path → (mode, bytes)."""
        lines = []
        for path, (mode, data) in files.items():
            oid = self.git("hash-object", "-w", "--no-filters", "--stdin", stdin=data).text
            lines.append(f"{mode} {oid} 0\t".encode("ascii") + path + b"\0")
        if lines:
            self.git("update-index", "-z", "--index-info", stdin=b"".join(lines))

    def opted_out(self, paths: Iterable[bytes]) -> set[bytes]:
        """Paths that .gitattributes takes out with `-filter`: notebooks that are meant to keep what they have."""
        asked = tuple(paths)
        if not asked:
            return set()
        answer = self.git("check-attr", "-z", "--stdin", "filter", stdin=b"".join(path + b"\0" for path in asked))
        fields = answer.stdout.split(b"\0")
        return {path for path, value in zip(fields[0::3], fields[2::3], strict=False) if value == b"unset"}


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
