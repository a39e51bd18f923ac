"""Jobs for the executor: a notebook from its cells, a run from launch to result, its log as text.

run = Runs(tmp_path).run(notebook("print('ŋana')"))
assert run.result.outcome is Outcome.COMPLETE
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sahel_nb.localkaggle.executor.api_access import ApiAccess
from sahel_nb.localkaggle.executor.job import Job, Mount, Result
from sahel_nb.localkaggle.executor.launch import Execution, launch
from sahel_nb.localkaggle.executor.resources import Resources
from sahel_nb.localkaggle.executor.spec import Interpreter

PYTHON = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(
    *sources: str, kernelspec: Mapping[str, str] | None = PYTHON, tags: Mapping[int, str] | None = None
) -> bytes:
    """A notebook of code cells; `tags` gives the cell of that index a tag."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{index}",
            "metadata": {"tags": [tags[index]]} if tags and index in tags else {},
            "outputs": [],
            "source": source,
        }
        for index, source in enumerate(sources)
    ]
    metadata = {"kernelspec": dict(kernelspec)} if kernelspec is not None else {}
    document = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, ensure_ascii=False).encode()


def eventually(true: Callable[[], Any], patience: float = 60.0) -> Any:
    """The first true answer; fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        answer = true()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"not within {patience} seconds: {true}")


def records(folder: Path) -> list[dict[str, Any]]:
    """The log's records so far. A log is always whole lines, so this never fails on a half one."""
    try:
        return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []


def text(folder: Path, stream: str | None = None) -> str:
    return "".join(r["data"] for r in records(folder) if stream in (None, r["stream_name"]))


def processes_with(word: str) -> list[int]:
    """Processes that have `word` as an argument, seen from outside every sandbox."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def children_of(pid: int) -> list[int]:
    """Everybody who descends from a process."""
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


@dataclass(frozen=True)
class Run:
    folder: Path
    result: Result

    @property
    def log(self) -> str:
        return text(self.folder)

    @property
    def outputs(self) -> dict[str, bytes]:
        working = self.folder / "working"
        return {str(p.relative_to(working)): p.read_bytes() for p in sorted(working.rglob("*")) if p.is_file()}


class Runs:
    """Makes a folder for each job, below one that is a test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def start(
        self,
        source: bytes,
        kind: str = "notebook",
        *,
        language: str = "python",
        mounts: tuple[Mount, ...] = (),
        environment: Mapping[str, str] | None = None,
        time_limit: float = 120.0,
        internet: bool = False,
        resources: Resources | None = None,
        interpreter: Interpreter | None = None,
        api: ApiAccess | None = None,
    ) -> tuple[Path, Execution]:
        self._count += 1
        folder = self._folder / f"job-{self._count}"
        folder.mkdir()
        more = {"resources": resources} if resources is not None else {}
        return folder, launch(
            Job(
                folder,
                source,
                kind,
                language,
                mounts,
                environment or {},
                time_limit,
                internet,
                interpreter=interpreter,
                api=api,
                **more,
            )
        )

    def run(self, source: bytes, kind: str = "notebook", **settings: Any) -> Run:
        folder, execution = self.start(source, kind, **settings)
        result = execution.wait(120.0)
        assert result is not None, f"still running; its log: {text(folder)}"
        return Run(folder, result)
