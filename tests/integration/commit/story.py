"""A clone that is set up, and what people do in it: the words in which the commit stories are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sahel_nb.config import Config
from sahel_nb.install.install import install
from sahel_nb.install.kernel import NewKernel, create
from sahel_nb.install.repository import initialize
from sahel_nb.repo.worktree import Worktree
from sahel_nb.report.events import Silent
from tests.support.git import DATE, Git

IN_STEP = "nothing to do: notebooks and mirrors are in step\n"
"""What `sahel-nb pair` says where there is no half to write."""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Clone:
    git: Git

    @property
    def root(self) -> Path:
        return self.git.root

    def run(self, *args: str, **env: str) -> Said:
        """git as a person types it, its hooks and their words included."""
        done = subprocess.run(
            ["git", *args],
            cwd=self.root,
            env={**os.environ, "GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
        )
        return Said(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def must(self, *args: str) -> str:
        said = self.run(*args)
        assert said.code == 0, said
        return said.out

    def committed(self, path: str, rev: str = "HEAD") -> bytes:
        return subprocess.run(
            ["git", "cat-file", "blob", f"{rev}:{path}"], cwd=self.root, check=True, capture_output=True
        ).stdout

    def staged(self, path: str) -> bytes:
        return self.committed(path, "")

    def disk(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def commit_raw(self, path: str, data: bytes) -> None:
        """What somebody without sahel-nb would commit: no filter, no hooks."""
        self.git.write(path, data)
        oid = self.git("hash-object", "-w", "--no-filters", "--", path)
        self.must("update-index", "--add", "--cacheinfo", f"100644,{oid},{path}")
        self.must("commit", "-qm", f"Raw {path}", "--no-verify")

    def status(self) -> str:
        return self.git("status", "--porcelain", "--untracked-files=all")


def set_up(root: Path, install_it: bool = True) -> Clone:
    git = Git.init(root)
    initialize(root, Config(), pre_commit=False)
    git("add", ".")
    git("commit", "-qm", "Set up")
    if install_it:
        install(Worktree.discover(root), Silent())
    return Clone(git)


def sahel_nb(clone: Clone, *args: str, stdin: bytes = b"", cwd: Path | None = None) -> Said:
    """The command line, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "sahel_nb.cli.main", *args],
        cwd=cwd or clone.root,
        input=stdin,
        capture_output=True,
        timeout=120,
    )
    return Said(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def executed(notebook: bytes, **sources: str) -> bytes:
    """The notebook after Jupyter has run it; `cell_0="…"` edits a cell's source."""
    document = json.loads(notebook)
    for index, cell in enumerate(document["cells"]):
        if f"cell_{index}" in sources:
            cell["source"] = sources[f"cell_{index}"].splitlines(True)
        if cell["cell_type"] == "code":
            cell["execution_count"] = index + 1
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["computed\n"]}]
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def sources_of(notebook: bytes) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(notebook)["cells"]]


def kernel(clone: Clone, name: str = "fula-model") -> str:
    """A committed kernel folder; its path from the root."""
    create(clone.root / "notebooks" / name, NewKernel(name, "awa"), "py:percent")
    clone.must("add", ".")
    clone.must("commit", "-qm", f"Add {name}")
    return f"notebooks/{name}/{name}"
