"""A kernel and its client that wait for each other: ended and named; a cell that sleeps or waits is left alone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient

from sahel_nb.localkaggle.executor import runner
from support.jobs import notebook

# A real ipykernel that runs a cell with "swallow" in it and never answers the request.
KERNEL = """
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp

class Kernel(IPythonKernel):
    deaf = False

    async def dispatch_shell(self, *args, **more):
        if self.deaf:
            return
        await super().dispatch_shell(*args, **more)

    async def execute_request(self, stream, ident, parent):
        self.deaf = self.deaf or "go deaf" in parent["content"]["code"]
        if "swallow" not in parent["content"]["code"]:
            await super().execute_request(stream, ident, parent)

IPKernelApp.launch_instance(kernel_class=Kernel)
"""
BLOCKED = "import asyncio, time; asyncio.get_running_loop().call_later(0.1, time.sleep, 3); await asyncio.sleep(0)"

Execute = Callable[..., list[Any]]


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Run cells by the runner, which has little patience here; what it told the supervisor."""
    monkeypatch.setattr(runner, "KNOCK_EVERY", 0.2)
    monkeypatch.setattr(runner, "REPLY_LOST_AFTER", 1.0)
    monkeypatch.setattr(runner, "ASLEEP_AFTER", 1.0)
    program = tmp_path / "kernel.py"
    program.write_text(KERNEL)
    spec = {"argv": [sys.executable, str(program), "-f", "{connection_file}"]}
    monkeypatch.setattr(runner.Kernel, "_spec", lambda _: spec)

    def run(*cells: str) -> list[Any]:
        read, write = os.pipe()
        document = json.loads(notebook(*cells))
        kernel = runner.Kernel("python3", str(tmp_path))
        try:
            runner.execute(runner.as_notebook(document), kernel, str(tmp_path), runner.Voice(write, 0.0))
        finally:
            os.close(write)
            with open(read, encoding="utf-8") as frames:
                said = [json.loads(line) for line in frames]
            assert kernel.process is not None
            kernel.process.kill()
            kernel.process.wait()
        return said

    return run


def test_an_answer_that_was_lost_ends_the_run(execute: Execute) -> None:
    with pytest.raises(runner.Failed, match=r"it had run the cell, and its answer was lost.*run it again"):
        execute("print('ran')", "'swallow'")


def test_a_request_that_was_lost_ends_the_run(execute: Execute, monkeypatch: pytest.MonkeyPatch) -> None:
    send = AsyncKernelClient.execute

    def lossy(self: Any, code: str, **options: Any) -> Any:
        return "lost" if code == "lose()" else send(self, code, **options)

    monkeypatch.setattr(AsyncKernelClient, "execute", lossy)
    with pytest.raises(runner.Failed, match="it answers, and the request to run the cell was lost"):
        execute("print('ran')", "lose()")


def test_a_kernel_that_sleeps_and_reads_nothing_ends_the_run(execute: Execute) -> None:
    with pytest.raises(runner.Failed, match="it sleeps, and never began with the cell"):
        execute("'go deaf'", "print('never')")


def test_cells_that_sleep_wait_or_are_kept_waiting_are_left_alone(execute: Execute) -> None:
    wait = "import os, select; r, w = os.pipe(); print(select.select([r], [], [], 3)[0])"
    said = execute("import time; time.sleep(3)", wait, BLOCKED, "await asyncio.sleep(3)", "print('all of it')")
    assert said[-1][2] == "all of it\n"


def test_a_long_text_is_cut_into_records(tmp_path: Path) -> None:
    with open(tmp_path / "frames", "wb") as file:
        runner.Voice(file.fileno(), 0.0).log("stdout", "ŋ" * 200_000)
    texts = [json.loads(line)[2] for line in (tmp_path / "frames").read_text().splitlines()]
    assert ("".join(texts), max(map(len, texts)) < 100_000) == ("ŋ" * 200_000, True)
