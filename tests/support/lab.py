"""A small lab: a bare remote, clones with people in them, the embedded service, and `sahel-nb` as they type it.

with Lab(tmp_path) as lab:
    awa = lab.join("awa")
    awa.kernel("fula-lid", cells=["print('ŋ')"])
    assert awa.sahel("run").code == 0
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from support.git import Git, Origin
from support.service import BIN, Service

OWNER = "awa"
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
CONFIG = """[lock]
ttl = 30
[pair]
format = ""
"""


@dataclass(frozen=True)
class Done:
    """A command that has ended. `err` is what a person read, `out` the product."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


class Member:
    """Somebody in their clone, with an account on the service."""

    def __init__(self, lab: Lab, name: str, git: Git) -> None:
        self.lab, self.name, self.git = lab, name, git
        self.root = git.root

    def env(self) -> dict[str, str]:
        home = self.root.parent / f"home-of-{self.name}"
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        return {
            **os.environ,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "TMPDIR": str(home / "tmp"),
            "SAHEL_NB_KAGGLE": self.lab.service.url,
            "SAHEL_NB_UNSANDBOXED": "1",  # what runs here are our own kernels, also on a machine without namespaces
            "KAGGLE_USERNAME": self.name,
            "KAGGLE_KEY": self.lab.service.key(self.name),
            "PYTHONPATH": str(Path(__file__).parent.parent),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return self._start((str(BIN / "sahel-nb"), *arguments))

    def python(self, script: Path, *arguments: str) -> subprocess.Popen[str]:
        """A script of the tests' own, run as this member."""
        return self._start((sys.executable, str(script), *arguments))

    def sahel(self, *arguments: str, timeout: float = 120) -> Done:
        return finished(self.start(*arguments), timeout)

    def kernel(self, slug: str, cells: Sequence[str], *, folder: str = "", **metadata: Any) -> str:
        """Write, commit and push a kernel; returns its folder."""
        where = folder or f"notebooks/{slug}"
        self.write_kernel(slug, cells, where, **metadata)
        self.git("add", "--", where)
        self.git.commit(message=f"Kernel {slug}")
        self.git.push()
        return where

    def write_kernel(self, slug: str, cells: Sequence[str], where: str, **metadata: Any) -> None:
        kind = metadata.pop("kernel_type", "notebook")
        code_file = metadata.pop("code_file", f"{slug}.ipynb" if kind == "notebook" else f"{slug}.py")
        settings = {
            "id": f"{OWNER}/{slug}",
            "title": " ".join(word.capitalize() for word in slug.split("-")),
            "code_file": code_file,
            "language": "python",
            "kernel_type": kind,
            "is_private": True,
            "enable_gpu": False,
            "enable_tpu": False,
            "enable_internet": False,
            **metadata,
        }
        self.git.write(f"{where}/kernel-metadata.json", json.dumps(settings, indent=2))
        self.git.write(f"{where}/{code_file}", notebook(cells) if kind == "notebook" else "\n".join(cells) + "\n")

    def lock(self, slug: str) -> dict[str, Any] | None:
        """The newest record of the shared lock, read with plain git."""
        ref = f"refs/sahel/locks/{OWNER}/{slug}"
        text = self.lab.origin("log", "-1", "--format=%B", ref, check=False)
        return json.loads(text) if text.strip().startswith("{") else None

    def chain(self, slug: str) -> list[dict[str, Any]]:
        """All records, oldest first."""
        text = self.lab.origin("log", "--reverse", "--format=%B%x00", f"refs/sahel/locks/{OWNER}/{slug}", check=False)
        return [json.loads(part) for part in text.split("\0") if part.strip()]

    def _start(self, command: tuple[str, ...]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=self.root, env=self.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8", preexec_fn=_as_at_a_terminal,
        )  # fmt: skip


def _as_at_a_terminal() -> None:
    """A suite that was started with `nohup`, or behind `&`, ignores these, and so would all that it starts."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Lab:
    """`people` all have accounts; all but the owner collaborate on the kernels named in `shared`."""

    def __init__(self, folder: Path, *, people: tuple[str, ...] = (OWNER, "binta"), shared: Sequence[str] = ()) -> None:
        guests = [person for person in people if person != OWNER]
        options = [
            word for slug in shared for guest in guests for word in ("--collaborator", f"{OWNER}/{slug}={guest}")
        ]
        self.folder = folder
        self.service = Service(folder / "kaggle", "--admin", *options, users=people)
        self.origin = Origin.create(folder / "origin.git")
        self._first = True

    def __enter__(self) -> Lab:
        self.service.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.service.__exit__(kind, exc, tb)

    def join(self, name: str, *, config: str = CONFIG) -> Member:
        """A clone for `name`. The first one commits the project's config, which the others get."""
        git = self.origin.clone(name)
        member = Member(self, name, git)
        if self._first:
            self._first = False
            git.write("sahel-nb.toml", config)
            git.commit("sahel-nb.toml", message="Settings")
            git.push()
        return member

    def versions(self, slug: str) -> int:
        """How many versions the service was given."""
        code, answer = self.service.api(OWNER, "GetKernel", {"userName": OWNER, "kernelSlug": slug})
        return int(answer["metadata"]["currentVersionNumber"]) if code == 200 else 0


def finished(process: subprocess.Popen[str], timeout: float = 120) -> Done:
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"{process.args} was still running after {timeout} s\n{out}\n{err}") from None
    return Done(process.returncode, out, err)


def notebook(cells: Sequence[str]) -> str:
    """A stripped notebook."""
    items = [
        {"cell_type": "code", "execution_count": None, "id": str(n), "metadata": {}, "outputs": [],
         "source": text.splitlines(keepends=True)}
        for n, text in enumerate(cells)
    ]  # fmt: skip
    body = {"cells": items, "metadata": {"kernelspec": KERNELSPEC}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def redacted(text: str) -> str:
    """What changes from run to run, by its name: for comparing what people read."""
    for pattern, name in (
        (r"\d{8}T\d{6}Z-[0-9a-f]{6}", "<run>"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
        (r"http://127\.0\.0\.1:\d+", "<url>"),
        (r"\b[0-9a-f]{40}\b", "<commit>"),
        (r"\b[0-9a-f]{7,8}\b", "<short>"),
    ):
        text = re.sub(pattern, name, text)
    return text
